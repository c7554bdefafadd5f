//! `cargo xtask sandbox`: the whole product on this machine, with no AWS account.

mod detach;
mod env;
mod run;
mod state;
mod status;
mod stop;
mod up;

use anyhow::Result;
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
