//! Keys and users.

use anyhow::Context;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use runvoy_api::{
    id::rfc3339,
    infra::{KeyRow, Sentinel},
    key::ApiKey,
    user::{Role, User},
};
use time::{Duration, OffsetDateTime};

use super::{
    item::{self, Item, Read, bool, s},
    transaction::{self, Outcome},
};
use crate::app::App;

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

    /// Whether they may read the log of this user's executions, and stop them.
    pub fn may_read(&self, owner: &str) -> bool {
        self.user.role == Role::Admin || self.user.email == owner
    }
}

fn user(row: &Item) -> Option<User> {
    Some(User {
        email: row.owned(KeyRow::EMAIL)?,
        role: row.text(KeyRow::ROLE)?.parse().ok()?,
        created_at: row.owned(KeyRow::CREATED_AT)?,
        last_used: row.owned(KeyRow::LAST_USED),
        revoked: row.flag(KeyRow::REVOKED),
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

/// Every user that ever was, by e-mail address.
pub async fn list(app: &App) -> anyhow::Result<Vec<User>> {
    let pages = app
        .dynamodb
        .scan()
        .table_name(&app.deployment.api_keys)
        .filter_expression("attribute_exists(user_email)")
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let rows = pages.collect::<Result<Vec<_>, _>>().await.context("reading the users")?;
    let mut users: Vec<User> = rows.iter().filter_map(user).collect();
    users.sort_by(|a, b| (&a.email, &a.created_at).cmp(&(&b.email, &b.created_at)));
    Ok(users)
}

/// Adds a user with a new key; `None` if the address has a key already.
pub async fn add(app: &App, email: &str, role: Role, audit: TransactWriteItem) -> anyhow::Result<Option<ApiKey>> {
    let key = ApiKey::from_random(crate::app::random()?);
    let table = &app.deployment.api_keys;
    let mut row = item::new();
    row.insert(KeyRow::HASH.into(), s(key.hash()));
    row.insert(KeyRow::EMAIL.into(), s(email));
    row.insert(KeyRow::ROLE.into(), s(role.as_str()));
    row.insert(KeyRow::CREATED_AT.into(), s(rfc3339(app.now())));
    row.insert(KeyRow::REVOKED.into(), bool(false));
    let mut sentinel = item::new();
    sentinel.insert(KeyRow::HASH.into(), s(Sentinel::user(email)));
    sentinel.insert(Sentinel::KEY_HASH.into(), s(key.hash()));
    let absent = |row| {
        let put = Put::builder().table_name(table).set_item(Some(row));
        let put = put.condition_expression("attribute_not_exists(api_key_hash)").build()?;
        anyhow::Ok(TransactWriteItem::builder().put(put).build())
    };
    match transaction::write(&app.dynamodb, vec![absent(sentinel)?, absent(row)?, audit], None).await? {
        Outcome::Written => Ok(Some(key)),
        Outcome::Refused(_) => Ok(None),
    }
}

/// Revokes the user's key and frees the address for a new one; `None` if the address has no key.
pub async fn revoke(app: &App, email: &str, audit: TransactWriteItem) -> anyhow::Result<Option<User>> {
    let table = &app.deployment.api_keys;
    let sentinel = Sentinel::user(email);
    let request = app.dynamodb.get_item().table_name(table).key(KeyRow::HASH, s(&sentinel)).consistent_read(true);
    let row = request.send().await.context("reading a user")?.item;
    let Some(key_hash) = row.as_ref().and_then(|row| row.owned(Sentinel::KEY_HASH)) else { return Ok(None) };
    let update = Update::builder()
        .table_name(table)
        .key(KeyRow::HASH, s(&key_hash))
        .update_expression("SET revoked = :true")
        .condition_expression("attribute_exists(api_key_hash)")
        .expression_attribute_values(":true", bool(true))
        .build()?;
    let delete = Delete::builder()
        .table_name(table)
        .key(KeyRow::HASH, s(sentinel))
        .condition_expression("key_hash = :hash")
        .expression_attribute_values(":hash", s(&key_hash))
        .build()?;
    let items = vec![
        TransactWriteItem::builder().update(update).build(),
        TransactWriteItem::builder().delete(delete).build(),
        audit,
    ];
    if let Outcome::Refused(_) = transaction::write(&app.dynamodb, items, None).await? {
        return Ok(None);
    }
    let request = app.dynamodb.get_item().table_name(table).key(KeyRow::HASH, s(key_hash)).consistent_read(true);
    let row = request.send().await.context("reading a revoked key")?.item;
    Ok(row.as_ref().and_then(user))
}
