//! Locks.

use axum::{Json, extract::State, http::HeaderMap};
use runvoy_api::{lock::LockList, user::Role};

use super::Context;
use crate::{auth, error::Result, store::locks};

pub async fn list(State(app): Context, headers: HeaderMap) -> Result<Json<LockList>> {
    auth::caller(&app, &headers, Role::Viewer).await?;
    Ok(Json(LockList { locks: locks::held(&app).await? }))
}
