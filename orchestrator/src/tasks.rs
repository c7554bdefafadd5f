//! ECS tasks: asking for one, looking at one, stopping one.

use anyhow::Context;
use aws_sdk_ecs::{
    config::{Config, retry::RetryConfig},
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::run_task::RunTaskError,
    types::{
        AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, EphemeralStorage,
        KeyValuePair, NetworkConfiguration, Task, TaskOverride,
    },
};
use runvoy_api::{execution::Execution, infra};
use serde::{Deserialize, Serialize};

use crate::{app::App, prepare::Prepare, task_definition::Definition};

/// RunTask refuses overrides of more than this many characters, JSON included.
const MAX_OVERRIDES: usize = 8192;

/// In the place of a command that the other container brings: ECS takes no empty argument.
const BROUGHT: &str = ":";

/// What distinguishes one task of a family from another: all of RunTask that the deployment does not fix. It is stored in
/// the execution's row before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTask {
    pub family: String,
    /// `clientToken` and `startedBy`: the execution's id. A repeat finds the task that the first one started.
    pub token: String,
    pub command: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub cpu: u32,
    pub memory: u32,
    /// GiB, where it is more than usual.
    #[serde(default)]
    pub disk: Option<u32>,
    pub spot: bool,
    /// What the family is, for registering it.
    #[serde(default)]
    pub definition: Definition,
    /// What is to be brought before the command starts.
    #[serde(default)]
    pub prepare: Option<Prepare>,
}

impl RunTask {
    /// With `line` as the command, and with no secrets yet.
    pub fn new(execution: &Execution, line: String, env: impl IntoIterator<Item = (String, String)>) -> Self {
        use infra::task_env;
        let mut environment: Vec<_> = env.into_iter().collect();
        let mut ours = |name: &str, value: String| environment.push((name.to_owned(), value));
        ours(task_env::EXECUTION_ID, execution.execution_id.to_string());
        ours(task_env::USER_EMAIL, execution.user_email.clone());
        if let Some(lock) = &execution.lock_name {
            ours(task_env::LOCK_NAME, lock.clone());
        }
        Self {
            family: String::new(),
            token: execution.execution_id.to_string(),
            command: vec![line, execution.timeout_seconds.to_string()],
            environment,
            cpu: execution.cpu,
            memory: execution.memory,
            disk: execution.disk,
            spot: execution.spot,
            definition: Definition { image: execution.image.clone(), ..Definition::default() },
            prepare: Prepare::of(execution),
        }
    }

    /// With a command that was put at this key.
    pub fn bringing(mut self, key: &str, sha256: &str) -> Self {
        if let Some(command) = self.command.first_mut() {
            BROUGHT.clone_into(command);
        }
        self.prepare = Some(self.prepare.unwrap_or_default().with_command(key, sha256));
        self
    }

