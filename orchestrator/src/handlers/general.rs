//! Routes about the deployment and the caller.

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
use crate::{auth, error::Result};

pub async fn health() -> Json<Health> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Json(Health { status: "ok".to_owned(), version, contract: CONTRACT_VERSION })
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
