//! Writes to execution rows: each is conditional on where the execution stands.

use anyhow::Context;
use aws_sdk_dynamodb::types::{
    Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update, builders::UpdateBuilder,
};
use runvoy_api::{
    execution::Execution,
    id::{ExecutionId, rfc3339},
    infra::EXECUTIONS,
    status::Status,
};
use time::OffsetDateTime;

use super::{
    commands,
    item::{self, Item, bool, n, s},
    row::{Row, row},
};
use crate::{app::App, observe::TaskView, tasks::RunTask};

/// Statuses with a task, or with one to come: what every write to a launched execution rests on.
pub const LAUNCHED: &[Status] = &[Status::Starting, Status::Running, Status::Stopping];

/// The one status before that.
pub const QUEUED: &[Status] = &[Status::Queued];

/// Adds the condition that the row is in one of these statuses.
fn only_if(mut update: UpdateBuilder, statuses: &[Status]) -> UpdateBuilder {
    let names: Vec<String> = statuses.iter().map(|status| format!(":{status}")).collect();
    for (name, status) in names.iter().zip(statuses) {
        update = update.expression_attribute_values(name, s(status.as_str()));
    }
    update
        .condition_expression(format!("#status IN ({})", names.join(", ")))
        .expression_attribute_names("#status", "status")
}

/// Writes a new row: it stands before its task, always. One that waits carries what its task is to be asked for with.
pub fn put(app: &App, new: &Execution, task: &RunTask) -> anyhow::Result<TransactWriteItem> {
    let mut row = item::new();
    let mut set = |name: &str, value| row.insert(name.to_owned(), value);
    set(EXECUTIONS.partition, s(new.execution_id.as_str()));
    set("started_at", s(&new.started_at));
    set("status", s(new.status.as_str()));
    set("user_email", s(&new.user_email));
    set("command", s(commands::start(&new.command)));
    if commands::is_long(&new.command) {
        set("has_long_command", bool(true));
    }
    set("image", s(&new.image));
    set("cpu", n(new.cpu));
    set("memory", n(new.memory));
    set("timeout_seconds", n(new.timeout_seconds));
    set("spot", bool(new.spot));
    set("family", s(&task.family));
    if let Some(lock) = &new.lock_name {
        set("lock_name", s(lock));
    }
    if let Some(role) = &new.task_role {
        set("task_role", s(role));
    }
    let texts = [("repo", &new.repo), ("git_ref", &new.git_ref), ("path", &new.path)];
    for (name, text) in texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        set(name, s(text));
    }
    for (name, _) in [("submodules", new.submodules), ("lfs", new.lfs)].into_iter().filter(|(_, given)| *given) {
        set(name, bool(true));
    }
    if let Some(upload) = &new.upload {
        set("upload_sha256", s(&upload.sha256));
        set("upload_size", n(upload.size));
    }
    if !new.secrets.is_empty() {
        set("secrets", item::texts(&new.secrets));
    }
    if !new.env_names.is_empty() {
        set("env_names", item::list(&new.env_names));
    }
    if let Some(disk) = new.disk {
        set("disk", n(disk));
    }
    if let Some(fence) = new.lock_fence {
        set("lock_fence", n(fence));
    }
    if let Some(until) = &new.wait_until {
        set("wait_until", s(until));
        set("run_task", s(serde_json::to_string(task)?));
    }
    let put = Put::builder().table_name(&app.deployment.executions).set_item(Some(row));
    let put = put.condition_expression("attribute_not_exists(execution_id)").build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Takes the execution out of the queue: it has its lock now, under this fence.
pub fn set_launched(app: &App, id: &ExecutionId, fence: u64, at: OffsetDateTime) -> anyhow::Result<TransactWriteItem> {
    let update = Update::builder()
        .table_name(&app.deployment.executions)
        .set_key(Some(key(id)))
        .update_expression("SET #status = :starting, lock_fence = :fence, launched_at = :at REMOVE run_task")
        .expression_attribute_values(":starting", s(Status::Starting.as_str()))
        .expression_attribute_values(":fence", n(fence))
        .expression_attribute_values(":at", s(rfc3339(at)));
    Ok(TransactWriteItem::builder().update(only_if(update, QUEUED).build()?).build())
}

fn key(id: &ExecutionId) -> Item {
    Item::from([(EXECUTIONS.partition.to_owned(), s(id.as_str())), ("started_at".to_owned(), s(id.started_at()))])
}

pub async fn get(app: &App, id: &ExecutionId) -> anyhow::Result<Option<Row>> {
    let request = app.dynamodb.get_item().table_name(&app.deployment.executions).set_key(Some(key(id)));
    let item = request.consistent_read(true).send().await.context("reading an execution")?.item;
    Ok(item.as_ref().and_then(row))
}

/// Notes which task runs the execution, unless it is over or has another one. Returns the row as it stands then.
pub async fn set_task(app: &App, id: &ExecutionId, task_arn: &str) -> anyhow::Result<Option<Row>> {
    let mut request = app
        .dynamodb
        .update_item()
        .table_name(&app.deployment.executions)
        .set_key(Some(key(id)))
        .update_expression("SET task_arn = :arn, log_stream_name = :stream")
        .condition_expression(
            "(attribute_not_exists(task_arn) OR task_arn = :arn) AND #status IN (:starting, :running, :stopping)",
        )
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":arn", s(task_arn))
        .expression_attribute_values(":stream", s(crate::tasks::log_stream(task_arn)))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    for status in [Status::Starting, Status::Running, Status::Stopping] {
        request = request.expression_attribute_values(format!(":{status}"), s(status.as_str()));
    }
    match request.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Ok(noted) => Ok(noted.attributes().and_then(row)),
        Err(error) => match error {
            aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(refused) => {
                Ok(refused.item().and_then(row))
            }
            other => Err(other).context("noting an execution's task"),
        },
    }
}

