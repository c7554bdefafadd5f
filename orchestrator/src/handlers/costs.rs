//! Costs.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use runvoy_api::{
    costs::{By, Costs},
    error::Invalid,
    id::rfc3339,
    user::Role,
};
use serde::Deserialize;
use time::Duration;

use super::{Context, query, since};
use crate::{auth, error::Result, store::costs};

/// How far back it goes if the caller does not say: months are compared over a year.
fn usual(by: By) -> Duration {
    if by == By::Month { Duration::days(366) } else { Duration::days(30) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostsQuery {
    by: Option<String>,
    since: Option<String>,
}

pub async fn list(
    State(app): Context,
    headers: HeaderMap,
    query_: Result<Query<CostsQuery>, QueryRejection>,
) -> Result<Json<Costs>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    let asked = query(query_)?;
    let by = asked.by.as_deref().unwrap_or("user").parse().map_err(|problem: String| Invalid::new("by", problem))?;
    let since = since(asked.since.as_deref())?.unwrap_or_else(|| rfc3339(app.now() - usual(by)));
    Ok(Json(costs::sum(&app, by, &since).await?))
}
