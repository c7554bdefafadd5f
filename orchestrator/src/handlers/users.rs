//! Users: list, add, revoke.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use runvoy_api::{
    error::ErrorCode,
    user::{Role, User, UserAdded, UserList, UserRequest, validate_email},
};
use serde_json::json;

use super::Context;
use crate::{
    auth,
    error::{ApiError, Result},
    json,
    origin::Origin,
    store::{audit, keys},
};

pub async fn list(State(app): Context, headers: HeaderMap) -> Result<Json<UserList>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    Ok(Json(UserList { users: keys::list(&app).await? }))
}

pub async fn add(State(app): Context, headers: HeaderMap, body: Body) -> Result<(StatusCode, Json<UserAdded>)> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let UserRequest { email, role } = json::read(body).await?;
    validate_email(&email)?;
    let role = role.unwrap_or(Role::Member);
    let entry = audit::Entry {
        actor: &caller.user.email,
        action: "user.add",
        target: &email,
        source_ip: &Origin::of(&headers).source_ip,
        details: json!({ "role": role, "result": "done" }),
    };
    let key = keys::add(&app, &email, role, audit::append(&app, &entry)?).await?;
    let key = key.ok_or_else(|| {
        ApiError::new(ErrorCode::Conflict, format!("`{email}` has a key already"))
            .hint(format!("revoke it first: `runvoy admin revoke-user {email}`"))
    })?;
    Ok((StatusCode::CREATED, Json(UserAdded { email, role, api_key: key.reveal().to_owned() })))
}

pub async fn revoke(State(app): Context, headers: HeaderMap, Path(email): Path<String>) -> Result<Json<User>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    if caller.user.email == email {
        let message = "you can't revoke your own key: a deployment must not lose its last admin";
        return Err(ApiError::new(ErrorCode::Conflict, message).hint("another admin can"));
    }
    let entry = audit::Entry {
        actor: &caller.user.email,
        action: "user.revoke",
        target: &email,
        source_ip: &Origin::of(&headers).source_ip,
        details: json!({ "result": "done" }),
    };
    let revoked = keys::revoke(&app, &email, audit::append(&app, &entry)?).await?;
    Ok(Json(revoked.ok_or_else(|| ApiError::not_found(format!("user `{}` with a key", email.escape_debug())))?))
}