/// Notes that the command runs, unless something newer is known.
pub async fn set_running(app: &App, id: &ExecutionId, task_arn: &str, version: i64) -> anyhow::Result<()> {
    let request = app
        .dynamodb
        .update_item()
        .table_name(&app.deployment.executions)
        .set_key(Some(key(id)))
        .update_expression(
            "SET #status = :running, task_version = :version, task_arn = :arn, log_stream_name = :stream",
        )
        .condition_expression(
            "#status = :starting AND (attribute_not_exists(task_version) OR task_version < :version) \
             AND (attribute_not_exists(task_arn) OR task_arn = :arn)",
        )
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":running", s(Status::Running.as_str()))
        .expression_attribute_values(":starting", s(Status::Starting.as_str()))
        .expression_attribute_values(":version", n(version))
        .expression_attribute_values(":arn", s(task_arn))
        .expression_attribute_values(":stream", s(crate::tasks::log_stream(task_arn)));
    match request.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Err(error) if !error.is_conditional_check_failed_exception() => {
            Err(error).context("noting a running execution")
        }
        _ => Ok(()),
    }
}

/// Notes how far its task has come, for whoever waits for it, unless something newer is known.
pub async fn note_starting(app: &App, id: &ExecutionId, task: &TaskView) -> anyhow::Result<()> {
    let request = app
        .dynamodb
        .update_item()
        .table_name(&app.deployment.executions)
        .set_key(Some(key(id)))
        .update_expression("SET task_status = :task_status, task_version = :version")
        .condition_expression(
            "#status = :starting AND (attribute_not_exists(task_version) OR task_version < :version) \
             AND (attribute_not_exists(task_arn) OR task_arn = :arn)",
        )
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":task_status", s(&task.last_status))
        .expression_attribute_values(":starting", s(Status::Starting.as_str()))
        .expression_attribute_values(":version", n(task.version))
        .expression_attribute_values(":arn", s(&task.task_arn));
    match request.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Err(error) if !error.is_conditional_check_failed_exception() => {
            Err(error).context("noting how far a task has come")
        }
        _ => Ok(()),
    }
}

/// Notes since when a launched execution has been seen without a task, unless it has one by now.
pub async fn set_without_task(app: &App, id: &ExecutionId, at: OffsetDateTime) -> anyhow::Result<()> {
    let request = app
        .dynamodb
        .update_item()
        .table_name(&app.deployment.executions)
        .set_key(Some(key(id)))
        .update_expression("SET without_task_since = :at")
        .condition_expression(
            "#status IN (:starting, :stopping) AND attribute_not_exists(task_arn) \
             AND attribute_not_exists(without_task_since)",
        )
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":starting", s(Status::Starting.as_str()))
        .expression_attribute_values(":stopping", s(Status::Stopping.as_str()))
        .expression_attribute_values(":at", s(rfc3339(at)));
    match request.send().await.map_err(aws_sdk_dynamodb::error::SdkError::into_service_error) {
        Err(error) if !error.is_conditional_check_failed_exception() => {
            Err(error).context("noting an execution without a task")
        }
        _ => Ok(()),
    }
}

/// Marks the execution as being stopped, if it is not over. One in the queue needs no stopping: it is ended.
pub fn set_stopping(app: &App, id: &ExecutionId, by: &str) -> anyhow::Result<TransactWriteItem> {
    let update = Update::builder()
        .table_name(&app.deployment.executions)
        .set_key(Some(key(id)))
        .update_expression("SET #status = :stopping, stop_requested_by = if_not_exists(stop_requested_by, :by)")
        .expression_attribute_values(":by", s(by));
    Ok(TransactWriteItem::builder().update(only_if(update, LAUNCHED).build()?).build())
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    pub status: Status,
    pub at: OffsetDateTime,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
    pub cost: Option<(f64, String)>,
    pub task_arn: Option<String>,
    pub task_version: i64,
}

/// The one terminal transition, from one of these statuses: refused if the execution is over already.
pub fn finish(app: &App, id: &ExecutionId, end: &End, from: &[Status]) -> anyhow::Result<TransactWriteItem> {
    let seconds = (end.at - id.started()).whole_seconds().max(0);
    let mut sets =
        vec!["#status = :end", "completed_at = :at", "duration_seconds = :seconds", "task_version = :version"];
    let update = Update::builder().table_name(&app.deployment.executions).set_key(Some(key(id)));
    let mut update = only_if(update, from)
        .expression_attribute_values(":end", s(end.status.as_str()))
        .expression_attribute_values(":at", s(rfc3339(end.at)))
        .expression_attribute_values(":seconds", n(seconds))
        .expression_attribute_values(":version", n(end.task_version));
    if let Some(exit_code) = end.exit_code {
        sets.push("exit_code = :exit");
        update = update.expression_attribute_values(":exit", n(exit_code));
    }
    if let Some(reason) = &end.reason {
        sets.push("reason = :reason");
        update = update.expression_attribute_values(":reason", s(reason));
    }
    if let Some((dollars, basis)) = &end.cost {
        sets.push("cost_usd = :cost, cost_basis = :basis");
        update =
            update.expression_attribute_values(":cost", n(dollars)).expression_attribute_values(":basis", s(basis));
    }
    if let Some(arn) = &end.task_arn {
        sets.push("task_arn = :arn, log_stream_name = :stream");
        update = update.expression_attribute_values(":arn", s(arn));
        update = update.expression_attribute_values(":stream", s(crate::tasks::log_stream(arn)));
    }
    // What its task was to be asked for with is of no use to anybody now.
    let update = update.update_expression(format!("SET {} REMOVE run_task", sets.join(", "))).build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}
