//! `cargo xtask sandbox`: the whole product on this machine, with no AWS account.

mod detach;
mod env;
mod run;
mod state;
mod status;
mod stop;
mod up;

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};
use clap::Subcommand;

/// Starts the product on an AWS of its own on this machine, until Ctrl-C
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: up::Args,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Status(status::Args),
    Stop(stop::Args),
    Env(env::Args),
}

/// Runs the command.
pub async fn run(args: Args) -> Result<u8> {
    match args.command {
        None if args.up.detach => detach::run(args.up).await,
        None => up::run(args.up).await,
        Some(Command::Run(args)) => run::run(args).await,
        Some(Command::Status(args)) => status::run(args),
        Some(Command::Stop(args)) => stop::run(args).await,
        Some(Command::Env(args)) => env::run(args),
    }
}

/// Writes a result. A reader that has had enough, such as `head`, is no error.
fn print(text: &str) -> Result<u8> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("can't write to standard output"),
        _ => Ok(0),
    }
}
