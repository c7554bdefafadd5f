//! ECS tasks: asking for one, looking at one, stopping one.

use anyhow::Context;
use aws_sdk_ecs::{
    config::{Config, retry::RetryConfig},
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::run_task::RunTaskError,
    types::{
        AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, KeyValuePair,
        NetworkConfiguration, Task, TaskOverride,
    },
};
use runvoy_api::{execution::Execution, infra};
use serde::{Deserialize, Serialize};

use crate::app::App;

/// RunTask refuses overrides of more than this many characters, JSON included.
const MAX_OVERRIDES: usize = 8192;

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
    pub spot: bool,
}

impl RunTask {
    pub fn new(family: String, execution: &Execution, env: impl IntoIterator<Item = (String, String)>) -> Self {
        use infra::task_env;
        let mut environment: Vec<_> = env.into_iter().collect();
        let mut ours = |name: &str, value: String| environment.push((name.to_owned(), value));
        ours(task_env::EXECUTION_ID, execution.execution_id.to_string());
        ours(task_env::USER_EMAIL, execution.user_email.clone());
        if let Some(lock) = &execution.lock_name {
            ours(task_env::LOCK_NAME, lock.clone());
        }
        Self {
            family,
            token: execution.execution_id.to_string(),
            command: vec![execution.command.clone(), execution.timeout_seconds.to_string()],
            environment,
            cpu: execution.cpu,
            memory: execution.memory,
            spot: execution.spot,
        }
    }

    /// With this line in the place of the command.
    pub fn running(mut self, line: String) -> Self {
        if let Some(command) = self.command.first_mut() {
            *command = line;
        }
        self
    }

    /// With the fence that its lock was taken under.
    pub fn fenced(mut self, fence: u64) -> Self {
        self.environment.push((infra::task_env::LOCK_FENCE.to_owned(), fence.to_string()));
        self
    }

    /// Whether the overrides are short enough for RunTask, which counts their JSON.
    pub fn fits(&self) -> bool {
        let environment: Vec<_> =
            self.environment.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect();
        let container =
            serde_json::json!({"name": infra::EXECUTOR_CONTAINER, "command": self.command, "environment": environment});
        let overrides = serde_json::json!({
            "containerOverrides": [container], "cpu": self.cpu.to_string(), "memory": self.memory.to_string(),
        });
        overrides.to_string().chars().count() <= MAX_OVERRIDES
    }

    fn overrides(&self) -> TaskOverride {
        let pair = |(name, value): &(String, String)| KeyValuePair::builder().name(name).value(value).build();
        let container = ContainerOverride::builder()
            .name(infra::EXECUTOR_CONTAINER)
            .set_command(Some(self.command.clone()))
            .set_environment(Some(self.environment.iter().map(pair).collect()))
            .build();
        TaskOverride::builder()
            .container_overrides(container)
            .cpu(self.cpu.to_string())
            .memory(self.memory.to_string())
            .build()
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
        .overrides(task.overrides())
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
    fn overrides_count_as_json() {
        let task = |command: &str| RunTask {
            family: "runvoy-0".into(),
            token: "exec_20251026143210_a1b2c3".into(),
            command: vec![command.into(), "3600".into()],
            environment: vec![],
            cpu: 1024,
            memory: 2048,
            spot: false,
        };
        assert!(task(&"x".repeat(4096)).fits());
        // Each control character takes six characters of JSON.
        assert!(!task(&"\u{1}".repeat(4096)).fits());
    }
}
