//! Users: list, add, change, give a new key, revoke.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use runvoy_api::{
    error::ErrorCode,
    user::{Role, User, UserAdded, UserChange, UserList, UserRequest, validate_email, validate_role},
};
use serde_json::json;

use super::Context;
use crate::{
    auth,
    error::{ApiError, Result},
    json,
    origin::Origin,
    store::{audit, users},
};

pub async fn list(State(app): Context, headers: HeaderMap) -> Result<Json<UserList>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    Ok(Json(UserList { users: users::list(&app).await? }))
}

pub async fn add(State(app): Context, headers: HeaderMap, body: Body) -> Result<(StatusCode, Json<UserAdded>)> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let UserRequest { email, role } = json::read(body).await?;
    validate_email(&email)?;
    let role = role.unwrap_or(Role::Member);
    validate_role(role)?;
    let entry = audit::Entry {
        actor: &caller.user.email,
        action: "user.add",
        target: &email,
        source_ip: &Origin::of(&headers).source_ip,
        result: audit::Result::Done,
        details: json!({ "role": role }),
    };
    let key = users::add(&app, &email, role, audit::append(&app, &entry)?).await?;
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
        result: audit::Result::Done,
        details: json!({}),
    };
    let revoked = users::revoke(&app, &email, audit::append(&app, &entry)?).await?;
    Ok(Json(revoked.ok_or_else(|| no_key(&email))?))
}

/// Another role, another policy, or both; from the user's next request on.
pub async fn change(
    State(app): Context,
    headers: HeaderMap,
    Path(email): Path<String>,
    body: Body,
) -> Result<Json<User>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let change: UserChange = json::read(body).await?;
    change.validate()?;
    if caller.user.email == email && change.role.is_some_and(|role| role != Role::Admin) {
        let message = "you can't take your own role away: a deployment must not lose its last admin";
        return Err(ApiError::new(ErrorCode::Conflict, message).hint("another admin can"));
    }
    let entry = audit::Entry {
        actor: &caller.user.email,
        action: "user.change",
        target: &email,
        source_ip: &Origin::of(&headers).source_ip,
        result: audit::Result::Done,
        details: json!(change),
    };
    let changed = users::change(&app, &email, &change, audit::append(&app, &entry)?).await?;
    Ok(Json(changed.ok_or_else(|| no_key(&email))?))
}

/// A new key for the old one, which is refused from now on.
pub async fn rotate(State(app): Context, headers: HeaderMap, Path(email): Path<String>) -> Result<Json<UserAdded>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let entry = audit::Entry {
        actor: &caller.user.email,
        action: "user.rotate",
        target: &email,
        source_ip: &Origin::of(&headers).source_ip,
        result: audit::Result::Done,
        details: json!({}),
    };
    let rotated = users::rotate(&app, &email, audit::append(&app, &entry)?).await?;
    let (key, role) = rotated.ok_or_else(|| no_key(&email))?;
    Ok(Json(UserAdded { email, role, api_key: key.reveal().to_owned() }))
}

fn no_key(email: &str) -> ApiError {
    ApiError::not_found(format!("user `{}` with a key", email.escape_debug()))
}
