//! The rows of keys, users and audit records, as the orchestrator writes them.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, TransactWriteItem, Update},
};
use runvoy_api::{
    id::rfc3339,
    infra::{API_KEYS, AUDIT, KeyRow, Sentinel},
    key::{ApiKey, hex},
    user::Role,
};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::sleep;

use super::saved::random;
use crate::{
    aws::{Aws, explain},
    error::{Result, ResultExt as _},
};

pub(super) type Row = HashMap<String, AttributeValue>;

/// How often a transaction is tried that meets another one on the same rows.
const TRIES: u32 = 6;

/// The tables that keys are registered in.
pub(super) struct Keys<'a> {
    aws: &'a Aws,
    table: String,
    audit: String,
}

impl<'a> Keys<'a> {
    pub(super) fn new(aws: &'a Aws, stack: &str) -> Self {
        Self { aws, table: API_KEYS.name(stack), audit: AUDIT.name(stack) }
    }

    pub(super) async fn row(&self, id: &str) -> Result<Option<Row>> {
        let table = &self.table;
        let request = self.aws.dynamodb().get_item().table_name(table).key(KeyRow::HASH, s(id)).consistent_read(true);
        let reply = request.send().await.map_err(explain).context(format!("can't read the table `{table}`"))?;
        Ok(reply.item)
    }

    /// The hash of the first admin's key.
    pub(super) async fn first_admin(&self) -> Result<Option<String>> {
        self.stands_for(Sentinel::FIRST_ADMIN).await
    }

    /// The hash of this user's key.
    pub(super) async fn key_of(&self, email: &str) -> Result<Option<String>> {
        self.stands_for(&Sentinel::user(email)).await
    }

    async fn stands_for(&self, sentinel: &str) -> Result<Option<String>> {
        Ok(self.row(sentinel).await?.as_ref().and_then(|row| text(row, Sentinel::KEY_HASH)).map(str::to_owned))
    }

    /// Whether the deployment accepts the key with this hash.
    pub(super) async fn is_good(&self, hash: &str) -> Result<bool> {
        let revoked = |row: Row| row.get(KeyRow::REVOKED).and_then(|value| value.as_bool().ok()).copied();
        Ok(self.row(hash).await?.is_some_and(|row| !revoked(row).unwrap_or_default()))
    }

    /// An admin's key.
    pub(super) fn put_key(&self, key: &ApiKey, email: &str) -> Result<TransactWriteItem> {
        let row = [
            (KeyRow::HASH, s(key.hash())),
            (KeyRow::EMAIL, s(email)),
            (KeyRow::ROLE, s(Role::Admin.as_str())),
            (KeyRow::CREATED_AT, s(rfc3339(OffsetDateTime::now_utc()))),
            (KeyRow::REVOKED, AttributeValue::Bool(false)),
        ];
        put(Put::builder().table_name(&self.table), row, KeyRow::HASH, None)
    }

    /// Gives the user's place to this key, as long as the one that `seen` is the hash of still has it.
    pub(super) fn put_user(&self, email: &str, key: &ApiKey, seen: Option<&str>) -> Result<TransactWriteItem> {
        self.put_sentinel(&Sentinel::user(email), key, seen)
    }

    /// The same for the first admin's place.
    pub(super) fn put_first_admin(&self, key: &ApiKey, seen: Option<&str>) -> Result<TransactWriteItem> {
        self.put_sentinel(Sentinel::FIRST_ADMIN, key, seen)
    }

    fn put_sentinel(&self, id: &str, key: &ApiKey, seen: Option<&str>) -> Result<TransactWriteItem> {
        let row = [(KeyRow::HASH, s(id)), (Sentinel::KEY_HASH, s(key.hash()))];
        put(Put::builder().table_name(&self.table), row, KeyRow::HASH, seen)
    }

    /// Makes the key with this hash good for nothing. Its row stays, as the orchestrator leaves it.
    pub(super) fn revoke(&self, hash: &str) -> Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&self.table)
            .key(KeyRow::HASH, s(hash))
            .update_expression(format!("SET {} = :true", KeyRow::REVOKED))
            .condition_expression(format!("attribute_exists({})", KeyRow::HASH))
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        Ok(TransactWriteItem::builder().update(update.build()?).build())
    }

    /// Frees a user's place, as long as this key has it.
    pub(super) fn free_user(&self, email: &str, hash: &str) -> Result<TransactWriteItem> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .key(KeyRow::HASH, s(Sentinel::user(email)))
            .condition_expression(format!("{} = :hash", Sentinel::KEY_HASH))
            .expression_attribute_values(":hash", s(hash));
        Ok(TransactWriteItem::builder().delete(delete.build()?).build())
    }

    /// The audit record. It has no caller's address: AWS knows where these credentials were used, in CloudTrail.
    pub(super) fn audit(&self, action: &str, target: &str, details: &Value) -> Result<TransactWriteItem> {
        let at = rfc3339(OffsetDateTime::now_utc());
        let row = [
            (AUDIT.partition, s(&at[..10])),
            (ENTRY, s(format!("{at}#{}", hex(&random::<6>()?)))),
            ("at", s(&at)),
            ("actor", s(&self.aws.identity)),
            ("action", s(action)),
            ("target", s(target)),
            ("result", s("done")),
            ("source_ip", s("unknown")),
            ("details", s(details.to_string())),
        ];
        put(Put::builder().table_name(&self.audit), row, ENTRY, None)
    }

    /// Writes all or nothing; `false` if one of the conditions did not hold.
    ///
    /// The SDK sends a client request token of its own, the same at each of its retries, so that a reply that is lost on
    /// the way does not turn our own success into a condition that fails.
    pub(super) async fn write(&self, items: Vec<TransactWriteItem>) -> Result<bool> {
        let mut tries = 0;
        loop {
            let request = self.aws.dynamodb().transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = request.send().await else { return Ok(true) };
            let cancelled_by = |code| error.as_service_error().is_some_and(|error| is_cancelled_by(error, code));
            if cancelled_by("ConditionalCheckFailed") {
                return Ok(false);
            }
            tries += 1;
            if !cancelled_by("TransactionConflict") || tries == TRIES {
                return Err(explain(error))
                    .context("can't register the admin's key")
                    .hint("run the same command again: it finds out how far this one came");
            }
            sleep(Duration::from_millis(100 << tries)).await;
        }
    }
}

const ENTRY: &str = match AUDIT.sort {
    Some(sort) => sort,
    None => AUDIT.partition,
};

/// Whose key a row is.
pub(super) fn owner(row: &Row) -> Option<&str> {
    text(row, KeyRow::EMAIL)
}

fn is_cancelled_by(error: &TransactWriteItemsError, code: &str) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code))
}

/// Writes a row where there is none; or, where one was `seen` that stands for this hash, in its place.
fn put<const N: usize>(
    put: aws_sdk_dynamodb::types::builders::PutBuilder,
    row: [(&str, AttributeValue); N],
    id: &str,
    seen: Option<&str>,
) -> Result<TransactWriteItem> {
    let schema = (KeyRow::SCHEMA, AttributeValue::N(KeyRow::SCHEMA_VERSION.to_string()));
    let row: Row = row.into_iter().chain([schema]).map(|(name, value)| (name.to_owned(), value)).collect();
    let put = match seen {
        None => put.condition_expression(format!("attribute_not_exists({id})")),
        Some(hash) => put
            .condition_expression(format!("{} = :seen", Sentinel::KEY_HASH))
            .expression_attribute_values(":seen", s(hash)),
    };
    Ok(TransactWriteItem::builder().put(put.set_item(Some(row)).build()?).build())
}

fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}
