use std::ffi::OsString;

use anyhow::Result;
use runvoy_sandbox::Layout;
use tokio::process::Command;

use crate::child::{self, Outcome};
use crate::interrupts::Interrupts;

/// Runs the protocol against AWS as it can be, by seeded schedules: see its own `--help`
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// For the simulation: `--seeds N`, `--from S`, `--seed S`, `--planted`, `--help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// How it is built: see the profile of this name in `Cargo.toml`.
const PROFILE: &str = "simulate";

/// Runs the command. The simulation links the orchestrator and a database: cargo builds it here, so that xtask need not.
pub async fn run(args: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    let layout = Layout::named("simulate")?;
    // As a part of the workspace, like all else: by itself it would be built with other features of its dependencies.
    let mut build = child::cargo(&layout);
    build.args(["build", "--workspace", "--profile", PROFILE, "--bin", "runvoy-simulate"]);
    if let Outcome::Ended(code) = child::run(&mut build, &mut interrupts).await? {
        return Ok(code);
    }
    let mut simulate = Command::new(layout.bin().with_file_name(PROFILE).join("runvoy-simulate"));
    simulate.args(args.arguments);
    Ok(match child::run(&mut simulate, &mut interrupts).await? {
        Outcome::Done(()) => 0,
        Outcome::Ended(code) => code,
    })
}
