//! Users: each has one key that is good, named by a sentinel row. Every change is one transaction, with its audit record.

use anyhow::Context;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update, builders::UpdateBuilder};
use runvoy_api::{
    id::rfc3339,
    infra::{KeyRow, Sentinel},
    key::ApiKey,
    user::{Role, User, UserChange, validate_email},
};

use super::{
    item::{self, Item, Read, bool, s},
    keys::user,
    transaction::{self, Outcome},
};
use crate::app::App;

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
    let key = ApiKey::from_random(crate::machine::random()?);
    let mut sentinel = item::new();
    sentinel.insert(KeyRow::HASH.into(), s(Sentinel::user(email)));
    sentinel.insert(Sentinel::KEY_HASH.into(), s(key.hash()));
    let items = vec![put_new(app, sentinel)?, put_new(app, key_row(app, &key, email, role))?, audit];
    let outcome = transaction::write(&app.dynamodb, items, None).await?;
    Ok(matches!(outcome, Outcome::Written).then_some(key))
}

/// Revokes the user's key and frees the address for a new one; `None` if the address has no key.
pub async fn revoke(app: &App, email: &str, audit: TransactWriteItem) -> anyhow::Result<Option<User>> {
    let Some(hash) = current(app, email).await? else { return Ok(None) };
    let delete = Delete::builder()
        .table_name(&app.deployment.api_keys)
        .key(KeyRow::HASH, s(Sentinel::user(email)))
        .condition_expression("key_hash = :hash")
        .expression_attribute_values(":hash", s(&hash))
        .build()?;
    let items = vec![revoke_key(app, &hash)?, TransactWriteItem::builder().delete(delete).build(), audit];
    after(app, items, &hash).await
}

/// Gives the user another role, or another policy; `None` if the address has no key.
pub async fn change(
    app: &App,
    email: &str,
    change: &UserChange,
    audit: TransactWriteItem,
) -> anyhow::Result<Option<User>> {
    let Some(hash) = current(app, email).await? else { return Ok(None) };
    let mut row =
        update(app, &hash).condition_expression("revoked = :false").expression_attribute_values(":false", bool(false));
    let (mut sets, mut removes) = (Vec::new(), "");
    if let Some(role) = change.role {
        sets.push("#role = :role");
        row = row
            .expression_attribute_names("#role", KeyRow::ROLE)
            .expression_attribute_values(":role", s(role.as_str()));
    }
    match &change.policy {
        Some(Some(policy)) => {
            sets.push("#policy = :policy");
            row = row.expression_attribute_values(":policy", s(serde_json::to_string(policy)?));
        }
        Some(None) => removes = " REMOVE #policy",
        None => {}
    }
    if change.policy.is_some() {
        row = row.expression_attribute_names("#policy", KeyRow::POLICY);
    }
    let set = if sets.is_empty() { String::new() } else { format!("SET {}", sets.join(", ")) };
    let row = row.update_expression(format!("{set}{removes}")).build()?;
    after(app, vec![TransactWriteItem::builder().update(row).build(), audit], &hash).await
}

/// Gives the user a new key for the old one, with the same role and policy; `None` if the address has no key.
pub async fn rotate(app: &App, email: &str, audit: TransactWriteItem) -> anyhow::Result<Option<(ApiKey, Role)>> {
    let Some(old) = current(app, email).await? else { return Ok(None) };
    let Some(row) = read(app, &old).await? else { return Ok(None) };
    let Some(user) = user(&row) else { return Ok(None) };
    let key = ApiKey::from_random(crate::machine::random()?);
    let mut new = key_row(app, &key, email, user.role);
    new.extend(row.get_key_value(KeyRow::POLICY).map(|(name, policy)| (name.clone(), policy.clone())));
    let sentinel = update(app, &Sentinel::user(email))
        .update_expression("SET key_hash = :new")
        .condition_expression("key_hash = :old")
        .expression_attribute_values(":new", s(key.hash()))
        .expression_attribute_values(":old", s(&old));
    let sentinel = TransactWriteItem::builder().update(sentinel.build()?).build();
    let items = vec![put_new(app, new)?, revoke_key(app, &old)?, sentinel, audit];
    let outcome = transaction::write(&app.dynamodb, items, None).await?;
    Ok(matches!(outcome, Outcome::Written).then_some((key, user.role)))
}

/// The hash of the user's good key.
async fn current(app: &App, email: &str) -> anyhow::Result<Option<String>> {
    if validate_email(email).is_err() {
        return Ok(None);
    }
    Ok(read(app, &Sentinel::user(email)).await?.and_then(|row| row.owned(Sentinel::KEY_HASH)))
}

/// Writes, and reads the key's row again; `None` if it changed meanwhile.
async fn after(app: &App, items: Vec<TransactWriteItem>, hash: &str) -> anyhow::Result<Option<User>> {
    match transaction::write(&app.dynamodb, items, None).await? {
        Outcome::Written => Ok(read(app, hash).await?.as_ref().and_then(user)),
        Outcome::Refused(_) => Ok(None),
    }
}

async fn read(app: &App, key: &str) -> anyhow::Result<Option<Item>> {
    let table = &app.deployment.api_keys;
    let request = app.dynamodb.get_item().table_name(table).key(KeyRow::HASH, s(key)).consistent_read(true);
    Ok(request.send().await.context("reading a user")?.item)
}

fn key_row(app: &App, key: &ApiKey, email: &str, role: Role) -> Item {
    let mut row = item::new();
    row.insert(KeyRow::HASH.into(), s(key.hash()));
    row.insert(KeyRow::EMAIL.into(), s(email));
    row.insert(KeyRow::ROLE.into(), s(role.as_str()));
    row.insert(KeyRow::CREATED_AT.into(), s(rfc3339(app.now())));
    row.insert(KeyRow::REVOKED.into(), bool(false));
    row
}

fn put_new(app: &App, row: Item) -> anyhow::Result<TransactWriteItem> {
    let put = Put::builder().table_name(&app.deployment.api_keys).set_item(Some(row));
    let put = put.condition_expression("attribute_not_exists(api_key_hash)").build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn revoke_key(app: &App, hash: &str) -> anyhow::Result<TransactWriteItem> {
    let update = update(app, hash)
        .update_expression("SET revoked = :true")
        .condition_expression("attribute_exists(api_key_hash)")
        .expression_attribute_values(":true", bool(true));
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

fn update(app: &App, key: &str) -> UpdateBuilder {
    Update::builder().table_name(&app.deployment.api_keys).key(KeyRow::HASH, s(key))
}
