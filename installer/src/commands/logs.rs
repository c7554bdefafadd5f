//! `runvoy logs`.

use runvoy_api::logs::LogEvent;

use super::Which;
use crate::{
    client::Client,
    error::Result,
    follow::{self, Follower},
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy logs last
  runvoy logs -f exec_20251026143210_a1b2c3 > build.log";

/// Arguments of `runvoy logs`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The execution, or `last` for your newest one
    id: Which,
    /// Go on until the execution has ended
    #[arg(short, long)]
    follow: bool,
    /// Print the log so far as one JSON reply
    #[arg(long, conflicts_with = "follow")]
    json: bool,
}

/// Prints a log, exactly as the command wrote it.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let id = args.id.resolve(&client).await?;
    let follower = Follower::new(&client, &id);
    if args.follow {
        let end = follower.follow().await?;
        let code = end.exit_code.map(|code| format!(": exit code {code}")).unwrap_or_default();
        ui::note(format_args!("{}{code}", end.status));
        return Ok(());
    }
    if !args.json {
        follower.read(|lines| follow::print(&lines)).await?;
        return Ok(());
    }
    let mut logs: Vec<LogEvent> = Vec::new();
    let mut page = follower
        .read(|lines| {
            logs.extend(lines);
            Ok(())
        })
        .await?;
    page.logs = logs;
    ui::json(&page)
}
