//! Locks: look at them, and take one away from whoever holds it.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use runvoy_api::{
    error::ErrorCode,
    id::ExecutionId,
    lock::{Lock, LockList, LockRelease, LockReleased},
    status::Status,
    user::Role,
};
use serde_json::json;

use super::Context;
use crate::{
    app::App,
    auth,
    error::{ApiError, Result},
    finish, json,
    origin::Origin,
    queue, repair,
    store::{
        audit, executions, locks,
        row::Row,
        transaction::{self, Outcome},
    },
    sweep::NOT_NEW,
    tasks,
};

pub async fn list(State(app): Context, headers: HeaderMap) -> Result<Json<LockList>> {
    auth::caller(&app, &headers, Role::Viewer).await?;
    Ok(Json(LockList { locks: locks::held(&app).await? }))
}

/// Stops the holder's task. The lock is released when that has stopped, like after any other end, and not before: two
/// tasks must never run under one lock.
pub async fn release(
    State(app): Context,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<LockReleased>)> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let request: LockRelease = json::read(body).await?;
    request.validate()?;
    let nobody = || ApiError::not_found(format!("held lock `{}`", name.escape_debug()));
    runvoy_api::lock::validate(&name).map_err(|_| nobody())?;
    let lock = locks::get(&app, &name).await?.holder.ok_or_else(nobody)?;
    let id: ExecutionId = lock.execution_id.parse().map_err(anyhow::Error::new)?;
    let holder = executions::get(&app, &id).await?;
    let live = holder.as_ref().is_some_and(|row| !row.execution.status.is_terminal());
    let entry = audit::Entry {
        actor: &caller.user.email,
        action: "lock.release",
        target: &name,
        source_ip: &Origin::of(&headers).source_ip,
        result: if live { audit::Result::Accepted } else { audit::Result::Done },
        details: json!({ "reason": request.reason, "execution_id": lock.execution_id, "owner": lock.user_email }),
    };
    let entry = audit::append(&app, &entry)?;
    match holder {
        Some(row) if live => {
            let by = format!("{}, to release the lock `{name}`: {}", caller.user.email, request.reason);
            let stopping = executions::set_stopping(&app, row.id(), &by)?;
            write(&app, &name, vec![stopping, entry]).await?;
            stop(&app, &id).await?;
        }
        over => {
            // Nothing of ours leaves such a lock behind; a restored table might.
            if let Some(arn) = over.and_then(|row| row.execution.task_arn) {
                tasks::stop(&app, &arn, "its execution is over").await?;
            }
            write(&app, &name, vec![locks::release(&app, &name, &id, lock.fence)?, entry]).await?;
            queue::advance(&app, &name).await?;
        }
    }
    let released = !holds(&app, &lock).await?;
    let status = if released { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(LockReleased { lock, released })))
}

async fn write(app: &App, name: &str, items: Vec<aws_sdk_dynamodb::types::TransactWriteItem>) -> Result<()> {
    match transaction::write(&app.dynamodb, items, None).await? {
        Outcome::Written => Ok(()),
        Outcome::Refused(_) => {
            let message = format!("the lock `{name}` changed hands meanwhile");
            Err(ApiError::new(ErrorCode::Conflict, message).hint("look again: `runvoy locks list`"))
        }
    }
}

/// Stops the task of an execution that is marked as stopping, and ends it if the task has stopped already or is gone.
async fn stop(app: &App, id: &ExecutionId) -> Result<()> {
    // Read again: its task may have been noted since. One that is noted later is stopped by whoever notes it.
    let Some(row) = executions::get(app, id).await? else { return Ok(()) };
    let Some(arn) = row.execution.task_arn.clone() else { return Ok(()) };
    tasks::stop(app, &arn, "its lock was released by an admin").await?;
    let row = repair::look(app, row).await?;
    if is_gone(app, &row, arn).await? {
        finish::without_task(app, &row, Status::Lost, "ECS does not know its task any more").await?;
    }
    Ok(())
}

/// A task that ECS does not know may be new; if it is not, it is gone.
async fn is_gone(app: &App, row: &Row, arn: String) -> Result<bool> {
    let old = app.now() - row.execution.launched() > NOT_NEW;
    Ok(old && !row.execution.status.is_terminal() && tasks::describe(app, &[arn]).await?.is_empty())
}

async fn holds(app: &App, lock: &Lock) -> Result<bool> {
    let seen = locks::get(app, &lock.lock_name).await?;
    Ok(seen.holder.is_some_and(|holder| holder.execution_id == lock.execution_id))
}
