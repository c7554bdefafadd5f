//! Execution rows as they are read.

use runvoy_api::{
    execution::Execution,
    id::{ExecutionId, parse_rfc3339},
    infra::EXECUTIONS,
    upload::UploadRef,
};
use time::OffsetDateTime;

use super::item::{Item, Read};
use crate::tasks::RunTask;

/// A row: what the API shows, and what only the orchestrator needs.
#[derive(Debug, Clone)]
pub struct Row {
    pub execution: Execution,
    /// Family of its task definition, for finding its task.
    pub family: String,
    /// The newest `version` of the task that was seen.
    pub task_version: i64,
    /// ECS's own word for how far the task has come, before it runs.
    pub task_status: Option<String>,
    /// Who asked for it to stop.
    pub stop_requested_by: Option<String>,
    /// When a sweep first saw it launched without a task.
    pub without_task_since: Option<OffsetDateTime>,
    /// Whether `command` is only its start: see [`super::commands`].
    pub has_long_command: bool,
    /// Only while it is queued.
    pub waiting: Option<Waiting>,
}

/// What a queued execution needs to be started later, and how long that may take.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub task: RunTask,
    pub until: OffsetDateTime,
}

impl Row {
    /// The row of an execution whose task is being asked for right now.
    pub fn launched(execution: Execution, family: String) -> Self {
        Self {
            execution,
            family,
            task_version: 0,
            task_status: None,
            stop_requested_by: None,
            without_task_since: None,
            has_long_command: false,
            waiting: None,
        }
    }

    pub fn id(&self) -> &ExecutionId {
        &self.execution.execution_id
    }
}

/// Reads what [`super::executions`] wrote, or what an index carries of it.
pub fn execution(row: &Item) -> Option<Execution> {
    let execution_id: ExecutionId = row.text(EXECUTIONS.partition)?.parse().ok()?;
    let task_arn = row.owned("task_arn");
    Some(Execution {
        status: row.text("status")?.parse().ok()?,
        user_email: row.owned("user_email")?,
        command: row.owned("command")?,
        image: row.owned("image")?,
        task_role: row.owned("task_role"),
        repo: row.owned("repo"),
        git_ref: row.owned("git_ref"),
        path: row.owned("path"),
        submodules: row.flag("submodules"),
        lfs: row.flag("lfs"),
        upload: upload(row),
        secrets: row.texts("secrets"),
        env_names: row.list("env_names"),
        lock_name: row.owned("lock_name"),
        lock_fence: row.number("lock_fence"),
        started_at: execution_id.started_at(),
        launched_at: row.owned("launched_at"),
        wait_until: row.owned("wait_until"),
        queue_position: None,
        completed_at: row.owned("completed_at"),
        exit_code: row.number("exit_code"),
        reason: row.owned("reason"),
        duration_seconds: row.number("duration_seconds"),
        cost_usd: row.number("cost_usd"),
        cost_basis: row.owned("cost_basis"),
        log_stream_name: task_arn.as_deref().map(crate::tasks::log_stream),
        task_arn,
        cpu: row.number("cpu")?,
        memory: row.number("memory")?,
        disk: row.number("disk"),
        timeout_seconds: row.number("timeout_seconds")?,
        spot: row.flag("spot"),
        execution_id,
    })
}

fn upload(row: &Item) -> Option<UploadRef> {
    Some(UploadRef { sha256: row.owned("upload_sha256")?, size: row.number("upload_size")? })
}

/// The whole row.
pub fn row(item: &Item) -> Option<Row> {
    Some(Row {
        execution: execution(item)?,
        family: item.owned("family")?,
        task_version: item.number("task_version").unwrap_or_default(),
        task_status: item.owned("task_status"),
        stop_requested_by: item.owned("stop_requested_by"),
        without_task_since: item.text("without_task_since").and_then(parse_rfc3339),
        has_long_command: item.flag("has_long_command"),
        waiting: waiting(item),
    })
}

fn waiting(item: &Item) -> Option<Waiting> {
    let mut task: RunTask = serde_json::from_str(item.text("run_task")?).ok()?;
    if task.definition.image.is_empty() {
        // It was queued by a release that noted the family alone.
        task.definition.image = item.owned("image")?;
    }
    Some(Waiting { task, until: parse_rfc3339(item.text("wait_until")?)? })
}
