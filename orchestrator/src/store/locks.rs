//! Locks. A row stays for ever, because its fence must only grow; `holder` is there only while the lock is held.

use anyhow::Context;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use runvoy_api::{
    id::{ExecutionId, rfc3339},
    infra::{KeyRow, LOCKS},
    lock::Lock,
};
use time::OffsetDateTime;

use super::item::{Item, Read, n, s};
use crate::app::App;

/// A lock's row as it was read.
#[derive(Debug, Default)]
pub struct Seen {
    pub holder: Option<Lock>,
    pub fence: Option<u64>,
}

impl Seen {
    pub fn from_row(row: Option<&Item>) -> Self {
        let Some(row) = row else { return Self::default() };
        Self { holder: lock(row), fence: row.number("fence") }
    }
}

fn lock(row: &Item) -> Option<Lock> {
    Some(Lock {
        execution_id: row.owned("holder")?,
        lock_name: row.owned(LOCKS.partition)?,
        user_email: row.owned("user_email").unwrap_or_default(),
        acquired_at: row.owned("acquired_at").unwrap_or_default(),
        expires_at: row.owned("expires_at").unwrap_or_default(),
        fence: row.number("fence").unwrap_or_default(),
    })
}

pub async fn get(app: &App, name: &str) -> anyhow::Result<Seen> {
    let table = &app.deployment.locks;
    let request = app.dynamodb.get_item().table_name(table).key(LOCKS.partition, s(name)).consistent_read(true);
    Ok(Seen::from_row(request.send().await.context("reading a lock")?.item.as_ref()))
}

/// Those that are held, by name.
pub async fn held(app: &App) -> anyhow::Result<Vec<Lock>> {
    let pages = app
        .dynamodb
        .scan()
        .table_name(&app.deployment.locks)
        .filter_expression("attribute_exists(holder)")
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let rows = pages.collect::<Result<Vec<_>, _>>().await.context("reading the locks")?;
    let mut locks: Vec<Lock> = rows.iter().filter_map(lock).collect();
    locks.sort_by(|a, b| a.lock_name.cmp(&b.lock_name));
    Ok(locks)
}

/// The next fence: it grows with every holder, and stays ahead of any clock that was ever right even if the row is lost.
pub fn next_fence(seen: Option<u64>, now: OffsetDateTime) -> u64 {
    let clock = u64::try_from(now.unix_timestamp()).unwrap_or_default();
    seen.map_or(clock, |seen| clock.max(seen + 1))
}

/// Who takes a lock.
pub struct Claim<'a> {
    pub name: &'a str,
    pub holder: &'a ExecutionId,
    pub user_email: &'a str,
    pub seen: Option<u64>,
    pub fence: u64,
    pub acquired: OffsetDateTime,
    pub expires: OffsetDateTime,
}

/// Takes the lock, if nobody holds it and nobody held it since its fence was seen.
pub fn acquire(app: &App, claim: &Claim<'_>) -> anyhow::Result<TransactWriteItem> {
    let unchanged = if claim.seen.is_some() { "fence = :seen" } else { "attribute_not_exists(fence)" };
    let mut update = Update::builder()
        .table_name(&app.deployment.locks)
        .key(LOCKS.partition, s(claim.name))
        .update_expression(
            "SET holder = :holder, fence = :fence, user_email = :user, acquired_at = :acquired, \
             expires_at = :expires, #schema = :schema",
        )
        .condition_expression(format!("attribute_not_exists(holder) AND {unchanged}"))
        .expression_attribute_names("#schema", "schema")
        .expression_attribute_values(":holder", s(claim.holder.as_str()))
        .expression_attribute_values(":fence", n(claim.fence))
        .expression_attribute_values(":user", s(claim.user_email))
        .expression_attribute_values(":acquired", s(rfc3339(claim.acquired)))
        .expression_attribute_values(":expires", s(rfc3339(claim.expires)))
        .expression_attribute_values(":schema", n(KeyRow::SCHEMA_VERSION));
    if let Some(seen) = claim.seen {
        update = update.expression_attribute_values(":seen", n(seen));
    }
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

/// Frees the lock, if this execution holds it under this fence. The fence stays.
pub fn release(app: &App, name: &str, holder: &ExecutionId, fence: u64) -> anyhow::Result<TransactWriteItem> {
    let update = Update::builder()
        .table_name(&app.deployment.locks)
        .key(LOCKS.partition, s(name))
        .update_expression("REMOVE holder, user_email, acquired_at, expires_at")
        .condition_expression("holder = :holder AND fence = :fence")
        .expression_attribute_values(":holder", s(holder.as_str()))
        .expression_attribute_values(":fence", n(fence))
        .build()?;
    Ok(TransactWriteItem::builder().update(update).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_only_grow() {
        let now = OffsetDateTime::from_unix_timestamp(1_000).unwrap();
        assert_eq!(next_fence(None, now), 1_000);
        assert_eq!(next_fence(Some(7), now), 1_000);
        assert_eq!(next_fence(Some(1_000), now), 1_001);
        // A clock that runs 10 minutes late does not turn the fence back.
        assert_eq!(next_fence(Some(1_600), now), 1_601);
    }
}
