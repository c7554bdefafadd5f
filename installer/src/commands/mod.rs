//! The commands: one file each.

pub mod admin;
mod attend;
pub mod audit;
pub mod build;
mod code;
pub mod completions;
pub mod config;
pub mod configure;
pub mod costs;
pub mod destroy;
pub mod exec;
mod flags;
pub mod health;
pub mod init;
pub mod list;
pub mod locks;
pub mod logs;
pub mod man;
pub mod open;
pub mod profile;
pub mod rerun;
mod since;
pub mod status;
pub mod stop;
pub mod version;
mod which;
pub mod whoami;

use clap::Subcommand;
use runvoy_api::id::ExecutionId;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::which::Which;
use crate::{
    client::{Client, encode},
    error::Result,
    ui,
};

/// Every command.
#[derive(Subcommand)]
pub enum Command {
    /// Run a command and follow its output
    Exec(exec::Args),
    /// Show one execution
    Status(status::Args),
    /// Print an execution's output
    Logs(logs::Args),
    /// List executions, newest first
    List(list::Args),
    /// Stop an execution
    Stop(stop::Args),
    /// Run the command of an earlier execution again
    Rerun(rerun::Args),
    /// Open an execution's log in the browser
    Open(open::Args),
    /// See which locks are held, and release one
    #[command(subcommand)]
    Locks(locks::Command),
    /// Save a deployment's endpoint and your key
    Configure(configure::Args),
    /// Choose among several deployments
    #[command(subcommand)]
    Profile(profile::Command),
    /// Show which settings are in force, and why
    #[command(subcommand)]
    Config(config::Command),
    /// Show whose key this is
    Whoami(whoami::Args),
    /// Check that the deployment answers
    Health(health::Args),
    /// Print this program's version
    Version(version::Args),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Write manual pages
    Man(man::Args),
    /// Users, and the deployment's settings
    #[command(subcommand)]
    Admin(admin::Command),
    /// Show who changed what
    Audit(audit::Args),
    /// Show what executions cost
    Costs(costs::Args),
    /// Deploy runvoy into an AWS account, or update it there
    Init(Box<init::Args>),
    /// Remove a deployment
    Destroy(destroy::Args),
    /// Build the orchestrator's artifact from the checkout
    Build(build::Args),
}

/// How the help groups them.
pub const GROUPS: [(&str, &[&str]); 3] = [
    ("Teammate", &["exec", "status", "logs", "list", "stop", "rerun", "open", "locks", "configure"]),
    ("Admin", &["admin", "audit", "costs"]),
    ("Deployment", &["init", "destroy"]),
];
/// Those that the help only names: it is to fit one screen.
pub const MORE: &[&str] = &["whoami", "health", "profile", "config", "version", "completions", "man", "build"];

impl Command {
    /// Runs it. The result is the program's exit code.
    pub async fn run(self, profile: Option<&str>) -> Result<u8> {
        match self {
            Self::Exec(args) => return exec::run(args, profile).await,
            Self::Status(args) => status::run(args, profile).await,
            Self::Logs(args) => logs::run(args, profile).await,
            Self::List(args) => list::run(args, profile).await,
            Self::Stop(args) => stop::run(args, profile).await,
            Self::Open(args) => open::run(args, profile).await,
            Self::Rerun(args) => return rerun::run(args, profile).await,
            Self::Locks(command) => locks::run(command, profile).await,
            Self::Configure(args) => configure::run(args, profile).await,
            Self::Profile(command) => profile::run(command),
            Self::Config(command) => config::run(command, profile),
            Self::Whoami(args) => whoami::run(args, profile).await,
            Self::Health(args) => health::run(args, profile).await,
            Self::Version(args) => version::run(args),
            Self::Completions(args) => completions::run(args),
            Self::Man(args) => man::run(args),
            Self::Admin(command) => admin::run(command, profile).await,
            Self::Audit(args) => audit::run(args, profile).await,
            Self::Costs(args) => costs::run(args, profile).await,
            Self::Init(args) => init::run(*args).await,
            Self::Destroy(args) => destroy::run(args).await,
            Self::Build(args) => build::run(args).await,
        }?;
        Ok(0)
    }
}

/// The API's reply, for people to see; `None` once `json` has had it printed as it is.
async fn reply<T: DeserializeOwned>(client: &Client, path: &str, json: bool) -> Result<Option<T>> {
    if json { ui::json(&client.get::<Value>(path).await?).map(|()| None) } else { client.get(path).await.map(Some) }
}

/// The path of one execution.
pub fn execution_path(id: &ExecutionId) -> String {
    format!("/executions/{}", encode(id.as_str()))
}
