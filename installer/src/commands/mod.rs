//! The commands: one file each.

pub mod admin;
pub mod build;
pub mod completions;
pub mod config;
pub mod configure;
pub mod destroy;
pub mod exec;
mod flags;
pub mod health;
pub mod init;
pub mod list;
pub mod locks;
pub mod logs;
pub mod status;
pub mod stop;
pub mod version;
pub mod whoami;

use std::str::FromStr;

use clap::Subcommand;
use runvoy_api::{
    execution::{Execution, ExecutionList},
    id::{ExecutionId, NotAnId},
};

use crate::{
    client::{Client, encode},
    error::{Error, Result},
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
    /// See which locks are held
    #[command(subcommand)]
    Locks(locks::Command),
    /// Save a deployment's endpoint and your key
    Configure(configure::Args),
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
    /// Add, list and revoke users
    #[command(subcommand)]
    Admin(admin::Command),
    /// Deploy runvoy into an AWS account, or update it there
    Init(init::Args),
    /// Remove a deployment
    Destroy(destroy::Args),
    /// Build the orchestrator's artifact from the checkout
    Build(build::Args),
}

/// How the help groups them.
pub const GROUPS: [(&str, &[&str]); 3] = [
    (
        "Teammate",
        &[
            "exec",
            "status",
            "logs",
            "list",
            "stop",
            "locks",
            "configure",
            "config",
            "whoami",
            "health",
            "version",
            "completions",
        ],
    ),
    ("Admin", &["admin"]),
    ("Deployment", &["init", "destroy", "build"]),
];

impl Command {
    /// Runs it. The result is the program's exit code.
    pub async fn run(self, profile: Option<&str>) -> Result<u8> {
        match self {
            Self::Exec(args) => return exec::run(args, profile).await,
            Self::Status(args) => status::run(args, profile).await,
            Self::Logs(args) => logs::run(args, profile).await,
            Self::List(args) => list::run(args, profile).await,
            Self::Stop(args) => stop::run(args, profile).await,
            Self::Locks(command) => locks::run(command, profile).await,
            Self::Configure(args) => configure::run(args, profile).await,
            Self::Config(command) => config::run(command, profile),
            Self::Whoami(args) => whoami::run(args, profile).await,
            Self::Health(args) => health::run(args, profile).await,
            Self::Version(args) => version::run(args),
            Self::Completions(args) => completions::run(args),
            Self::Admin(command) => admin::run(command, profile).await,
            Self::Init(args) => init::run(args).await,
            Self::Destroy(args) => destroy::run(args).await,
            Self::Build(args) => build::run(args).await,
        }?;
        Ok(0)
    }
}

/// An execution as people name it: by its id, or `last` for their newest one.
#[derive(Clone)]
pub enum Which {
    /// The user's newest one.
    Last,
    /// This one.
    Id(ExecutionId),
}

impl FromStr for Which {
    type Err = NotAnId;
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        if text == "last" { Ok(Self::Last) } else { text.parse().map(Self::Id) }
    }
}

impl Which {
    /// The id that is meant.
    pub async fn resolve(self, client: &Client) -> Result<ExecutionId> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Last => {
                let list: ExecutionList = client.get("/executions?limit=1").await?;
                let newest: Option<Execution> = list.executions.into_iter().next();
                let none = || Error::new("you have no executions yet").hint("start one: `runvoy exec 'echo hello'`");
                newest.map(|execution| execution.execution_id).ok_or_else(none)
            }
        }
    }
}

/// The path of one execution.
pub fn execution_path(id: &ExecutionId) -> String {
    format!("/executions/{}", encode(id.as_str()))
}
