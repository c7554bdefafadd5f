//! The part of a task definition that local Fargate acts on, and what it can't run.

use serde::Deserialize;

use super::refusal::Refusal;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TaskDefinition {
    pub task_definition_arn: String,
    pub family: String,
    pub status: String,
    pub cpu: Option<String>,
    pub memory: Option<String>,
    #[serde(default)]
    runtime_platform: RuntimePlatform,
    #[serde(default)]
    pub requires_compatibilities: Vec<String>,
    pub container_definitions: Vec<ContainerDefinition>,
    #[serde(default)]
    pub volumes: Vec<Volume>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuntimePlatform {
    cpu_architecture: Option<String>,
}

/// Space that a task's containers share.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Volume {
    pub name: String,
    efs_volume_configuration: Option<serde_json::Value>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerDefinition {
    pub name: String,
    pub image: String,
    pub repository_credentials: Option<RepositoryCredentials>,
    pub essential: Option<bool>,
    #[serde(default)]
    pub entry_point: Vec<String>,
    #[serde(default)]
    pub command: Vec<String>,
    #[serde(default)]
    pub environment: Vec<Variable>,
    #[serde(default)]
    pub secrets: Vec<Secret>,
    #[serde(default)]
    pub depends_on: Vec<Dependency>,
    #[serde(default)]
    pub mount_points: Vec<MountPoint>,
    pub stop_timeout: Option<u64>,
    pub linux_parameters: Option<LinuxParameters>,
    pub log_configuration: Option<LogConfiguration>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Variable {
    pub name: String,
    #[serde(default)]
    pub value: String,
}

/// What a private registry is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryCredentials {
    pub credentials_parameter: String,
}

/// A variable from Secrets Manager.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Secret {
    pub name: String,
    pub value_from: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MountPoint {
    pub source_volume: String,
    pub container_path: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dependency {
    pub container_name: String,
    pub condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Condition {
    Start,
    Complete,
    Success,
    Healthy,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LinuxParameters {
    pub init_process_enabled: Option<bool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogConfiguration {
    pub log_driver: String,
    #[serde(default)]
    pub options: std::collections::HashMap<String, String>,
}

impl TaskDefinition {
    /// The CPU architecture that images must be for, as registries spell it.
    pub fn architecture(&self) -> &'static str {
        if self.runtime_platform.cpu_architecture.as_deref() == Some("ARM64") { "arm64" } else { "amd64" }
    }

    /// Refuses what would run differently here: better no run than one that means something else.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.status != "ACTIVE" {
            return Err(Refusal::client("TaskDefinition is inactive"));
        }
        if !self.requires_compatibilities.iter().any(|name| name == "FARGATE") {
            return Err(Refusal::invalid("Task definition does not support launch_type FARGATE."));
        }
        for container in &self.container_definitions {
            let known = |mount: &MountPoint| self.volumes.iter().any(|volume| volume.name == mount.source_volume);
            if !container.mount_points.iter().all(known) {
                return Err(Refusal::client("Unknown volume in a container's mountPoints."));
            }
            let secrets_manager = |secret: &Secret| secret.value_from.contains(":secretsmanager:");
            let unsupported = [
                (!container.secrets.iter().all(secrets_manager), "`secrets` from elsewhere than Secrets Manager"),
                (self.volumes.iter().any(|volume| volume.efs_volume_configuration.is_some()), "EFS"),
                (container.depends_on.iter().any(|on| on.condition == Condition::Healthy), "`dependsOn` HEALTHY"),
                (
                    container.log_configuration.as_ref().is_some_and(|log| log.log_driver != "awslogs"),
                    "its `logDriver`",
                ),
            ];
            if let Some((_, what)) = unsupported.iter().find(|(found, _)| *found) {
                let message = format!("local Fargate does not support {what} (container `{}`)", container.name);
                return Err(Refusal::client(message));
            }
        }
        self.check_dependencies()
    }

    /// AWS refuses these when the definition is registered; the engine lets them pass, and they would wait for ever.
    fn check_dependencies(&self) -> Result<(), Refusal> {
        let mut startable: Vec<&str> = Vec::new();
        while startable.len() < self.container_definitions.len() {
            let next = self.container_definitions.iter().find(|container| {
                !startable.contains(&container.name.as_str())
                    && container.depends_on.iter().all(|on| startable.contains(&on.container_name.as_str()))
            });
            let Some(next) = next else {
                return Err(Refusal::client("Container dependencies are circular or name an unknown container."));
            };
            startable.push(&next.name);
        }
        Ok(())
    }
}
