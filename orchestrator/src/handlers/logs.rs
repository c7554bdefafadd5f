//! Logs: by key for the CLI, by token for the viewer.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use runvoy_api::{
    error::{ErrorCode, Invalid},
    logs::LogPage,
    user::Role,
};
use serde::Deserialize;

use super::{Context, execution_id};
use crate::{
    app::App,
    auth,
    error::{ApiError, Result},
    feed, repair,
    store::{executions, row::Row, settings},
    viewer,
};

/// CloudWatch Logs' own most, and what is asked for if the caller does not say.
const MAX_LINES: i32 = 10_000;

#[derive(Deserialize)]
pub struct PageQuery {
    cursor: Option<String>,
    limit: Option<String>,
    token: Option<String>,
}

/// By API key: the owner's, and every admin's.
pub async fn by_key(
    State(app): Context,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<LogPage>> {
    let caller = auth::caller(&app, &headers, Role::Viewer).await?;
    let row = row(&app, &id).await?;
    let shared = async { anyhow::Ok(caller.user.role >= Role::Member && settings::get(&app).await?.0.shared_logs) };
    if !caller.may_read(&row.execution.user_email) && !shared.await? {
        let message = format!("the log of `{id}` is for {} and admins", row.execution.user_email);
        return Err(ApiError::new(ErrorCode::Forbidden, message));
    }
    let row = repair::look_if_late(&app, row).await?;
    page(&app, &row, &query).await
}

/// By log token: whoever was given the link.
pub async fn by_token(
    State(app): Context,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<LogPage>> {
    let refused = || {
        ApiError::new(ErrorCode::Unauthorized, "this log link has expired, or is not for this log")
            .hint("ask whoever sent it for a new one")
    };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let token = bearer.or(query.token.as_deref()).ok_or_else(refused)?;
    let execution_id = id.parse().map_err(|_| refused())?;
    if !app.signer.verify(token, &execution_id, app.now()).await? {
        return Err(refused());
    }
    let row = row(&app, &id).await?;
    let row = repair::look_if_late(&app, row).await?;
    let mut page = page(&app, &row, &query).await?;
    if query.cursor.is_none() || page.status.is_terminal() {
        page.execution = Some(row.execution.into());
    }
    Ok(page)
}

async fn row(app: &App, id: &str) -> Result<Row> {
    let id = execution_id(id)?;
    let row = executions::get(app, &id).await?.ok_or_else(|| ApiError::not_found(format!("execution `{id}`")))?;
    Ok(row)
}

async fn page(app: &App, row: &Row, query: &PageQuery) -> Result<Json<LogPage>> {
    let limit = match query.limit.as_deref().map(str::parse) {
        None => MAX_LINES,
        Some(Ok(limit @ 1..=MAX_LINES)) => limit,
        Some(_) => {
            return Err(Invalid { field: "limit", problem: format!("must be from 1 to {MAX_LINES}") }.into());
        }
    };
    Ok(Json(feed::page(app, row, query.cursor.as_deref(), limit).await?))
}

/// The viewer's page. It holds no data: the token in its fragment gets that.
pub async fn viewer(Path(id): Path<String>) -> Result<Response> {
    execution_id(&id)?;
    Ok(viewer::page().into_response())
}
