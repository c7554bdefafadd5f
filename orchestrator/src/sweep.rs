//! The sweep: every five minutes, what the events missed.

use anyhow::Context;
use aws_sdk_ecs::types::DesiredStatus;
use runvoy_api::{id::ExecutionId, infra::EXECUTIONS, status::Status};
use time::Duration;

use crate::{
    app::App,
    ending, finish,
    observe::TaskView,
    queue::{self, OVERHEAD},
    repair,
    store::{
        executions,
        item::{Read, s},
        row::Row,
    },
    tasks,
};

/// A launch that one sweep has seen without a task, and another this much later, is not in anybody's hands any more. Both
/// times are read off the sweep's own clock: the launch's may be wrong.
const LAUNCH_GRACE: Duration = Duration::minutes(4);
/// However wrong two clocks are, what is this old is not new.
pub const NOT_NEW: Duration = Duration::minutes(30);
/// ECS forgets stopped tasks after an hour.
const MEMORY_OF_ECS: Duration = Duration::minutes(60);
/// DescribeTasks takes this many at once.
const BATCH: usize = 100;

/// Looks after every execution that is not over. One that fails does not keep the others waiting.
pub async fn run(app: &App) -> anyhow::Result<()> {
    let open = open(app).await?;
    let (queued, launched): (Vec<Row>, Vec<Row>) =
        open.into_iter().partition(|row| row.execution.status == Status::Queued);
    let (with_task, without): (Vec<Row>, Vec<Row>) =
        launched.into_iter().partition(|row| row.execution.task_arn.is_some());
    let mut first_error = None;
    for batch in with_task.chunks(BATCH) {
        if let Err(error) = look_at(app, batch).await {
            first_error.get_or_insert(error);
        }
    }
    for row in without {
        if let Err(error) = look_for(app, &row).await {
            first_error.get_or_insert(error);
        }
    }
    for row in queued {
        if let Err(error) = queue::look(app, row).await {
            first_error.get_or_insert(error);
        }
    }
    first_error.map_or(Ok(()), Err)
}

async fn open(app: &App) -> anyhow::Result<Vec<Row>> {
    let mut open = Vec::new();
    for status in Status::ALL.into_iter().filter(|status| !status.is_terminal()) {
        let pages = app
            .dynamodb
            .query()
            .table_name(&app.deployment.executions)
            .index_name(EXECUTIONS.indexes[1].name)
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", s(status.as_str()))
            .into_paginator()
            .items()
            .send();
        let found = pages.collect::<Result<Vec<_>, _>>().await.context("finding open executions")?;
        for item in found {
            let id = item.text(EXECUTIONS.partition).and_then(|id| id.parse::<ExecutionId>().ok());
            // The index lags behind: the row itself decides.
            if let Some(id) = id
                && let Some(row) = executions::get(app, &id).await?
                && !row.execution.status.is_terminal()
            {
                open.push(row);
            }
        }
    }
    Ok(open)
}

async fn look_at(app: &App, rows: &[Row]) -> anyhow::Result<()> {
    let arns: Vec<String> = rows.iter().filter_map(|row| row.execution.task_arn.clone()).collect();
    let found: Vec<TaskView> = tasks::describe(app, &arns).await?.iter().map(TaskView::from).collect();
    for row in rows {
        let arn = row.execution.task_arn.as_deref();
        let age = app.now() - row.execution.launched();
        let limit = Duration::seconds(row.execution.timeout_seconds.into()) + OVERHEAD;
        match found.iter().find(|task| Some(task.task_arn.as_str()) == arn) {
            Some(task) if !task.is_stopped() && age > limit => {
                tasks::stop(app, &task.task_arn, ending::PAST_ITS_TIME).await?;
            }
            Some(task) => repair::apply(app, row, task).await?,
            // Too new to be seen, or stopped and forgotten.
            None if age > MEMORY_OF_ECS => {
                let reason = "ECS does not know its task any more, and its end was never reported";
                finish::without_task(app, row, Status::Lost, reason).await?;
            }
            None => {}
        }
    }
    Ok(())
}

/// A launch without a task on record may be under way: it is touched only if the last sweep saw it like this, too.
async fn look_for(app: &App, row: &Row) -> anyhow::Result<()> {
    let now = app.now();
    match row.without_task_since {
        _ if now - row.execution.launched() > NOT_NEW => adopt(app, row).await,
        Some(since) if now - since > LAUNCH_GRACE => adopt(app, row).await,
        Some(_) => Ok(()),
        None => executions::set_without_task(app, row.id(), now).await,
    }
}

/// Finds the task of a launch that was cut short between RunTask and noting the task's ARN. Where there is none, the
/// launch has failed. It is not sent again: whoever asked for it has been without an answer for minutes and may have done
/// the thing by other means, and a command must not start of itself when nobody expects it any more. Nor could two senders
/// both trust a refusal: while one is told no, the other's task may start.
async fn adopt(app: &App, row: &Row) -> anyhow::Result<()> {
    if let Some(task) = find(app, row).await? {
        return repair::apply(app, row, &task).await;
    }
    let reason = "the launch was cut short before its task was started";
    let (status, reason) = match (&row.stop_requested_by, app.now() - row.execution.launched() > MEMORY_OF_ECS) {
        (_, true) => (Status::Lost, "nothing is known of its task, and ECS would have forgotten it by now"),
        (Some(_), false) => (Status::Stopped, "stopped before its task was started"),
        (None, false) => (Status::Failed, reason),
    };
    finish::without_task(app, row, status, reason).await
}

/// ListTasks refuses `startedBy` beside any other filter, so it finds only tasks that run; those that have stopped are
/// found by their family.
async fn find(app: &App, row: &Row) -> anyhow::Result<Option<TaskView>> {
    let id = row.id().as_str();
    let cluster = &app.deployment.cluster;
    let running = app.ecs.list_tasks().cluster(cluster).started_by(id).send().await.context("listing tasks")?;
    if let Some(task) = tasks::describe(app, running.task_arns()).await?.first() {
        return Ok(Some(task.into()));
    }
    let stopped = app.ecs.list_tasks().cluster(cluster).family(&row.family).desired_status(DesiredStatus::Stopped);
    let mut pages = stopped.into_paginator().send();
    while let Some(page) = pages.next().await {
        let found = tasks::describe(app, page.context("listing stopped tasks")?.task_arns()).await?;
        if let Some(task) = found.iter().find(|task| task.started_by() == Some(id)) {
            return Ok(Some(task.into()));
        }
    }
    Ok(None)
}
