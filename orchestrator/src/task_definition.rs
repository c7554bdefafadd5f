//! Task definitions, named after their content.
//!
//! RunTask can override a command and a size, but neither the image nor the roles nor the log settings. So there is one
//! definition for each combination, its family ends in a hash of it, and a family has one revision for ever.

use anyhow::Context;
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, CpuArchitecture, LinuxParameters, LogConfiguration, LogDriver, NetworkMode,
    OsFamily, RuntimePlatform,
};
use runvoy_api::{
    infra::{EXECUTOR_CONTAINER, LOG_STREAM_PREFIX, name},
    key::hex,
};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::app::{App, Deployment};

/// Runs the command: see its own comments.
const SCRIPT: &str = include_str!("../../executor-image/scripts/run.sh");

/// How long a container has between SIGTERM and SIGKILL, in seconds; Fargate's most.
const STOP_TIMEOUT: i32 = 120;

/// The family of the definition that runs this image under this role in this deployment.
pub fn family(deployment: &Deployment, image: &str, task_role_arn: &str) -> String {
    let content = json!({
        "image": image,
        "script": SCRIPT,
        "architecture": deployment.architecture,
        "task_role": task_role_arn,
        "execution_role": deployment.task_execution_role_arn,
        "log_group": deployment.log_group,
        "stop_timeout": STOP_TIMEOUT,
    });
    let hash = hex(&Sha256::digest(content.to_string()));
    name::task_family(&deployment.stack, &hash[..16])
}

/// Registers that definition. Two at once register two equal revisions, of which RunTask takes the later: no harm.
pub async fn register(app: &App, family: &str, image: &str, task_role_arn: &str) -> anyhow::Result<()> {
    let deployment = &app.deployment;
    let logs = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", &deployment.log_group)
        .options("awslogs-region", &deployment.region)
        .options("awslogs-stream-prefix", LOG_STREAM_PREFIX)
        // The driver's default drops lines when it can't keep up.
        .options("mode", "blocking")
        .build()?;
    let container = ContainerDefinition::builder()
        .name(EXECUTOR_CONTAINER)
        .image(image)
        .essential(true)
        // The entry point carries the script, so that the command override is exactly the user's command and its limit.
        .set_entry_point(Some(vec!["/bin/sh".into(), "-c".into(), SCRIPT.into(), "runvoy".into()]))
        .command("true")
        .log_configuration(logs)
        .linux_parameters(LinuxParameters::builder().init_process_enabled(true).build())
        .stop_timeout(STOP_TIMEOUT)
        .build();
    let architecture = CpuArchitecture::from(deployment.architecture.as_str());
    app.ecs
        .register_task_definition()
        .family(family)
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu("256")
        .memory("512")
        .task_role_arn(task_role_arn)
        .execution_role_arn(&deployment.task_execution_role_arn)
        .runtime_platform(
            RuntimePlatform::builder().cpu_architecture(architecture).operating_system_family(OsFamily::Linux).build(),
        )
        .container_definitions(container)
        .send()
        .await
        .context("registering a task definition")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_is_the_content() {
        let deployment = Deployment::for_tests();
        let family_of = |image| family(&deployment, image, "arn:aws:iam::1:role/a");
        assert_eq!(family_of("alpine"), family_of("alpine"));
        assert_ne!(family_of("alpine"), family_of("ubuntu"));
        assert_ne!(family_of("alpine"), family(&deployment, "alpine", "arn:aws:iam::1:role/other"));
        assert!(family_of("alpine").starts_with("runvoy-"));
    }
}
