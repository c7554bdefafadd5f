//! `runvoy locks`.

pub mod list;

use crate::error::Result;

/// What can be done with locks.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the locks that are held
    List(list::Args),
}

/// Runs it.
pub async fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::List(args) => list::run(args, profile).await,
    }
}
