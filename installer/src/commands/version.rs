//! `runvoy version`.

use runvoy_api::CONTRACT_VERSION;

use crate::{error::Result, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy version
  runvoy version --json";

/// Arguments of `runvoy version`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the version of this program and of the contract that it speaks.
pub fn run(args: Args) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        return ui::json(&serde_json::json!({"version": version, "contract": CONTRACT_VERSION}));
    }
    ui::line(format_args!("runvoy {version} (contract {CONTRACT_VERSION})"))
}
