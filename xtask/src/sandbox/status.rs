use anyhow::Result;
use serde_json::json;

use super::state::{self, State};
use super::up::summary;

/// Says whether a sandbox is running: exit code 0 if so, else 1
#[derive(clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<u8> {
    let state = State::read(&state::layout()?)?;
    match (&state, args.json) {
        (Some(state), true) => println!("{}", summary(state)),
        (None, true) => println!("{}", json!({ "running": false })),
        (None, false) => println!("no sandbox is running"),
        (Some(state), false) => {
            println!("running since {}", state.started_at);
            println!("endpoint    {}", state.endpoint);
            println!("processes   {} (sandbox), {} (engine)", state.pid, state.engine_pid);
            println!("AWS calls   {}", state.calls_log.display());
            println!("engine log  {}", state.engine_log.display());
        }
    }
    Ok(u8::from(state.is_none()))
}
