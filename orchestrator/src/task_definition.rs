//! Task definitions, named after their content.
//!
//! RunTask can override a command and a size, but neither the image nor the roles nor the log settings nor secrets. So there
//! is one definition for each combination, its family ends in a hash of it, and a family has one revision for ever.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_ecs::types::{
    Compatibility, ContainerCondition, ContainerDefinition, ContainerDependency, CpuArchitecture, LinuxParameters,
    LogConfiguration, LogDriver, MountPoint, NetworkMode, OsFamily, RepositoryCredentials, RuntimePlatform, Secret,
    Volume, builders::ContainerDefinitionBuilder,
};
use runvoy_api::{
    infra::{EXECUTOR_CONTAINER, LOG_STREAM_PREFIX, PREPARE_CONTAINER, name, prepare_env},
    key::hex,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::{App, Deployment};

/// Runs the command: see its own comments.
const RUN: &str = include_str!("../../executor-image/scripts/run.sh");

/// Brings the code: see its own comments.
const PREPARE: &str = include_str!("../../executor-image/scripts/prepare.sh");

/// How long a container has between SIGTERM and SIGKILL, in seconds; Fargate's most.
const STOP_TIMEOUT: i32 = 120;

/// What the two containers share, and where both have it.
const VOLUME: &str = "code";
const VOLUME_PATH: &str = "/runvoy";
/// In the place of that where there is none.
const NO_VOLUME: &str = "-";

/// The log driver drops empty lines, unless told where an event may begin: then each event keeps its line's end. With
/// this, an event may begin with any line.
const EACH_LINE: (&str, &str) = ("awslogs-multiline-pattern", "^");

/// What one definition has that another of this deployment has not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub image: String,
    /// ARN of what that image's registry demands.
    pub image_credential: Option<String>,
    /// ARN of the role that the command has.
    pub task_role: String,
    /// ARNs of the secrets that the command finds in its environment, by variable.
    pub secrets: BTreeMap<String, String>,
    /// Whether something is to be brought before the command starts.
    pub prepared: bool,
    /// ARN of what the registry of the image that brings it demands.
    pub prepare_image_credential: Option<String>,
    /// ARN of the credential for that.
    pub git_credential: Option<String>,
}

impl Definition {
    /// Its family in this deployment.
    pub fn family(&self, deployment: &Deployment) -> String {
        let mut content = json!({
            "definition": self,
            "script": RUN,
            "architecture": deployment.architecture,
            "execution_role": deployment.task_execution_role_arn,
            "log_group": deployment.log_group,
            "log_events": EACH_LINE,
            "stop_timeout": STOP_TIMEOUT,
        });
        if self.prepared {
            content["prepare"] = json!([deployment.prepare_image, PREPARE]);
        }
        let hash = hex(&Sha256::digest(content.to_string()));
        name::task_family(&deployment.stack, &hash[..16])
    }

    fn executor(&self, deployment: &Deployment) -> anyhow::Result<ContainerDefinition> {
        let volume = if self.prepared { VOLUME_PATH } else { NO_VOLUME };
        let mut container = container(deployment, EXECUTOR_CONTAINER, &self.image, self.image_credential.as_deref())?
            .essential(true)
            // The entry point carries the script, so that the command override is exactly the user's command and its
            // limit, whatever entry point the image has.
            .set_entry_point(Some(entry_point(RUN, volume)))
            .command("true")
            .set_secrets(Some(self.secrets.iter().map(secret).collect::<Result<_, _>>()?));
        if self.prepared {
            // Whatever its end: the script finds out, and says so by its exit code. SUCCESS would make ECS say 143.
            let after = ContainerDependency::builder()
                .container_name(PREPARE_CONTAINER)
                .condition(ContainerCondition::Complete)
                .build()?;
            container = container.depends_on(after).mount_points(mount());
        }
        Ok(container.build())
    }

    fn prepare(&self, deployment: &Deployment) -> anyhow::Result<ContainerDefinition> {
        let credential = self.git_credential.iter().map(|arn| secret((&prepare_env::GIT_CREDENTIAL.to_owned(), arn)));
        let registry = self.prepare_image_credential.as_deref();
        let container = container(deployment, PREPARE_CONTAINER, &deployment.prepare_image, registry)?
            .essential(false)
            // Only root can write to a new volume.
            .user("0")
            .set_entry_point(Some(entry_point(PREPARE, VOLUME_PATH)))
            .set_secrets(Some(credential.collect::<Result<_, _>>()?))
            .mount_points(mount());
        Ok(container.build())
    }
}

fn entry_point(script: &str, volume: &str) -> Vec<String> {
    ["/bin/sh", "-c", script, "runvoy", volume].map(str::to_owned).into()
}

fn mount() -> MountPoint {
    MountPoint::builder().source_volume(VOLUME).container_path(VOLUME_PATH).build()
}

