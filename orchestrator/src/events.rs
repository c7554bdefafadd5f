//! The `events` function: ECS task state changes, and the sweep's schedule.

use anyhow::Context;
use runvoy_api::infra::SWEEP_DETAIL_TYPE;
use serde_json::Value;

use crate::{app::App, observe::TaskView, repair, store::executions, sweep};

/// Takes one event. An error makes Lambda try again, and in the end puts the event into the dead-letter queue.
pub async fn handle(app: &App, event: Value) -> Result<(), crate::Error> {
    match event.get("detail-type").and_then(Value::as_str) {
        Some(SWEEP_DETAIL_TYPE) => Ok(sweep::run(app).await?),
        Some("ECS Task State Change") => Ok(task_changed(app, event).await?),
        other => Err(format!("an event of type {other:?} is not for this function").into()),
    }
}

/// The task that an event tells of.
pub fn task(mut event: Value) -> anyhow::Result<TaskView> {
    let detail = event.get_mut("detail").map(Value::take).unwrap_or_default();
    serde_json::from_value(detail).context("the event's detail is not a task")
}

async fn task_changed(app: &App, event: Value) -> anyhow::Result<()> {
    let task = task(event)?;
    // Tasks that others start in this cluster are none of ours.
    let Some(id) = task.execution_id() else { return Ok(()) };
    match executions::get(app, &id).await? {
        Some(row) => Ok(repair::apply(app, &row, &task).await?),
        None => {
            tracing::warn!(execution_id = %id, task_arn = task.task_arn, "a task of an execution that is not on record");
            Ok(())
        }
    }
}
