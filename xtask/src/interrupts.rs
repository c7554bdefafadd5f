use std::future::poll_fn;
use std::task::Poll;

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// The signals that ask us to end. Made before anything is started, so that none of them leaves something behind.
pub struct Interrupts([(unix::Signal, Signal); 3]);

impl Interrupts {
    /// From now on these signals don't end this process by themselves.
    pub fn catch() -> Result<Self> {
        let catch = |kind, signal| unix::signal(kind).map(|stream| (stream, signal)).context("can't catch signals");
        Ok(Self([
            catch(SignalKind::interrupt(), Signal::INT)?,
            catch(SignalKind::terminate(), Signal::TERM)?,
            catch(SignalKind::hangup(), Signal::HUP)?,
        ]))
    }

    /// The next one.
    pub async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (stream, signal) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// The exit code of a process that a signal ended, as shells have it.
pub fn exit_code(signal: Signal) -> u8 {
    128u8.saturating_add(u8::try_from(signal.as_raw()).unwrap_or_default())
}
