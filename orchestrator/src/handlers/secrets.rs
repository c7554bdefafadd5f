//! Secrets of commands, credentials of git and of registries: values go in and never out.

use anyhow::Context as _;
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use runvoy_api::{
    git_credential::{GitCredential, GitCredentialList, GitCredentialRequest, Kind, default_username},
    id::rfc3339,
    image::validate_registry,
    infra::Sentinel,
    registry_credential::{RegistryCredential, RegistryCredentialList, RegistryCredentialRequest},
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
        secrets::{self, Known, Place, SET_AT, SET_BY, USERNAME},
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
    let by = By::of(&app, &headers).await?;
    let request: SecretRequest = json::read(body).await?;
    validate_alias(&alias)?;
    request.validate()?;
    let row = by.set(&Place::Secret(&alias), &request.value, Item::new(), json!({})).await?;
    Ok(Json(secret(&alias, &row)))
}

pub async fn delete(State(app): Context, headers: HeaderMap, Path(alias): Path<String>) -> Result<Json<Secret>> {
    let row = By::of(&app, &headers).await?.delete(&Place::Secret(&alias)).await?;
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
    let by = By::of(&app, &headers).await?;
    let mut request: GitCredentialRequest = json::read(body).await?;
    let host = host.to_ascii_lowercase();
    request.validate(&host)?;
    let details = json!({ "kind": request.kind, "username": request.username, "repositories": request.repositories });
    if request.kind == Kind::Token {
        request.username.get_or_insert_with(|| default_username(&host).to_owned());
    }
    let value = serde_json::to_string(&request).map_err(anyhow::Error::new)?;
    let known = Known::row(request.kind, &request.repositories)?;
    let row = by.set(&Place::Git(&host), &value, known, details).await?;
    Ok(Json(git(&host, &row)?))
}

pub async fn delete_git(
    State(app): Context,
    headers: HeaderMap,
    Path(host): Path<String>,
) -> Result<Json<GitCredential>> {
    let host = host.to_ascii_lowercase();
    let row = By::of(&app, &headers).await?.delete(&Place::Git(&host)).await?;
    Ok(Json(git(&host, &row)?))
}

pub async fn list_registries(State(app): Context, headers: HeaderMap) -> Result<Json<RegistryCredentialList>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    let rows = secrets::list(&app, Sentinel::REGISTRIES).await?;
    let registry_credentials = rows.iter().map(|(host, row)| registry(host, row)).collect();
    Ok(Json(RegistryCredentialList { registry_credentials }))
}

pub async fn put_registry(
    State(app): Context,
    headers: HeaderMap,
    Path(host): Path<String>,
    body: Body,
) -> Result<Json<RegistryCredential>> {
    let by = By::of(&app, &headers).await?;
    let request: RegistryCredentialRequest = json::read(body).await?;
    let host = validate_registry(&host)?;
    request.validate()?;
    let value = serde_json::to_string(&request).map_err(anyhow::Error::new)?;
    let known = Item::from([(USERNAME.to_owned(), s(&request.username))]);
    let row = by.set(&Place::Registry(&host), &value, known, json!({ "username": request.username })).await?;
    Ok(Json(registry(&host, &row)))
}

pub async fn delete_registry(
    State(app): Context,
    headers: HeaderMap,
    Path(host): Path<String>,
) -> Result<Json<RegistryCredential>> {
    let by = By::of(&app, &headers).await?;
    let host = validate_registry(&host)?;
    let row = by.delete(&Place::Registry(&host)).await?;
    Ok(Json(registry(&host, &row)))
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

fn registry(host: &str, row: &Item) -> RegistryCredential {
    let (set_at, set_by) = set(row);
    let username = row.owned(USERNAME).unwrap_or_default();
    RegistryCredential { host: host.to_owned(), username, set_at, set_by }
}

/// The admin on whose behalf something is set or deleted.
struct By<'a> {
    app: &'a App,
    caller: Caller,
    source_ip: String,
}

impl<'a> By<'a> {
    async fn of(app: &'a App, headers: &HeaderMap) -> Result<Self> {
        let caller = auth::caller(app, headers, Role::Admin).await?;
        Ok(Self { app, caller, source_ip: Origin::of(headers).source_ip })
    }

    /// Sets a value; returns what is known of it then.
    async fn set(&self, place: &Place<'_>, value: &str, mut known: Item, details: Value) -> Result<Item> {
        known.insert(SET_AT.to_owned(), s(rfc3339(self.app.now())));
        known.insert(SET_BY.to_owned(), s(&self.caller.user.email));
        let entry = audit::append(self.app, &self.entry(place, place.actions().0, details))?;
        secrets::set(self.app, place, value, known.clone(), entry).await?;
        Ok(known)
    }

    /// Deletes a value; returns what was known of it.
    async fn delete(&self, place: &Place<'_>) -> Result<Item> {
        let entry = audit::append(self.app, &self.entry(place, place.actions().1, json!({})))?;
        secrets::delete(self.app, place, entry).await?.ok_or_else(|| ApiError::not_found(place))
    }

    fn entry<'b>(&'b self, place: &'b Place<'_>, action: &'static str, details: Value) -> audit::Entry<'b> {
        let Self { caller, source_ip, .. } = self;
        let (actor, target) = (caller.user.email.as_str(), place.key());
        audit::Entry { actor, action, target, source_ip, result: audit::Result::Accepted, details }
    }
}
