//! What a look at a task says about its execution.
//!
//! A task comes as an event's `detail` or as DescribeTasks' answer; both become a [`TaskView`], and from there on it does
//! not matter which it was. Deciding is a pure function, so that every ending can be tested without AWS.

use aws_sdk_ecs::types::Task;
use runvoy_api::{id::ExecutionId, infra::EXECUTOR_CONTAINER, status::Status};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::store::executions::Row;

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

    fn executor(&self) -> Option<&ContainerView> {
        self.containers.iter().find(|container| container.name == EXECUTOR_CONTAINER)
    }

    fn run_seconds(&self) -> Option<f64> {
        let ended = self.execution_stopped_at.or(self.stopped_at)?;
        Some((ended - self.started_at?).as_seconds_f64())
    }
}

/// The status, exit code and reason of an execution whose task has stopped.
///
/// A missing exit code is unknown, never 0.
pub fn ending(row: &Row, task: &TaskView) -> (Status, Option<i32>, Option<String>) {
    let exit_code = task.executor().and_then(|container| container.exit_code);
    let limit = f64::from(row.execution.timeout_seconds);
    if exit_code == Some(124) && task.run_seconds().is_some_and(|seconds| seconds >= limit - 1.0) {
        let reason = format!("the command ran for its {} seconds and was ended", row.execution.timeout_seconds);
        return (Status::TimedOut, exit_code, Some(reason));
    }
    if let Some(by) = &row.stop_requested_by {
        return (Status::Stopped, exit_code, Some(format!("stopped by {by}")));
    }
    match (task.stop_code.as_deref(), exit_code) {
        (Some("UserInitiated"), _) => (Status::Stopped, exit_code, Some(stopped_in_ecs(task))),
        (Some("SpotInterruption"), _) => {
            let reason = "AWS took the Spot capacity back: run it again, or without `--spot`";
            (Status::Failed, exit_code, Some(reason.to_owned()))
        }
        (_, Some(0)) => (Status::Completed, exit_code, None),
        (_, Some(137)) => (Status::Failed, exit_code, Some(killed(task))),
        (_, Some(_)) => (Status::Failed, exit_code, None),
        (_, None) => (Status::Failed, None, Some(no_exit_code(task))),
    }
}

fn stopped_in_ecs(task: &TaskView) -> String {
    match task.stopped_reason.as_deref() {
        Some(reason) if !reason.is_empty() => format!("its task was stopped: {reason}"),
        _ => "its task was stopped".to_owned(),
    }
}

fn killed(task: &TaskView) -> String {
    let reason = task.executor().and_then(|container| container.reason.as_deref()).unwrap_or_default();
    if reason.contains("OutOfMemory") {
        return "the command ran out of memory: run it with more `--memory`".to_owned();
    }
    "the command was killed (SIGKILL)".to_owned()
}

fn no_exit_code(task: &TaskView) -> String {
    let container = task.executor().and_then(|container| container.reason.clone());
    let reason = container.or_else(|| task.stopped_reason.clone()).filter(|reason| !reason.is_empty());
    match reason {
        Some(reason) if task.stop_code.as_deref() == Some("TaskFailedToStart") => {
            format!("the task could not be started: {reason}")
        }
        Some(reason) => format!("the exit code is not known: {reason}"),
        None => "the exit code is not known: ECS gave none, and no reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runvoy_api::execution::Execution;
    use serde_json::json;

    fn row() -> Row {
        let execution: Execution = serde_json::from_value(json!({
            "execution_id": "exec_20251026143210_a1b2c3", "status": "running", "user_email": "a@example.com",
            "command": "true", "image": "alpine", "started_at": "2025-10-26T14:32:10Z", "cpu": 1024, "memory": 2048,
            "timeout_seconds": 60
        }))
        .unwrap();
        Row { execution, family: "runvoy-0".into(), task_version: 1, stop_requested_by: None }
    }

    fn task(stop_code: &str, container: serde_json::Value, seconds: i64) -> TaskView {
        let start = time::macros::datetime!(2025-10-26 14:33 UTC);
        let mut task: TaskView = serde_json::from_value(json!({
            "taskArn": "arn:aws:ecs:us-east-1:1:task/runvoy/0", "lastStatus": "STOPPED", "version": 5,
            "stopCode": stop_code, "stoppedReason": "because", "containers": [container],
            "startedAt": "2025-10-26T14:33:00.123Z"
        }))
        .unwrap();
        task.started_at = Some(start);
        task.execution_stopped_at = Some(start + time::Duration::seconds(seconds));
        task
    }

    fn executor(exit_code: Option<i32>) -> serde_json::Value {
        json!({"name": "executor", "exitCode": exit_code})
    }

    #[test]
    fn exit_codes_tell_the_status() {
        let end = |code, exit| ending(&row(), &task(code, executor(exit), 5));
        assert_eq!(end("EssentialContainerExited", Some(0)), (Status::Completed, Some(0), None));
        assert_eq!(end("EssentialContainerExited", Some(3)), (Status::Failed, Some(3), None));
        assert_eq!(end("EssentialContainerExited", Some(124)), (Status::Failed, Some(124), None));
        assert_eq!(end("EssentialContainerExited", Some(137)).0, Status::Failed);
        assert_eq!(end("UserInitiated", Some(143)).0, Status::Stopped);
        assert_eq!(end("SpotInterruption", Some(143)).0, Status::Failed);
    }

    #[test]
    fn an_unknown_exit_code_is_never_zero() {
        let (status, exit, reason) = ending(&row(), &task("EssentialContainerExited", executor(None), 5));
        assert_eq!((status, exit), (Status::Failed, None));
        assert_eq!(reason.unwrap(), "the exit code is not known: because");
        let mut empty = task("TaskFailedToStart", executor(None), 5);
        empty.containers.clear();
        let (status, exit, reason) = ending(&row(), &empty);
        assert_eq!((status, exit), (Status::Failed, None));
        assert_eq!(reason.unwrap(), "the task could not be started: because");
    }

    #[test]
    fn only_a_full_run_times_out() {
        let end = |seconds| ending(&row(), &task("EssentialContainerExited", executor(Some(124)), seconds)).0;
        assert_eq!(end(60), Status::TimedOut);
        assert_eq!(end(20), Status::Failed);
    }

    #[test]
    fn somebody_stopped_it() {
        let mut row = row();
        row.stop_requested_by = Some("b@example.com".into());
        let end = ending(&row, &task("UserInitiated", executor(Some(143)), 5));
        assert_eq!(end, (Status::Stopped, Some(143), Some("stopped by b@example.com".into())));
    }

    #[test]
    fn memory_is_named() {
        let container = json!({"name": "executor", "exitCode": 137, "reason": "OutOfMemoryError: killed"});
        let (_, _, reason) = ending(&row(), &task("EssentialContainerExited", container, 5));
        assert!(reason.unwrap().contains("out of memory"));
    }
}
