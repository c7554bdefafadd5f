//! Secrets of commands and credentials of git: values go in and never out.

use anyhow::Context as _;
use aws_sdk_dynamodb::types::TransactWriteItem;
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use runvoy_api::{
    git_credential::{GitCredential, GitCredentialList, GitCredentialRequest, Kind, default_username},
    id::rfc3339,
    infra::Sentinel,
    secret::{Secret, SecretList, SecretRequest, validate_alias},
    user::Role,
};
use serde_json::{Value, json};

use super::Context;
use crate::{
    app::App,
    auth,
    error::{ApiError, Result},
    json,
    origin::Origin,
    store::{
        audit,
        item::{Item, Read, s},
        keys::Caller,
        secrets::{self, Known, Place, SET_AT, SET_BY},
    },
};

pub async fn list(State(app): Context, headers: HeaderMap) -> Result<Json<SecretList>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    let rows = secrets::list(&app, Sentinel::SECRETS).await?;
    Ok(Json(SecretList { secrets: rows.iter().map(|(alias, row)| secret(alias, row)).collect() }))
}

pub async fn put(
    State(app): Context,
    headers: HeaderMap,
    Path(alias): Path<String>,
    body: Body,
) -> Result<Json<Secret>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let request: SecretRequest = json::read(body).await?;
    validate_alias(&alias)?;
    request.validate()?;
    let row = known(&app, &caller);
    let entry = entry(&app, &caller, &headers, "secret.set", &alias, json!({}))?;
    secrets::set(&app, &Place::Secret(&alias), &request.value, row.clone(), entry).await?;
    Ok(Json(secret(&alias, &row)))
}

pub async fn delete(State(app): Context, headers: HeaderMap, Path(alias): Path<String>) -> Result<Json<Secret>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let entry = entry(&app, &caller, &headers, "secret.delete", &alias, json!({}))?;
    let row = secrets::delete(&app, &Place::Secret(&alias), entry).await?;
    let row = row.ok_or_else(|| ApiError::not_found(format!("secret `{}`", alias.escape_debug())))?;
    Ok(Json(secret(&alias, &row)))
}

pub async fn list_git(State(app): Context, headers: HeaderMap) -> Result<Json<GitCredentialList>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    let rows = secrets::list(&app, Sentinel::GIT).await?;
    let git_credentials = rows.iter().map(|(host, row)| git(host, row)).collect::<anyhow::Result<_>>()?;
    Ok(Json(GitCredentialList { git_credentials }))
}

pub async fn put_git(
    State(app): Context,
    headers: HeaderMap,
    Path(host): Path<String>,
    body: Body,
) -> Result<Json<GitCredential>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let mut request: GitCredentialRequest = json::read(body).await?;
    let host = host.to_ascii_lowercase();
    request.validate(&host)?;
    let details = json!({ "kind": request.kind, "username": request.username, "repositories": request.repositories });
    let entry = entry(&app, &caller, &headers, "git-credential.set", &host, details)?;
    let mut row = known(&app, &caller);
    row.extend(Known::row(request.kind, &request.repositories)?);
    if request.kind == Kind::Token {
        request.username.get_or_insert_with(|| default_username(&host).to_owned());
    }
    let value = serde_json::to_string(&request).map_err(anyhow::Error::new)?;
    secrets::set(&app, &Place::Git(&host), &value, row.clone(), entry).await?;
    Ok(Json(git(&host, &row)?))
}

pub async fn delete_git(
    State(app): Context,
    headers: HeaderMap,
    Path(host): Path<String>,
) -> Result<Json<GitCredential>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let host = host.to_ascii_lowercase();
    let entry = entry(&app, &caller, &headers, "git-credential.delete", &host, json!({}))?;
    let row = secrets::delete(&app, &Place::Git(&host), entry).await?;
    let row = row.ok_or_else(|| ApiError::not_found(format!("git credential for `{}`", host.escape_debug())))?;
    Ok(Json(git(&host, &row)?))
}

/// What is known of a value that is being set.
fn known(app: &App, caller: &Caller) -> Item {
    Item::from([(SET_AT.to_owned(), s(rfc3339(app.now()))), (SET_BY.to_owned(), s(&caller.user.email))])
}

fn set(row: &Item) -> (String, String) {
    (row.owned(SET_AT).unwrap_or_default(), row.owned(SET_BY).unwrap_or_default())
}

fn secret(alias: &str, row: &Item) -> Secret {
    let (set_at, set_by) = set(row);
    Secret { alias: alias.to_owned(), set_at, set_by }
}

fn git(host: &str, row: &Item) -> anyhow::Result<GitCredential> {
    let Known { kind, repositories, .. } = Known::from_row(row).context("a git credential's row is not readable")?;
    let (set_at, set_by) = set(row);
    Ok(GitCredential { host: host.to_owned(), kind, repositories, set_at, set_by })
}

fn entry(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    action: &'static str,
    target: &str,
    details: Value,
) -> anyhow::Result<TransactWriteItem> {
    let source_ip = &Origin::of(headers).source_ip;
    let actor = &caller.user.email;
    audit::append(app, &audit::Entry { actor, action, target, source_ip, result: audit::Result::Accepted, details })
}
