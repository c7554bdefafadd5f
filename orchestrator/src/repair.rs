//! Brings a row in line with its task.

use runvoy_api::status::Status;

use crate::{
    app::App,
    finish,
    observe::TaskView,
    queue,
    store::{executions, row::Row},
    tasks,
};

/// Applies one look at a task to the execution that it was started for. Looks may come in any order, any number of times:
/// conditions on the row decide what still counts.
pub async fn apply(app: &App, row: &Row, task: &TaskView) -> anyhow::Result<()> {
    let stranger = row.execution.task_arn.as_deref().is_some_and(|arn| arn != task.task_arn);
    let over = row.execution.status.is_terminal();
    if task.is_stopped() {
        return if stranger || over { Ok(()) } else { finish::stopped(app, row, task).await };
    }
    // Its launch may never have heard of it. Noted first: this may be the last time that anybody tells of it.
    if row.execution.status == Status::Stopping && row.execution.task_arn.is_none() {
        executions::set_task(app, row.id(), &task.task_arn).await?;
    }
    // A task nobody waits for: the execution is over, is being stopped, or has another task.
    if stranger || over || row.execution.status == Status::Stopping {
        return tasks::stop(app, &task.task_arn, "the execution is over or being stopped").await;
    }
    match task.last_status.as_str() {
        "RUNNING" => executions::set_running(app, row.id(), &task.task_arn, task.version).await,
        "PROVISIONING" | "PENDING" => executions::note_starting(app, row.id(), task).await,
        _ => Ok(()),
    }
}

/// Looks at the task of an execution that is not over, or at its lock while it waits, and applies what that shows.
/// Returns the row as it stands then.
pub async fn look(app: &App, row: Row) -> anyhow::Result<Row> {
    if row.execution.status == Status::Queued {
        return queue::look(app, row).await;
    }
    let Some(arn) = row.execution.task_arn.clone().filter(|_| !row.execution.status.is_terminal()) else {
        return Ok(row);
    };
    let found = tasks::describe(app, &[arn]).await?;
    let Some(task) = found.first() else { return Ok(row) };
    let task = TaskView::from(task);
    if task.is_stopped() || (task.last_status == "RUNNING" && row.execution.status == Status::Starting) {
        apply(app, &row, &task).await?;
        return Ok(executions::get(app, row.id()).await?.unwrap_or(row));
    }
    Ok(row)
}

/// [`look`], for readers that poll: only once events should long have told, so that a poll costs no ECS call. A look at
/// a queue is cheap, and keeps it moving.
pub async fn look_if_late(app: &App, row: Row) -> anyhow::Result<Row> {
    let limit = time::Duration::seconds(row.execution.timeout_seconds.into());
    let late = app.now() - row.execution.launched() > limit;
    if late || row.execution.status == Status::Queued { look(app, row).await } else { Ok(row) }
}
