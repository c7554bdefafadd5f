//! What each resource of a template is to the admin.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_yaml::Value as Yaml;

use crate::{deploy::changes::kind_holds_data, error::Result};

/// A resource, as its template tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceInfo {
    /// CloudFormation's type.
    pub kind: String,
    /// In the admin's words.
    pub description: String,
    /// What it belongs to.
    pub group: Group,
    /// Whether something is lost with it.
    pub holds_data: bool,
}

/// What the admin knows a deployment's parts as, in the order of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Where containers run and how they reach out.
    Network,
    /// What they run on.
    Commands,
    /// Roles.
    Permissions,
    /// Tables and output.
    History,
    /// The function that people call, and its address.
    Api,
    /// The function that containers report to, and what leads there.
    Events,
    /// What only the deployment knows.
    Secrets,
    /// The bucket for code and uploads.
    Code,
    /// What tells the admin of trouble.
    Alarms,
    /// The log viewer, where it has an address of its own.
    Viewer,
}

impl Group {
    /// Where a resource belongs whose template does not say it: releases before this one did not.
    fn of(kind: &str) -> Self {
        match kind.split("::").nth(1).unwrap_or_default() {
            "EC2" => Self::Network,
            "IAM" => Self::Permissions,
            "DynamoDB" | "Logs" => Self::History,
            "Lambda" => Self::Api,
            "Events" | "SQS" => Self::Events,
            "SecretsManager" => Self::Secrets,
            "S3" => Self::Code,
            "CloudWatch" | "SNS" => Self::Alarms,
            "CloudFront" => Self::Viewer,
            _ => Self::Commands,
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Network => "network",
            Self::Commands => "commands",
            Self::Permissions => "permissions",
            Self::History => "execution history",
            Self::Api => "API",
            Self::Events => "events",
            Self::Secrets => "secrets",
            Self::Code => "code and uploads",
            Self::Alarms => "alarms",
            Self::Viewer => "log viewer",
        })
    }
}

/// What each resource is, by logical id. A template of an older release tells less; what it keeps when it is replaced
/// holds data.
pub fn resources(template: &str) -> Result<BTreeMap<String, ResourceInfo>> {
    let template: Yaml = serde_yaml::from_str(template)?;
    let resources = template.get("Resources").and_then(Yaml::as_mapping);
    let known = resources.into_iter().flatten().filter_map(|(logical, resource)| {
        let logical = logical.as_str()?.to_owned();
        let kind = resource.get("Type")?.as_str()?.to_owned();
        let ours = resource.get("Metadata").and_then(|metadata| metadata.get("runvoy"));
        let told = |name: &str| ours?.get(name);
        let group = told("group").and_then(|group| Group::deserialize(group).ok()).unwrap_or_else(|| Group::of(&kind));
        let description = told("description").and_then(Yaml::as_str).unwrap_or(&logical).to_owned();
        let kept = resource.get("UpdateReplacePolicy").and_then(Yaml::as_str) == Some("Retain");
        // Of what somebody else has added, nothing is known but its type.
        let may_hold = ours.is_none() && kind_holds_data(&kind);
        let holds_data = told("data").and_then(Yaml::as_bool).unwrap_or(kept || may_hold);
        Some((logical, ResourceInfo { kind, description, group, holds_data }))
    });
    Ok(known.collect())
}
