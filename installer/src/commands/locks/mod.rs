//! `runvoy locks`.

pub mod list;
pub mod release;

use crate::error::Result;

/// What can be done with locks.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the locks that are held
    List(list::Args),
    /// Stop whoever holds a lock (admins)
    Release(release::Args),
}

/// Runs it.
pub async fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::List(args) => list::run(args, profile).await,
        Command::Release(args) => release::run(args, profile).await,
    }
}
