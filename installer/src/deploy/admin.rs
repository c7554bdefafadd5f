//! The first admin: a key that is saved before it is good for anything, so that no crash can strand it.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Put, TransactWriteItem},
};
use runvoy_api::{
    id::rfc3339,
    infra::{API_KEYS, KeyRow, Sentinel},
    key::ApiKey,
    user::Role,
};
use time::OffsetDateTime;

use crate::{
    aws::{Aws, explain},
    config::{Config, Profile},
    error::{Error, Result, ResultExt as _},
};

type Row = HashMap<String, AttributeValue>;

/// Who holds the deployment's first key.
pub enum Admin {
    /// This machine; the key was made just now.
    New(ApiKey),
    /// Somebody, earlier. This machine has a key of its own.
    Known(ApiKey),
    /// Somebody else: this machine has no key.
    Elsewhere(String),
}

/// Makes the first admin, unless there is one already, and saves the profile.
pub async fn seed(aws: &Aws, stack: &str, endpoint: &str, email: &str, config: &mut Config) -> Result<Admin> {
    let table = API_KEYS.name(stack);
    let mine = saved_key(config, stack);
    if let Some(sentinel) = row(aws, &table, Sentinel::FIRST_ADMIN).await? {
        return known(aws, &table, &sentinel, stack, endpoint, mine, config).await;
    }
    // A key saved for this very address comes from a run that ended before it could be registered.
    let same = saved_endpoint(config, stack) == Some(endpoint);
    let key = match mine.filter(|_| same) {
        Some(key) => key,
        None => new_key()?,
    };
    set_aside(config, stack, endpoint);
    save(aws, stack, endpoint, &key, config)?;
    match register(aws, &table, email, &key).await? {
        true => Ok(Admin::New(key)),
        false => {
            let sentinel = row(aws, &table, Sentinel::FIRST_ADMIN).await?;
            let taken = || {
                Error::new(format!("`{email}` has a key already, though nobody was the first admin"))
                    .hint("add `--admin-email` with another address")
            };
            known(aws, &table, &sentinel.ok_or_else(taken)?, stack, endpoint, Some(key), config).await
        }
    }
}

fn saved_key(config: &Config, stack: &str) -> Option<ApiKey> {
    config.profile(Some(stack)).ok()?.api_key.as_deref()?.trim().parse().ok()
}

fn saved_endpoint<'a>(config: &'a Config, stack: &str) -> Option<&'a str> {
    config.profile(Some(stack)).ok()?.api_endpoint.as_deref()
}

fn new_key() -> Result<ApiKey> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| Error::new(format!("the system gives no random numbers: {error}")))?;
    Ok(ApiKey::from_random(bits))
}

/// Keeps the profile of another deployment that happens to have the same name: its key exists nowhere else.
fn set_aside(config: &mut Config, stack: &str, endpoint: &str) {
    let Ok(old) = config.profile(Some(stack)).cloned() else { return };
    if old.api_key.is_some() && old.api_endpoint.as_deref() != Some(endpoint) {
        let until = OffsetDateTime::now_utc().unix_timestamp();
        config.set_profile(&format!("{stack}-until-{until}"), old);
    }
}

fn save(aws: &Aws, stack: &str, endpoint: &str, key: &ApiKey, config: &mut Config) -> Result<()> {
    let profile = Profile {
        api_endpoint: Some(endpoint.to_owned()),
        api_key: Some(key.reveal().to_owned()),
        region: Some(aws.region.clone()),
    };
    config.set_profile(stack, profile);
    config.save()
}

/// There is a first admin: is it us?
async fn known(
    aws: &Aws,
    table: &str,
    sentinel: &Row,
    stack: &str,
    endpoint: &str,
    mine: Option<ApiKey>,
    config: &mut Config,
) -> Result<Admin> {
    let first = text(sentinel, Sentinel::KEY_HASH).unwrap_or_default();
    if let Some(key) = mine {
        // Ours may be another one than the first, as long as the deployment knows it.
        if key.hash() == first || row(aws, table, &key.hash()).await?.is_some() {
            if saved_endpoint(config, stack) != Some(endpoint) {
                save(aws, stack, endpoint, &key, config)?;
            }
            return Ok(Admin::Known(key));
        }
    }
    let owner = row(aws, table, first).await?;
    let owner = owner.as_ref().and_then(|row| text(row, KeyRow::EMAIL)).unwrap_or("somebody whose key is gone");
    Ok(Admin::Elsewhere(owner.to_owned()))
}

/// Writes the key, its owner's place and the first admin's, all or none; whether all places were free.
async fn register(aws: &Aws, table: &str, email: &str, key: &ApiKey) -> Result<bool> {
    let now = rfc3339(OffsetDateTime::now_utc());
    let key_row = [
        (KeyRow::EMAIL, AttributeValue::S(email.to_owned())),
        (KeyRow::ROLE, AttributeValue::S(Role::Admin.as_str().to_owned())),
        (KeyRow::CREATED_AT, AttributeValue::S(now)),
        (KeyRow::REVOKED, AttributeValue::Bool(false)),
    ];
    let sentinel = || [(Sentinel::KEY_HASH, AttributeValue::S(key.hash()))];
    let request = aws
        .dynamodb()
        .transact_write_items()
        .transact_items(put_new(table, &key.hash(), key_row)?)
        .transact_items(put_new(table, &Sentinel::user(email), sentinel())?)
        .transact_items(put_new(table, Sentinel::FIRST_ADMIN, sentinel())?);
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let taken = error.as_service_error().is_some_and(is_taken);
            if taken { Ok(false) } else { Err(explain(error)).context("can't register the first admin's key") }
        }
    }
}

/// Whether one of the places was not free.
fn is_taken(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some("ConditionalCheckFailed"))
}

fn put_new<const N: usize>(table: &str, id: &str, rest: [(&str, AttributeValue); N]) -> Result<TransactWriteItem> {
    let schema = (KeyRow::SCHEMA, AttributeValue::N(KeyRow::SCHEMA_VERSION.to_string()));
    let id = (KeyRow::HASH, AttributeValue::S(id.to_owned()));
    let item: Row = rest.into_iter().chain([id, schema]).map(|(name, value)| (name.to_owned(), value)).collect();
    let condition = format!("attribute_not_exists({})", KeyRow::HASH);
    let put = Put::builder().table_name(table).set_item(Some(item)).condition_expression(condition).build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

async fn row(aws: &Aws, table: &str, id: &str) -> Result<Option<Row>> {
    let id = AttributeValue::S(id.to_owned());
    let request = aws.dynamodb().get_item().table_name(table).key(KeyRow::HASH, id).consistent_read(true);
    let reply = request.send().await.map_err(explain).context(format!("can't read the table `{table}`"))?;
    Ok(reply.item)
}

fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}
