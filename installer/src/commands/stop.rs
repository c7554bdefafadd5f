//! `runvoy stop`.

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::execution::Execution;
use serde_json::Value;

use super::{Which, execution_path};
use crate::{client::Client, complete, error::Result, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy stop exec_20251026143210_a1b2c3
  runvoy stop last";

/// Arguments of `runvoy stop`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The execution: its id, a unique part of it, or `last` for your newest one
    #[arg(add = ArgValueCandidates::new(complete::executions))]
    id: Which,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Stops an execution: the command gets SIGTERM, and SIGKILL if that is not enough.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let id = args.id.resolve(&client).await?;
    let reply: Value = client.delete(&execution_path(&id)).await?;
    if args.json {
        return ui::json(&reply);
    }
    let execution: Execution = serde_json::from_value(reply)?;
    ui::note(format_args!("`{id}` is {}", execution.status));
    if !execution.status.is_terminal() {
        ui::note(format_args!("`runvoy logs -f {id}` shows its end"));
    }
    Ok(())
}
