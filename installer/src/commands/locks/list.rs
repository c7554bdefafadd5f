//! `runvoy locks list`.

use runvoy_api::lock::LockList;

use crate::{client::Client, commands::reply, error::Result, table::Table, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy locks list
  runvoy locks list --json";

/// Arguments of `runvoy locks list`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Lists the locks that are held, and by whom.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let Some(list) = reply::<LockList>(&client, "/locks", args.json).await? else { return Ok(()) };
    if list.locks.is_empty() {
        ui::note("no lock is held");
        return Ok(());
    }
    let mut table = Table::new(["LOCK", "HELD BY", "SINCE", "OVERDUE", "WAITING", "EXECUTION"]);
    for lock in &list.locks {
        table.push([
            (&lock.lock_name).into(),
            (&lock.user_email).into(),
            ui::ago(&lock.acquired_at).into(),
            ui::ago(&lock.expires_at).into(),
            lock.waiters.len().into(),
            (&lock.execution_id).into(),
        ]);
    }
    table.print()
}
