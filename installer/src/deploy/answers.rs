//! What the admin chooses. The choices travel in the deployed template, so that any machine can go on from them.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The image of executions that name none: terraform's own.
pub const DEFAULT_IMAGE: &str = "public.ecr.aws/hashicorp/terraform:1.10.5";

/// How long the commands' output is kept.
pub const DEFAULT_LOG_RETENTION_DAYS: u32 = 7;

/// A deployment's choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// The release that wrote this.
    pub version: String,
    /// How containers reach the internet.
    pub network: Network,
    /// CPU of functions and containers.
    pub architecture: Architecture,
    /// What commands may do in the account.
    pub task_permissions: TaskPermissions,
    /// Whether executions take spare capacity unless they say otherwise.
    pub spot: bool,
    /// How long the commands' output is kept.
    pub log_retention_days: u32,
    /// Image of executions that name none.
    pub image: String,
    /// Whose the first key is.
    pub admin_email: String,
}

/// How containers reach the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// By public addresses of their own; nothing comes in.
    Public,
}

/// CPU of functions and containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Graviton: a fifth cheaper.
    Arm64,
    /// Intel and AMD, for images that exist for nothing else.
    #[value(name = "x86_64")]
    #[serde(rename = "x86_64")]
    X86_64,
}

/// What commands may do in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TaskPermissions {
    /// Nothing.
    None,
    /// Look at everything.
    ReadOnly,
    /// Change everything but people and permissions.
    PowerUser,
    /// Change everything.
    Administrator,
}

impl Architecture {
    /// As Lambda spells it.
    pub fn lambda(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }

    /// As ECS spells it.
    pub fn ecs(self) -> &'static str {
        match self {
            Self::Arm64 => "ARM64",
            Self::X86_64 => "X86_64",
        }
    }
}

impl TaskPermissions {
    /// All of them, the fewest first.
    pub const ALL: [Self; 4] = [Self::None, Self::ReadOnly, Self::PowerUser, Self::Administrator];

    /// AWS's policies that grant it, as `Fn::Sub` texts.
    pub fn managed_policies(self) -> Vec<String> {
        let policy = |name| format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}");
        match self {
            Self::None => vec![],
            Self::ReadOnly => vec![policy("ReadOnlyAccess")],
            Self::PowerUser => vec![policy("PowerUserAccess")],
            Self::Administrator => vec![policy("AdministratorAccess")],
        }
    }

    /// In the admin's words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::None => "nothing in this AWS account",
            Self::ReadOnly => "read everything in this AWS account",
            Self::PowerUser => "change everything in this AWS account but users and permissions",
            Self::Administrator => "change everything in this AWS account",
        }
    }
}