    /// The command, as far as it travels in the task's overrides.
    pub fn line(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// With the fence that its lock was taken under.
    pub fn fenced(mut self, fence: u64) -> Self {
        self.environment.push((infra::task_env::LOCK_FENCE.to_owned(), fence.to_string()));
        self
    }

    /// Whether the overrides are short enough for RunTask, which counts their JSON.
    pub fn fits(&self) -> bool {
        use serde_json::json;
        let variables = |all: &[(String, String)]| -> serde_json::Value {
            all.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
        };
        let executor = json!({
            "name": infra::EXECUTOR_CONTAINER, "command": self.command, "environment": variables(&self.environment),
        });
        let prepare =
            |prepare: &Prepare| json!({"name": infra::PREPARE_CONTAINER, "environment": variables(&prepare.longest())});
        let overrides = json!({
            "containerOverrides": [executor, self.prepare.as_ref().map(prepare)],
            "cpu": self.cpu.to_string(), "memory": self.memory.to_string(),
            "ephemeralStorage": {"sizeInGiB": self.disk},
        });
        overrides.to_string().chars().count() <= MAX_OVERRIDES
    }

    fn overrides(&self, app: &App) -> anyhow::Result<TaskOverride> {
        let container = |name: &str, variables: &[(String, String)]| {
            let pair = |(name, value): &(String, String)| KeyValuePair::builder().name(name).value(value).build();
            ContainerOverride::builder().name(name).set_environment(Some(variables.iter().map(pair).collect()))
        };
        let executor = container(infra::EXECUTOR_CONTAINER, &self.environment).set_command(Some(self.command.clone()));
        let mut overrides = TaskOverride::builder()
            .container_overrides(executor.build())
            .cpu(self.cpu.to_string())
            .memory(self.memory.to_string());
        if let Some(prepare) = &self.prepare {
            let prepare = container(infra::PREPARE_CONTAINER, &prepare.variables(app)?);
            overrides = overrides.container_overrides(prepare.build());
        }
        if let Some(disk) = self.disk {
            let storage = EphemeralStorage::builder().size_in_gib(i32::try_from(disk)?).build();
            overrides = overrides.ephemeral_storage(storage);
        }
        Ok(overrides.build())
    }
}

/// Why RunTask gave no task.
#[derive(Debug)]
pub enum NotRun {
    /// The family has no task definition yet.
    NoTaskDefinition,
    /// AWS refused, for this reason: there is no task.
    Refused(String),
    /// AWS was too busy to try: there is no task.
    Throttled,
    /// So much time had passed that AWS was not asked: there is no task.
    Late,
    /// Nobody knows whether there is one: the reply was lost or made no sense.
    Unknown(anyhow::Error),
}

/// Asks ECS for the task, once, and returns its ARN. The SDK must not ask again by itself: a refusal of the second request
/// would hide that the first one, whose reply was lost, has started a task.
pub async fn run(app: &App, task: &RunTask) -> Result<String, NotRun> {
    let deployment = &app.deployment;
    let network = AwsVpcConfiguration::builder()
        .set_subnets(Some(deployment.subnets.clone()))
        .security_groups(&deployment.security_group)
        .assign_public_ip(AssignPublicIp::from(deployment.assign_public_ip.as_str()))
        .build()
        .map_err(|error| NotRun::Unknown(error.into()))?;
    let provider = if task.spot { "FARGATE_SPOT" } else { "FARGATE" };
    let capacity = CapacityProviderStrategyItem::builder().capacity_provider(provider).weight(1).build();
    let request = app
        .ecs
        .run_task()
        .cluster(&deployment.cluster)
        .task_definition(&task.family)
        .client_token(&task.token)
        .started_by(&task.token)
        .group(infra::name::execution_log_group(&deployment.stack))
        .capacity_provider_strategy(capacity.map_err(|error| NotRun::Unknown(error.into()))?)
        .network_configuration(NetworkConfiguration::builder().awsvpc_configuration(network).build())
        .overrides(task.overrides(app).map_err(|error| NotRun::Refused(format!("{error:#}")))?)
        .customize()
        .config_override(Config::builder().retry_config(RetryConfig::disabled()));
    match request.send().await {
        Ok(reply) => match (reply.tasks().first().and_then(Task::task_arn), reply.failures().first()) {
            (Some(arn), _) => Ok(arn.to_owned()),
            (None, Some(failure)) => {
                let reason = [failure.reason(), failure.detail()].into_iter().flatten().collect::<Vec<_>>().join(": ");
                Err(NotRun::Refused(reason))
            }
            (None, None) => Err(NotRun::Unknown(anyhow::anyhow!("RunTask answered with neither a task nor a failure"))),
        },
        // The token has been used with other parameters: the task that it names is this execution's.
        Err(error) => match error.as_service_error() {
            Some(RunTaskError::ConflictException(conflict)) if !conflict.resource_ids().is_empty() => {
                Ok(conflict.resource_ids()[0].clone())
            }
            _ => Err(not_run(error)),
        },
    }
}

/// Tells a definite no from a lost reply. Throttles can come disguised as an `InvalidParameterException`.
fn not_run(error: SdkError<RunTaskError>) -> NotRun {
    let message = error.message().unwrap_or_default().to_owned();
    let throttled = message.contains("Rate exceeded") || error.code().is_some_and(|code| code.contains("Throttl"));
    match error.as_service_error() {
        _ if throttled => NotRun::Throttled,
        Some(RunTaskError::ClientException(_)) if message.to_lowercase().contains("taskdefinition") => {
            NotRun::NoTaskDefinition
        }
        Some(RunTaskError::ConflictException(_) | RunTaskError::ServerException(_)) | None => {
            NotRun::Unknown(anyhow::Error::new(error))
        }
        Some(_) if message.is_empty() => NotRun::Refused(DisplayErrorContext(&error).to_string()),
        Some(_) => NotRun::Refused(message),
    }
}

/// Asks ECS to stop the task. A task that is not there any more is stopped.
pub async fn stop(app: &App, task_arn: &str, reason: &str) -> anyhow::Result<()> {
    let request = app.ecs.stop_task().cluster(&app.deployment.cluster).task(task_arn).reason(reason);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.message().is_some_and(|message| message.contains("not found")) => Ok(()),
        Err(error) => Err(error).context("stopping a task"),
    }
}

/// Looks at up to 100 tasks. Those that ECS does not know are absent: they may be too new, or gone for an hour.
pub async fn describe(app: &App, arns: &[String]) -> anyhow::Result<Vec<Task>> {
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let request = app.ecs.describe_tasks().cluster(&app.deployment.cluster).set_tasks(Some(arns.to_vec()));
    Ok(request.send().await.context("describing tasks")?.tasks.unwrap_or_default())
}

/// The log stream that the awslogs driver names after a task.
pub fn log_stream(task_arn: &str) -> String {
    let task = task_arn.rsplit('/').next().unwrap_or(task_arn);
    format!("{}/{}/{task}", infra::LOG_STREAM_PREFIX, infra::EXECUTOR_CONTAINER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_after_its_task() {
        let arn = "arn:aws:ecs:us-east-1:123456789012:task/runvoy/0123456789abcdef0123456789abcdef";
        assert_eq!(log_stream(arn), "exec/executor/0123456789abcdef0123456789abcdef");
    }

    #[test]
    fn what_an_older_release_queued_can_be_started() {
        let stored = r#"{"family": "runvoy-0", "token": "exec_20251026143210_a1b2c3", "command": ["true", "60"],
            "environment": [["A", "1"]], "cpu": 1024, "memory": 2048, "spot": false}"#;
        let task: RunTask = serde_json::from_str(stored).unwrap();
        assert_eq!((task.prepare, task.disk, task.definition), (None, None, Definition::default()));
    }

    #[test]
    fn overrides_count_as_json() {
        let task = |command: &str| RunTask {
            family: "runvoy-0".into(),
            token: "exec_20251026143210_a1b2c3".into(),
            command: vec![command.into(), "3600".into()],
            environment: vec![],
            cpu: 1024,
            memory: 2048,
            disk: None,
            spot: false,
            definition: Definition::default(),
            prepare: None,
        };
        assert!(task(&"x".repeat(4096)).fits());
        // Each control character takes six characters of JSON.
        assert!(!task(&"\u{1}".repeat(4096)).fits());
    }
}