fn secret((name, arn): (&String, &String)) -> anyhow::Result<Secret> {
    Ok(Secret::builder().name(name).value_from(arn).build()?)
}

/// What all containers have.
fn container(
    deployment: &Deployment,
    name: &str,
    image: &str,
    registry: Option<&str>,
) -> anyhow::Result<ContainerDefinitionBuilder> {
    let registry = registry.map(|arn| RepositoryCredentials::builder().credentials_parameter(arn).build());
    let logs = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", &deployment.log_group)
        .options("awslogs-region", &deployment.region)
        .options("awslogs-stream-prefix", LOG_STREAM_PREFIX)
        .options(EACH_LINE.0, EACH_LINE.1)
        // The driver's default drops lines when it can't keep up.
        .options("mode", "blocking")
        .build()?;
    Ok(ContainerDefinition::builder()
        .name(name)
        .image(image)
        .set_repository_credentials(registry.transpose()?)
        .log_configuration(logs)
        .linux_parameters(LinuxParameters::builder().init_process_enabled(true).build())
        .stop_timeout(STOP_TIMEOUT))
}

/// Registers it. Two at once register two equal revisions, of which RunTask takes the later: no harm.
pub async fn register(app: &App, family: &str, definition: &Definition) -> anyhow::Result<()> {
    let deployment = &app.deployment;
    let architecture = CpuArchitecture::from(deployment.architecture.as_str());
    let mut request = app
        .ecs
        .register_task_definition()
        .family(family)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .task_role_arn(&definition.task_role)
        .execution_role_arn(&deployment.task_execution_role_arn)
        .runtime_platform(
            RuntimePlatform::builder().cpu_architecture(architecture).operating_system_family(OsFamily::Linux).build(),
        )
        .container_definitions(definition.executor(deployment)?);
    if definition.prepared {
        let volume = Volume::builder().name(VOLUME).build();
        request = request.container_definitions(definition.prepare(deployment)?).volumes(volume);
    }
    request.send().await.context("registering a task definition").map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_the_content() {
        let deployment = Deployment::for_tests();
        let plain = |image: &str| Definition { image: image.to_owned(), ..Definition::default() };
        let secrets = BTreeMap::from([("TOKEN".to_owned(), "arn:one".to_owned())]);
        let others = [
            plain("ubuntu"),
            Definition { secrets, ..plain("alpine") },
            Definition { prepared: true, ..plain("alpine") },
            Definition { prepared: true, git_credential: Some("arn:two".to_owned()), ..plain("alpine") },
            Definition { image_credential: Some("arn:three".to_owned()), ..plain("alpine") },
        ];
        let mut families: Vec<_> = others.iter().map(|other| other.family(&deployment)).collect();
        let role = Definition { task_role: "arn:aws:iam::1:role/other".to_owned(), ..plain("alpine") };
        families.extend([role.family(&deployment), plain("alpine").family(&deployment)]);
        assert!(families.iter().all(|family| family.starts_with("runvoy-")));
        assert_eq!(plain("alpine").family(&deployment), families[6]);
        families.sort();
        families.dedup();
        assert_eq!(families.len(), 7);
    }

    #[test]
    fn each_image_has_its_own_registrys_credential() {
        let definition = Definition {
            image_credential: Some("arn:one".to_owned()),
            prepared: true,
            prepare_image_credential: Some("arn:two".to_owned()),
            ..Definition::default()
        };
        let deployment = Deployment::for_tests();
        let given = |container: ContainerDefinition| {
            container.repository_credentials().map(|own| own.credentials_parameter().to_owned())
        };
        assert_eq!(given(definition.executor(&deployment).unwrap()).as_deref(), Some("arn:one"));
        assert_eq!(given(definition.prepare(&deployment).unwrap()).as_deref(), Some("arn:two"));
        assert_eq!(given(Definition::default().executor(&deployment).unwrap()), None);
    }

    #[test]
    fn only_the_first_container_has_the_credential_and_only_the_second_the_secrets() {
        let secrets = BTreeMap::from([("TOKEN".to_owned(), "arn:one".to_owned())]);
        let git_credential = Some("arn:two".to_owned());
        let definition =
            Definition { image: "alpine".to_owned(), secrets, prepared: true, git_credential, ..Definition::default() };
        let deployment = Deployment::for_tests();
        let given = |container: ContainerDefinition| -> Vec<String> {
            container.secrets().iter().map(|secret| format!("{}={}", secret.name(), secret.value_from())).collect()
        };
        assert_eq!(given(definition.executor(&deployment).unwrap()), ["TOKEN=arn:one"]);
        assert_eq!(given(definition.prepare(&deployment).unwrap()), ["RUNVOY_GIT_CREDENTIAL=arn:two"]);
        let long: usize = [RUN, PREPARE].iter().map(|script| script.len()).sum();
        assert!(long < 32 * 1024, "a definition has at most 64 KiB: {long}");
    }
}
