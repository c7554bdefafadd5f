use std::time::Duration;

use anyhow::{Context, Result};
use runvoy_sandbox::{Hinted, Layout};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use super::state::{self, Claim, State};

const PATIENCE: Duration = Duration::from_secs(30);

/// Stops the running sandbox
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command. Nothing running is fine, too.
pub async fn run(Args {}: Args) -> Result<u8> {
    let layout = state::layout()?;
    let Some(state) = State::read(&layout)? else {
        if Claim::try_take(&layout)?.is_none() {
            return Err(Hinted::error(
                "the sandbox is just starting or stopping",
                "wait, or end its process by Ctrl-C",
            ));
        }
        eprintln!("no sandbox is running");
        return Ok(0);
    };
    let pid = i32::try_from(state.pid).ok().and_then(Pid::from_raw).context("the state file names no process")?;
    kill_process(pid, Signal::TERM).context("can't signal the sandbox's process")?;
    if !ended(&layout).await? {
        // The engine and the containers notice and end themselves.
        kill_process(pid, Signal::KILL).context("can't end the sandbox's process")?;
    }
    eprintln!("stopped");
    Ok(0)
}

/// Its claim is free once its process is gone.
async fn ended(layout: &Layout) -> Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if Claim::try_take(layout)?.is_some() {
            return Ok(true);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(false)
}
