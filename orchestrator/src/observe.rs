//! What a look at a task says about its execution.
//!
//! A task comes as an event's `detail` or as DescribeTasks' answer; both become a [`TaskView`], and from there on it does
//! not matter which it was.

use aws_sdk_ecs::types::Task;
use runvoy_api::{
    id::ExecutionId,
    infra::{EXECUTOR_CONTAINER, PREPARE_CONTAINER},
};
use serde::Deserialize;
use time::OffsetDateTime;

/// A task, as far as an execution depends on it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskView {
    pub task_arn: String,
    pub started_by: Option<String>,
    pub last_status: String,
    pub version: i64,
    pub stop_code: Option<String>,
    pub stopped_reason: Option<String>,
    pub containers: Vec<ContainerView>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub pull_started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub execution_stopped_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub stopped_at: Option<OffsetDateTime>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerView {
    pub name: String,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

impl From<&Task> for TaskView {
    fn from(task: &Task) -> Self {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let time = |at: Option<&aws_sdk_ecs::primitives::DateTime>| {
            at.and_then(|at| OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos()).ok())
        };
        let container = |container: &aws_sdk_ecs::types::Container| ContainerView {
            name: container.name().unwrap_or_default().to_owned(),
            exit_code: container.exit_code(),
            reason: text(container.reason()),
        };
        Self {
            task_arn: task.task_arn().unwrap_or_default().to_owned(),
            started_by: text(task.started_by()),
            last_status: task.last_status().unwrap_or_default().to_owned(),
            version: task.version(),
            stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
            stopped_reason: text(task.stopped_reason()),
            containers: task.containers().iter().map(container).collect(),
            pull_started_at: time(task.pull_started_at()),
            started_at: time(task.started_at()),
            execution_stopped_at: time(task.execution_stopped_at()),
            stopped_at: time(task.stopped_at()),
        }
    }
}

impl TaskView {
    /// The execution that the task was started for: RunTask is always given its id as `startedBy`.
    pub fn execution_id(&self) -> Option<ExecutionId> {
        self.started_by.as_deref()?.parse().ok()
    }

    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }

    /// What Fargate bills, in seconds; nothing if the task never began to pull its image.
    pub fn billed_seconds(&self, now: OffsetDateTime) -> Option<f64> {
        let from = self.pull_started_at.or(self.started_at)?;
        Some((self.stopped_at.unwrap_or(now) - from).as_seconds_f64().max(0.0))
    }

    /// The container that ran the command.
    pub fn executor(&self) -> Option<&ContainerView> {
        self.container(EXECUTOR_CONTAINER)
    }

    /// The container that brought its code, where there was some.
    pub fn prepare(&self) -> Option<&ContainerView> {
        self.container(PREPARE_CONTAINER)
    }

    fn container(&self, name: &str) -> Option<&ContainerView> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// How long the command ran, in seconds.
    pub fn run_seconds(&self) -> Option<f64> {
        let ended = self.execution_stopped_at.or(self.stopped_at)?;
        Some((ended - self.started_at?).as_seconds_f64())
    }
}
