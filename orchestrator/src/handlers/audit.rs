//! The audit trail.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use runvoy_api::{audit::AuditList, id::rfc3339, user::Role};
use serde::Deserialize;
use time::Duration;

use super::{Context, query, since};
use crate::{
    auth,
    error::{ApiError, Result},
    store::{
        audit::{self, Before, Filter},
        history,
    },
};

/// How far back it goes if the caller does not say.
const USUAL: Duration = Duration::days(30);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditQuery {
    user: Option<String>,
    since: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

pub async fn list(
    State(app): Context,
    headers: HeaderMap,
    query_: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditList>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    let asked = query(query_)?;
    let since = since(asked.since.as_deref())?.unwrap_or_else(|| rfc3339(app.now() - USUAL));
    let filter = Filter { actor: asked.user.as_deref(), since: &since };
    let before = match &asked.cursor {
        None => Before::now(app.now()),
        Some(cursor) => Before::from_cursor(cursor).ok_or_else(|| {
            ApiError::from(runvoy_api::error::Invalid::new("cursor", "is not one that this API gave"))
        })?,
    };
    let limit = history::limit(asked.limit.as_deref())?;
    Ok(Json(audit::page(&app, &filter, limit, before).await?))
}
