//! Keys: whose request this is.

use anyhow::Context;
use runvoy_api::{
    error::ErrorCode,
    id::rfc3339,
    infra::KeyRow,
    policy::Policy,
    user::{Role, User},
};
use time::{Duration, OffsetDateTime};

use super::item::{Item, Read, s};
use crate::{
    app::App,
    error::{ApiError, Result},
};

/// Whoever sent a request: the row of a key that is good.
#[derive(Debug, Clone)]
pub struct Caller {
    pub key_hash: String,
    pub user: User,
}

impl Caller {
    /// The caller, if the row is there, complete and not revoked.
    pub fn from_row(row: &Item) -> Option<Self> {
        let user = user(row)?;
        (!user.revoked).then_some(Self { key_hash: row.owned(KeyRow::HASH)?, user })
    }

    /// Their policy. One with rules that this version does not know can't be kept, so nothing may be started by it.
    pub fn policy(&self) -> Result<Option<Policy>> {
        let policy = self.user.policy.clone().map(serde_json::from_value).transpose();
        policy.map_err(|error| {
            ApiError::new(
                ErrorCode::Forbidden,
                format!("your policy has a rule that this deployment can't keep: {error}"),
            )
            .hint("an admin can set it anew, or update the deployment")
        })
    }

    /// Whether they may read the log of this user's executions, and stop them.
    pub fn may_read(&self, owner: &str) -> bool {
        self.user.role == Role::Admin || self.user.email == owner
    }
}

/// The user that a key's row tells of; `None` for rows that are none.
pub fn user(row: &Item) -> Option<User> {
    Some(User {
        email: row.owned(KeyRow::EMAIL)?,
        role: row.text(KeyRow::ROLE)?.parse().ok()?,
        created_at: row.owned(KeyRow::CREATED_AT)?,
        last_used: row.owned(KeyRow::LAST_USED),
        revoked: row.flag(KeyRow::REVOKED),
        // What is no JSON is kept as text: no policy has that form, so it allows nothing.
        policy: row.text(KeyRow::POLICY).map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into())),
    })
}

pub async fn get(app: &App, key_hash: &str) -> anyhow::Result<Option<Caller>> {
    let table = &app.deployment.api_keys;
    let request = app.dynamodb.get_item().table_name(table).key(KeyRow::HASH, s(key_hash)).consistent_read(true);
    let row = request.send().await.context("reading a key")?.item;
    Ok(row.as_ref().and_then(Caller::from_row))
}

/// Notes that the key was used, at most once a minute. It is never worth failing a request for.
pub async fn touch(app: &App, caller: &Caller, now: OffsetDateTime) {
    let stale = rfc3339(now - Duration::MINUTE);
    if caller.user.last_used.as_deref().is_some_and(|used| *used > *stale) {
        return;
    }
    let request = app
        .dynamodb
        .update_item()
        .table_name(&app.deployment.api_keys)
        .key(KeyRow::HASH, s(&caller.key_hash))
        .update_expression("SET last_used = :now")
        .condition_expression(
            "attribute_exists(api_key_hash) AND (attribute_not_exists(last_used) OR last_used < :now)",
        )
        .expression_attribute_values(":now", s(rfc3339(now)));
    if let Err(error) = request.send().await {
        let error = error.into_service_error();
        if !error.is_conditional_check_failed_exception() {
            tracing::warn!(%error, "could not note when a key was used");
        }
    }
}
