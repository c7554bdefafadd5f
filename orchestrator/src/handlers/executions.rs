//! Executions: start, list, look at, stop.

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use runvoy_api::{
    IDEMPOTENCY_HEADER,
    error::{ErrorCode, Invalid},
    execution::{Execution, ExecutionDetails, ExecutionList, ExecutionRequest, ExecutionStarted},
    status::Status,
    user::{Role, validate_email},
};
use serde::Deserialize;
use serde_json::json;

use super::{Context, execution_id, query, since};
use crate::{
    app::App,
    auth,
    error::{ApiError, Result},
    json,
    launch::{self, Ask},
    origin::Origin,
    queue, repair,
    store::{
        audit, commands, executions,
        history::{self, Filter},
        idempotency::Attempt,
        keys::Caller,
        row::Row,
        transaction::{self, Outcome},
    },
    tasks,
};

pub async fn start(
    State(app): Context,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ExecutionStarted>)> {
    let key_hash = auth::key_hash(&app, &headers)?;
    let request: ExecutionRequest = json::read(body).await?;
    let origin = Origin::of(&headers);
    let key = headers.get(IDEMPOTENCY_HEADER).map(|key| key.to_str().unwrap_or_default());
    let attempt = key.map(|key| Attempt::new(key, &key_hash, &request)).transpose()?;
    let ask = Ask { origin: &origin, key_hash: &key_hash, request: &request, attempt: attempt.as_ref() };
    let started = launch::launch(&app, &ask).await?;
    let reply = ExecutionStarted {
        log_url: origin.log_link(&app, &started.execution_id).await?,
        status: started.status,
        queue_position: started.queue_position,
        lock_fence: started.lock_fence,
        execution_id: started.execution_id,
    };
    Ok((StatusCode::CREATED, Json(reply)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    user: Option<String>,
    status: Option<String>,
    lock: Option<String>,
    since: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    all: Option<bool>,
}

/// The caller's own by default; `user` and `all` widen it.
pub async fn list(
    State(app): Context,
    headers: HeaderMap,
    query_: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<ExecutionList>> {
    let caller = auth::caller(&app, &headers, Role::Viewer).await?;
    let query = query(query_)?;
    let status = query.status.as_deref().map(str::parse).transpose();
    let status = status.map_err(|problem| Invalid { field: "status", problem })?;
    // An index takes no key that is empty or endless.
    query.user.as_deref().map(validate_email).transpose().map_err(|invalid| Invalid { field: "user", ..invalid })?;
    let user = query.user.or_else(|| (!query.all.unwrap_or(false)).then_some(caller.user.email));
    let filter = Filter { user, status, lock: query.lock, since: since(query.since.as_deref())? };
    let limit = history::limit(query.limit.as_deref())?;
    Ok(Json(history::page(&app, &filter, limit, query.cursor.as_deref()).await?))
}

async fn found(app: &App, id: &str) -> Result<Row> {
    let id = execution_id(id)?;
    let row = executions::get(app, &id).await?;
    row.ok_or_else(|| ApiError::not_found(format!("execution `{id}`")))
}

/// Every viewer sees what ran; only the log is the owner's.
pub async fn get(State(app): Context, headers: HeaderMap, Path(id): Path<String>) -> Result<Json<ExecutionDetails>> {
    let caller = auth::caller(&app, &headers, Role::Viewer).await?;
    let mut row = repair::look(&app, found(&app, &id).await?).await?;
    if row.has_long_command
        && let Some(command) = commands::get(&app, row.id()).await?
    {
        row.execution.command = command;
    }
    let execution = row.execution;
    let log_url = if caller.may_read(&execution.user_email) {
        Some(Origin::of(&headers).log_link(&app, &execution.execution_id).await?)
    } else {
        None
    };
    Ok(Json(ExecutionDetails { execution, log_url }))
}

/// Asks for the end: the status becomes `stopping` at once, and `stopped` when the task has stopped.
pub async fn stop(
    State(app): Context,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Execution>)> {
    let caller = auth::caller(&app, &headers, Role::Member).await?;
    let row = found(&app, &id).await?;
    if !caller.may_read(&row.execution.user_email) {
        let message = format!("`{id}` is an execution of {}", row.execution.user_email);
        return Err(ApiError::new(ErrorCode::Forbidden, message).hint("its owner or an admin can stop it"));
    }
    let source_ip = &Origin::of(&headers).source_ip;
    if row.execution.status == Status::Queued && stop_waiting(&app, &caller, source_ip, &row).await? {
        return Ok((StatusCode::OK, Json(found(&app, &id).await?.execution)));
    }
    let entry = stop_entry(&caller, source_ip, &row, audit::Result::Accepted);
    let items = vec![executions::set_stopping(&app, row.id(), &caller.user.email)?, audit::append(&app, &entry)?];
    if let Outcome::Refused(_) = transaction::write(&app.dynamodb, items, None).await? {
        let row = found(&app, &id).await?;
        let message = format!("`{id}` is over already: {}", row.execution.status);
        return Err(ApiError::new(ErrorCode::Conflict, message));
    }
    // Read again: its task may have been noted since. One that is noted later is stopped by whoever notes it.
    let row = found(&app, &id).await?;
    if let Some(arn) = &row.execution.task_arn {
        tasks::stop(&app, arn, &format!("stopped by {}", caller.user.email)).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(row.execution)))
}

/// One that waits has no task to wait for: it is over at once. `false`: it does not wait any more.
async fn stop_waiting(app: &App, caller: &Caller, source_ip: &str, row: &Row) -> Result<bool> {
    let entry = audit::append(app, &stop_entry(caller, source_ip, row, audit::Result::Done))?;
    let reason = format!("stopped by {} while it waited for its lock", caller.user.email);
    Ok(queue::leave(app, row, Status::Stopped, reason, Some(entry)).await?)
}

fn stop_entry<'a>(caller: &'a Caller, source_ip: &'a str, row: &'a Row, result: audit::Result) -> audit::Entry<'a> {
    let details = json!({ "owner": row.execution.user_email });
    audit::Entry {
        actor: &caller.user.email,
        action: "execution.stop",
        target: row.id().as_str(),
        source_ip,
        result,
        details,
    }
}
