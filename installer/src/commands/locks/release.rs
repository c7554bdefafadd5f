//! `runvoy locks release`.

use std::time::{Duration, Instant};

use runvoy_api::lock::{LockList, LockRelease, LockReleased};
use serde_json::Value;

use crate::{
    client::{Client, encode},
    error::{Error, Result},
    ui,
};

/// Longer than a task has between SIGTERM and SIGKILL.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  runvoy locks release infra-prod --reason 'terraform hangs on a prompt'

The holder's task is stopped first; the lock is free when it has stopped, and goes to
whoever waits for it. Both your name and the reason are kept in the audit trail.";

/// Arguments of `runvoy locks release`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The lock
    name: String,
    /// Why, for the audit trail
    #[arg(long)]
    reason: String,
    /// Print the API's reply as JSON, without waiting for the task to stop
    #[arg(long)]
    json: bool,
}

/// Stops the holder and waits until the lock is its no more.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let path = format!("/locks/{}", encode(&args.name));
    let reply: Value = client.delete_with(&path, &LockRelease { reason: args.reason }).await?;
    if args.json {
        return ui::json(&reply);
    }
    let LockReleased { lock, released } = serde_json::from_value(reply)?;
    let (name, holder) = (ui::printable(&lock.lock_name), ui::printable(&lock.execution_id));
    if !released {
        ui::note(format_args!("stopping `{holder}` of {}, which holds `{name}`", ui::printable(&lock.user_email)));
        until_stopped(&client, &lock.lock_name, &lock.execution_id).await?;
    }
    ui::note(format_args!("`{name}` is not held by `{holder}` any more"));
    Ok(())
}

async fn until_stopped(client: &Client, name: &str, holder: &str) -> Result<()> {
    let (bar, start) = (ui::spinner("its task is stopping"), Instant::now());
    while start.elapsed() < PATIENCE {
        let list: LockList = client.get("/locks").await?;
        if !list.locks.iter().any(|lock| lock.lock_name == name && lock.execution_id == holder) {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bar.finish_and_clear();
    Err(Error::new(format!("the task of `{holder}` has not stopped within {} seconds", PATIENCE.as_secs()))
        .hint(format!("nothing else gets the lock before it has: `runvoy status {holder}` shows where it stands")))
}
