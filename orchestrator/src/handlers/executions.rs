//! Executions: start, list, look at, stop.

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
};
use runvoy_api::{
    error::{ErrorCode, Invalid},
    execution::{Execution, ExecutionList, ExecutionRequest, ExecutionStarted},
    id::{parse_rfc3339, rfc3339},
    user::Role,
};
use serde::Deserialize;
use serde_json::json;

use super::{Context, execution_id};
use crate::{
    app::App,
    auth,
    error::{ApiError, Result},
    json, launch,
    origin::Origin,
    repair,
    store::{
        audit, executions,
        history::{self, Filter},
        transaction::{self, Outcome},
    },
    tasks,
};

pub async fn start(
    State(app): Context,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ExecutionStarted>)> {
    let key_hash = auth::key_hash(&headers)?;
    let request: ExecutionRequest = json::read(body).await?;
    let origin = Origin::of(&headers);
    let started = launch::launch(&app, &origin, &key_hash, request).await?;
    let reply = ExecutionStarted {
        log_url: origin.log_link(&app, &started.execution_id).await?,
        status: started.status,
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
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<ExecutionList>> {
    let caller = auth::caller(&app, &headers, Role::Viewer).await?;
    let Query(query) = query.map_err(|error| ApiError::new(ErrorCode::InvalidRequest, error.body_text()))?;
    let invalid = |field, problem| ApiError::from(Invalid { field, problem });
    let status = query.status.as_deref().map(str::parse).transpose().map_err(|problem| invalid("status", problem))?;
    let since = query.since.as_deref().map(|since| {
        parse_rfc3339(since).map(rfc3339).ok_or_else(|| invalid("since", "must be an RFC 3339 time".to_owned()))
    });
    let user = query.user.or_else(|| (!query.all.unwrap_or(false)).then_some(caller.user.email));
    let filter = Filter { user, status, lock: query.lock, since: since.transpose()? };
    let limit = history::limit(query.limit.as_deref())?;
    Ok(Json(history::page(&app, &filter, limit, query.cursor.as_deref()).await?))
}

async fn found(app: &App, id: &str) -> Result<executions::Row> {
    let id = execution_id(id)?;
    let row = executions::get(app, &id).await?;
    row.ok_or_else(|| ApiError::not_found(format!("execution `{id}`")))
}

/// Every viewer sees what ran; only the log is the owner's.
pub async fn get(State(app): Context, headers: HeaderMap, Path(id): Path<String>) -> Result<Json<Execution>> {
    auth::caller(&app, &headers, Role::Viewer).await?;
    let row = found(&app, &id).await?;
    Ok(Json(repair::look(&app, row).await?.execution))
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
    let email = &caller.user.email;
    let source_ip = &Origin::of(&headers).source_ip;
    let details = json!({ "owner": row.execution.user_email, "result": "accepted" });
    let entry = audit::Entry { actor: email, action: "execution.stop", target: row.id().as_str(), source_ip, details };
    let items = vec![executions::set_stopping(&app, row.id(), email)?, audit::append(&app, &entry)?];
    if let Outcome::Refused(_) = transaction::write(&app.dynamodb, items, None).await? {
        let row = found(&app, &id).await?;
        let message = format!("`{id}` is over already: {}", row.execution.status);
        return Err(ApiError::new(ErrorCode::Conflict, message));
    }
    // Read again: its task may have been noted since. One that is noted later is stopped by whoever notes it.
    let row = found(&app, &id).await?;
    if let Some(arn) = &row.execution.task_arn {
        tasks::stop(&app, arn, &format!("stopped by {email}")).await?;
    }
    Ok((StatusCode::ACCEPTED, Json(row.execution)))
}
