//! The end of an execution: its terminal status and its lock's release, in one transaction.

use anyhow::Context;
use runvoy_api::status::Status;

use crate::{
    app::App,
    cost, ending, machine,
    observe::TaskView,
    queue,
    store::{
        executions::{self, End, LAUNCHED},
        locks,
        row::Row,
        transaction::{self, Outcome},
    },
};

/// Ends an execution whose task has stopped. Any number of times: only the first one changes anything.
pub async fn stopped(app: &App, row: &Row, task: &TaskView) -> anyhow::Result<()> {
    finish(app, row, &end_of(app, row, task)).await
}

/// What its stopped task makes of an execution.
pub fn end_of(app: &App, row: &Row, task: &TaskView) -> End {
    let (status, exit_code, reason) = ending::of(row, task);
    let now = app.now();
    let usage = task.billed_seconds(now).map(|seconds| cost::Usage {
        cpu: row.execution.cpu,
        memory: row.execution.memory,
        disk: row.execution.disk,
        spot: row.execution.spot,
        seconds,
    });
    End {
        status,
        at: task.execution_stopped_at.or(task.stopped_at).unwrap_or(now),
        exit_code,
        reason,
        cost: usage.map(|usage| cost::of(&usage, &app.deployment)),
        task_arn: Some(task.task_arn.clone()),
        task_version: task.version,
    }
}

/// Ends an execution of which it is certain that no task of it lives or will live.
pub async fn without_task(app: &App, row: &Row, status: Status, reason: &str) -> anyhow::Result<()> {
    let (at, task_arn) = (app.now(), row.execution.task_arn.clone());
    let reason = Some(reason.to_owned());
    let end = End { status, at, exit_code: None, reason, cost: None, task_arn, task_version: row.task_version };
    finish(app, row, &end).await
}

async fn finish(app: &App, row: &Row, end: &End) -> anyhow::Result<()> {
    let end = End { at: end.at.max(row.id().started()), ..end.clone() };
    let ending = executions::finish(app, row.id(), &end, LAUNCHED)?;
    let mut items = vec![ending.clone()];
    if let (Some(lock), Some(fence)) = (&row.execution.lock_name, row.execution.lock_fence) {
        items.push(locks::release(app, lock, row.id(), fence)?);
    }
    let refused = match transaction::write(&app.dynamodb, items, None).await.context("ending an execution")? {
        Outcome::Written => {
            log(row, &end);
            pass_on(app, row).await;
            return Ok(());
        }
        Outcome::Refused(refused) => refused,
    };
    // Item 0 refused: it is over already. Only the lock refused: it was taken away from this execution, which still ends.
    if !refused.contains(&0)
        && let Outcome::Written = transaction::write(&app.dynamodb, vec![ending], None).await?
    {
        log(row, &end);
    }
    Ok(())
}

/// The lock is free: whoever waits for it is next. What fails here is made good by the next look at the queue.
async fn pass_on(app: &App, row: &Row) {
    if let Some(lock) = &row.execution.lock_name
        && let Err(error) = queue::advance(app, lock).await
    {
        tracing::error!(lock, error = format!("{error:#}"), "could not hand a lock over; left to the sweep");
    }
}

fn log(row: &Row, end: &End) {
    crate::metrics::ended(end.status, end.exit_code);
    let late = (machine::now() - end.at).whole_seconds();
    tracing::info!(execution_id = %row.id(), status = %end.status, exit_code = end.exit_code, late, "execution ended");
}
