//! `runvoy admin`: what takes an admin's key.

pub mod add_user;
pub mod list_users;
pub mod revoke_user;

use crate::error::Result;

/// What an admin can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Add a user and print their key, once
    AddUser(add_user::Args),
    /// List users
    ListUsers(list_users::Args),
    /// Revoke a user's key
    RevokeUser(revoke_user::Args),
}

/// Runs it.
pub async fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::AddUser(args) => add_user::run(args, profile).await,
        Command::ListUsers(args) => list_users::run(args, profile).await,
        Command::RevokeUser(args) => revoke_user::run(args, profile).await,
    }
}
