//! `runvoy admin`: what takes an admin's key.

pub mod add_user;
pub mod config;
pub mod git_credentials;
pub mod list_users;
pub mod registry_credentials;
pub mod revoke_user;
pub mod rotate_key;
pub mod secrets;
pub mod set_policy;
pub mod set_role;
mod value;

use crate::error::Result;

/// What an admin can do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Add a user and print their key, once
    AddUser(add_user::Args),
    /// List users
    ListUsers(list_users::Args),
    /// Change a user's role
    SetRole(set_role::Args),
    /// Say what a user's commands may be
    SetPolicy(set_policy::Args),
    /// Give a user a new key for the old one
    RotateKey(rotate_key::Args),
    /// Revoke a user's key
    RevokeUser(revoke_user::Args),
    /// Show and change the deployment's settings
    Config(config::Args),
    /// Secrets for commands, by alias
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// What private git repositories are read with
    #[command(subcommand)]
    GitCredentials(git_credentials::Command),
    /// What private images are pulled with
    #[command(subcommand)]
    RegistryCredentials(registry_credentials::Command),
}

/// Runs it.
pub async fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::AddUser(args) => add_user::run(args, profile).await,
        Command::ListUsers(args) => list_users::run(args, profile).await,
        Command::SetRole(args) => set_role::run(args, profile).await,
        Command::SetPolicy(args) => set_policy::run(args, profile).await,
        Command::RotateKey(args) => rotate_key::run(args, profile).await,
        Command::RevokeUser(args) => revoke_user::run(args, profile).await,
        Command::Config(args) => config::run(args, profile).await,
        Command::Secrets(command) => secrets::run(command, profile).await,
        Command::GitCredentials(command) => git_credentials::run(command, profile).await,
        Command::RegistryCredentials(command) => registry_credentials::run(command, profile).await,
    }
}
