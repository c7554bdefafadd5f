//! Time and chance: the machine's own, unless a simulation has put others in their place.
//!
//! All that the orchestrator does follows from its input, from AWS's answers, and from these three. So a simulation that
//! gives them can repeat any run exactly. It does so for its own thread; nothing else ever does.

use std::{cell::Cell, pin::Pin, time::Duration};

use time::OffsetDateTime;

/// A pause that can be awaited.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a process takes from the machine that it runs on.
#[derive(Clone, Copy)]
pub struct Machine {
    /// The wall clock.
    pub now: fn() -> OffsetDateTime,
    /// Fills the bytes with randomness.
    pub random: fn(&mut [u8]) -> anyhow::Result<()>,
    /// Ends after this long.
    pub sleep: fn(Duration) -> Sleep,
}

thread_local! {
    static MACHINE: Cell<Machine> = const { Cell::new(Machine { now: OffsetDateTime::now_utc, random: fill, sleep: pause }) };
}

impl Machine {
    /// Takes the real one's place on this thread.
    pub fn install(self) {
        MACHINE.set(self);
    }
}

fn fill(bytes: &mut [u8]) -> anyhow::Result<()> {
    getrandom::fill(bytes).map_err(|error| anyhow::anyhow!("the system gave no randomness: {error}"))
}

fn pause(duration: Duration) -> Sleep {
    Box::pin(tokio::time::sleep(duration))
}

/// The time.
pub fn now() -> OffsetDateTime {
    (MACHINE.get().now)()
}

/// Bytes from the machine's randomness.
pub fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    (MACHINE.get().random)(&mut bytes)?;
    Ok(bytes)
}

/// Waits.
pub async fn sleep(duration: Duration) {
    (MACHINE.get().sleep)(duration).await;
}
