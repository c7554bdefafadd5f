//! Routes about the deployment and the caller.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, header},
    response::IntoResponse,
};
use runvoy_api::{
    CONTRACT_VERSION, Greeting, Health,
    user::{Role, User},
};

use super::Context;
use crate::{auth, error::Result, store::settings};

/// How long the table may take to tell whether a removal is under way: an answer without it is one, too.
const LOOK: Duration = Duration::from_secs(1);

pub async fn health(State(app): Context) -> Json<Health> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let look = tokio::time::timeout(LOOK, settings::destroyed_since(&app)).await;
    let destroyed_since = look.ok().and_then(Result::ok).flatten();
    Json(Health { status: "ok".to_owned(), version, contract: CONTRACT_VERSION, destroyed_since })
}

/// The API's own description, as this release of it is.
pub async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("../../../docs/openapi.json"))
}

pub async fn greet(Path(name): Path<String>) -> Json<Greeting> {
    Json(Greeting { message: format!("hello, {name}") })
}

pub async fn whoami(State(app): Context, headers: HeaderMap) -> Result<Json<User>> {
    Ok(Json(auth::caller(&app, &headers, Role::Viewer).await?.user))
}
