//! The queue of a lock: first come, first served, and nobody holds a function open to wait in it.
//!
//! An execution that waits is a row in status `queued` and a place in the list on the lock's row. Whoever frees the lock
//! hands it to the first of them in one transaction and starts it; a crash before that transaction leaves a free lock
//! with a queue, which every look at one of those that wait, and the sweep, set going again. A newcomer never overtakes.

use std::pin::Pin;

use anyhow::Context;
use aws_sdk_dynamodb::types::TransactWriteItem;
use runvoy_api::{
    execution::Execution,
    id::{ExecutionId, rfc3339},
    lock::Waiter,
    status::Status,
};
use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    limits, start,
    store::{
        executions::{self, End, QUEUED},
        locks::{self, Claim, Seen},
        row::{Row, Waiting},
        transaction::{self, Outcome},
    },
};

/// What a task may take beyond its command's own limit, for provisioning, pulling and stopping.
pub const OVERHEAD: Duration = Duration::minutes(15);
/// How often a place in the queue is looked up again that moved between the read and the transaction.
const TRIES: u32 = 5;

/// How this execution takes this lock.
pub fn claim<'a>(name: &'a str, execution: &'a Execution, seen: Option<u64>, fence: u64) -> Claim<'a> {
    let acquired = execution.launched();
    Claim {
        name,
        holder: &execution.execution_id,
        user_email: &execution.user_email,
        seen,
        fence,
        acquired,
        expires: acquired + Duration::seconds(execution.timeout_seconds.into()) + OVERHEAD,
    }
}

/// Hands the lock to the first of those that wait, if it is free, and starts that execution. Returns the lock's row as
/// it was last seen. Any number may do this at once: the transaction lets one through. Whoever has too little time left
/// leaves it to the next look at the queue.
///
/// Boxed because it comes round: an execution that can't be started frees the lock for the next one.
pub fn advance<'a>(app: &'a App, lock: &'a str) -> Pin<Box<dyn Future<Output = anyhow::Result<Seen>> + Send + 'a>> {
    Box::pin(async move {
        loop {
            let seen = locks::get(app, lock).await?;
            let (None, Some(first)) = (&seen.holder, seen.waiters.first()) else { return Ok(seen) };
            if !limits::has_left(start::ROOM) {
                return Ok(seen);
            }
            serve(app, lock, &seen, first).await?;
        }
    })
}

/// Gives the first of the queue what it waits for, or takes it out.
async fn serve(app: &App, lock: &str, seen: &Seen, first: &Waiter) -> anyhow::Result<()> {
    let id: ExecutionId = first.execution_id.parse().map_err(anyhow::Error::new)?;
    let row = executions::get(app, &id).await?;
    let Some((row, waiting)) = row.and_then(|row| row.waiting.clone().map(|waiting| (row, waiting))) else {
        // It is over, and left its place behind.
        return transaction::write(&app.dynamodb, vec![locks::leave(app, lock, 0, &id)?], None).await.map(drop);
    };
    if app.now() > waiting.until {
        return expire(app, &row, lock).await;
    }
    launch(app, row, &waiting, lock, seen).await
}

async fn launch(app: &App, row: Row, waiting: &Waiting, lock: &str, seen: &Seen) -> anyhow::Result<()> {
    let now = app.now();
    let fence = locks::next_fence(seen.fence, now);
    let execution = Execution {
        status: Status::Starting,
        lock_fence: Some(fence),
        launched_at: Some(rfc3339(now)),
        ..row.execution
    };
    let items = vec![
        executions::set_launched(app, &execution.execution_id, fence, now)?,
        locks::hand_over(app, &claim(lock, &execution, seen.fence, fence))?,
    ];
    if let Outcome::Written = transaction::write(&app.dynamodb, items, None).await? {
        let waited = (now - execution.execution_id.started()).whole_seconds();
        tracing::info!(execution_id = %execution.execution_id, lock, waited, "a lock was handed over");
        if let Err(error) = start::start(app, &execution, &waiting.task.clone().fenced(fence)).await {
            // It has been ended, with this as its reason.
            tracing::warn!(execution_id = %execution.execution_id, error = error.message, "could not start");
        }
    }
    Ok(())
}

/// Sets a queued execution going if it can be: its time may be up, or its lock free without anybody having noticed.
/// Returns the row as it stands then, with its place if it still waits.
pub async fn look(app: &App, row: Row) -> anyhow::Result<Row> {
    let (Some(lock), Some(waiting)) = (row.execution.lock_name.clone(), &row.waiting) else { return Ok(row) };
    let seen = if app.now() > waiting.until {
        expire(app, &row, &lock).await?;
        locks::get(app, &lock).await?
    } else {
        advance(app, &lock).await?
    };
    if let Some(place) = seen.place(row.id()) {
        let execution = Execution { queue_position: Some(place + 1), ..row.execution };
        return Ok(Row { execution, ..row });
    }
    Ok(executions::get(app, row.id()).await?.unwrap_or(row))
}

async fn expire(app: &App, row: &Row, lock: &str) -> anyhow::Result<()> {
    let waited = row.waiting.as_ref().map_or(Duration::ZERO, |waiting| waiting.until - row.id().started());
    let reason = format!("waited {} seconds for the lock `{lock}`, which did not come free", waited.whole_seconds());
    leave(app, row, Status::Failed, reason, None).await.map(drop)
}

/// Ends an execution that waits, and takes it out of the queue; with an audit record, where somebody asked for it.
/// `false`: it does not wait any more.
pub async fn leave(
    app: &App,
    row: &Row,
    status: Status,
    reason: String,
    audit: Option<TransactWriteItem>,
) -> anyhow::Result<bool> {
    let lock = row.execution.lock_name.as_deref().context("a queued execution has a lock")?;
    let end = ended(app.now(), status, reason);
    let ending = executions::finish(app, row.id(), &end, QUEUED)?;
    for _ in 0..TRIES {
        let place = locks::get(app, lock).await?.place(row.id());
        let leaving = place.map(|place| locks::leave(app, lock, place, row.id())).transpose()?;
        let items = [Some(ending.clone()), leaving, audit.clone()].into_iter().flatten().collect();
        match transaction::write(&app.dynamodb, items, None).await? {
            Outcome::Written => {
                tracing::info!(execution_id = %row.id(), %status, "execution left the queue");
                return Ok(true);
            }
            Outcome::Refused(refused) if refused.contains(&0) => return Ok(false),
            // Those before it left, and its place moved.
            Outcome::Refused(_) => {}
        }
    }
    anyhow::bail!("the queue of the lock `{lock}` moved again and again")
}

fn ended(at: OffsetDateTime, status: Status, reason: String) -> End {
    let reason = Some(reason);
    End { status, at, exit_code: None, reason, cost: None, task_arn: None, task_version: 0 }
}
