//! What the admin chooses. The choices travel in the deployed template, so that any machine can go on from them.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The image of executions that name none: terraform's own.
pub const DEFAULT_IMAGE: &str = "public.ecr.aws/hashicorp/terraform:1.10.5";

/// The image that brings code: it has git, ssh, curl and tar, and is made for both architectures.
pub const DEFAULT_PREPARE_IMAGE: &str = "public.ecr.aws/docker/library/buildpack-deps:bookworm-scm";

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
    /// ARNs of the policies that say it, with [`TaskPermissions::Policies`].
    #[serde(default)]
    pub task_policy_arns: Vec<String>,
    /// The policies of the other roles that commands may run under, by the roles' names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_roles: BTreeMap<String, Vec<String>>,
    /// Whether executions take spare capacity unless they say otherwise.
    pub spot: bool,
    /// How long the commands' output is kept.
    pub log_retention_days: u32,
    /// Image of executions that name none.
    pub image: String,
    /// Image that brings code; [`DEFAULT_PREPARE_IMAGE`] if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare_image: Option<String>,
    /// Whose the first key is.
    pub admin_email: String,
    /// The two availability zones of an own network, by name; empty: the first two of the region. They are chosen once:
    /// other zones would be other subnets.
    #[serde(default)]
    pub zones: Vec<String>,
    /// The network that was there before, with [`Network::Existing`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Its subnets for containers.
    #[serde(default)]
    pub subnet_ids: Vec<String>,
    /// Whether containers get public addresses there.
    #[serde(default)]
    pub public_ip: bool,
    /// Who is told of trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm_email: Option<String>,
    /// Where log links lead.
    #[serde(default)]
    pub viewer: Viewer,
    /// A name of the admin's own for that address, with [`Viewer::Cloudfront`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_domain: Option<Domain>,
    /// ARN of the policy that no role's permissions reach beyond.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
    /// Tags of everything, beside ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// A name in DNS with the certificate that proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// Such as `logs.example.com`.
    pub name: String,
    /// ARN; CloudFront takes only certificates of us-east-1.
    pub certificate_arn: String,
}

/// How containers reach the internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// By public addresses of their own; nothing comes in, and nothing is paid while idle.
    Public,
    /// Through one NAT gateway, with the same address for all; about $37 a month.
    Nat,
    /// Not at all, only ECR, S3, DynamoDB, CloudWatch Logs and Secrets Manager; about $58 a month.
    Private,
    /// As the network of `--vpc-id` does, whatever that costs.
    Existing,
}

/// Where log links lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Viewer {
    /// To the API itself.
    #[default]
    FunctionUrl,
    /// To an address of its own.
    Cloudfront,
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
    /// What the policies of `--task-policy-arn` allow.
    Policies,
}

impl Answers {
    /// Whether a network is made for it.
    pub fn makes_network(&self) -> bool {
        self.network != Network::Existing
    }

    /// The policies of commands, as `Fn::Sub` texts.
    pub fn task_policies(&self) -> Vec<String> {
        match self.task_permissions {
            TaskPermissions::Policies => self.task_policy_arns.clone(),
            known => known.managed_policies(),
        }
    }

    /// What commands may do, in the admin's words.
    pub fn describe_permissions(&self) -> String {
        match self.task_permissions {
            TaskPermissions::Policies => format!("do what {} allow", self.task_policy_arns.join(", ")),
            known => known.describe().to_owned(),
        }
    }

    /// Whether containers get public addresses.
    pub fn public_addresses(&self) -> bool {
        match self.network {
            Network::Public => true,
            Network::Existing => self.public_ip,
            Network::Nat | Network::Private => false,
        }
    }
}

impl Network {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Public, Self::Nat, Self::Private, Self::Existing];

    /// In the admin's words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Public => "of its own: containers have public addresses, and nothing comes in",
            Self::Nat => "of its own: private subnets, and one NAT gateway as the only way out",
            Self::Private => "of its own without internet: only ECR, S3, DynamoDB, CloudWatch Logs and Secrets Manager",
            Self::Existing => "yours",
        }
    }
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
    pub const ALL: [Self; 5] = [Self::None, Self::ReadOnly, Self::PowerUser, Self::Administrator, Self::Policies];

    /// AWS's policies that grant it, as `Fn::Sub` texts.
    fn managed_policies(self) -> Vec<String> {
        let policy = |name| format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}");
        match self {
            Self::None | Self::Policies => vec![],
            Self::ReadOnly => vec![policy("ReadOnlyAccess")],
            Self::PowerUser => vec![policy("PowerUserAccess")],
            Self::Administrator => vec![policy("AdministratorAccess")],
        }
    }

    /// In the admin's words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::None => "do nothing in this AWS account",
            Self::ReadOnly => "read everything in this AWS account",
            Self::PowerUser => "change everything in this AWS account but users and permissions",
            Self::Administrator => "change everything in this AWS account",
            Self::Policies => "do what policies of yours allow",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates;

    /// What the first release wrote, and what a later one may.
    const FIRST: &str = r#"{"version":"0.1.0","network":"public","architecture":"arm64","task_permissions":"read-only",
        "spot":false,"log_retention_days":7,"image":"alpine","admin_email":"a@example.com""#;

    #[test]
    fn a_deployment_of_the_first_release_is_read() {
        let read = |more: &str| templates::answers(&format!("Metadata: {{ runvoy: {FIRST}{more}}} }}")).unwrap();
        let answers = read("");
        assert_eq!((answers.network, answers.viewer), (Network::Public, Viewer::FunctionUrl));
        assert_eq!((answers.alarm_email.as_deref(), answers.zones.len(), answers.public_addresses()), (None, 0, true));
        assert_eq!(read(r#","invented_later":{"x":[1]}"#), answers);
    }

    #[test]
    fn who_gets_a_public_address_follows_from_the_network() {
        let first: Answers = serde_json::from_str(&format!("{FIRST}}}")).unwrap();
        let public = |network, public_ip| Answers { network, public_ip, ..first.clone() }.public_addresses();
        assert_eq!(Network::ALL.map(|network| public(network, false)), [true, false, false, false]);
        assert_eq!(Network::ALL.map(|network| public(network, true)), [true, false, false, true]);
    }
}
