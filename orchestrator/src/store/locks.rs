//! Locks. A row stays for ever, because its fence must only grow; `holder` is there only while the lock is held.
//!
//! Those that wait stand in a list on the same row, in their order: whoever reads the row sees holder and queue as they
//! are at one moment, and every write to either is conditional on both.

use anyhow::Context;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update, builders::UpdateBuilder};
use runvoy_api::{
    id::{ExecutionId, rfc3339},
    infra::{KeyRow, LOCKS},
    lock::{Lock, MAX_WAITERS, Waiter},
};
use time::OffsetDateTime;

use super::item::{Item, Read, n, s};
use crate::app::App;

/// A lock's row as it was read.
#[derive(Debug, Default)]
pub struct Seen {
    pub holder: Option<Lock>,
    pub fence: Option<u64>,
    /// In their order.
    pub waiters: Vec<Waiter>,
}

impl Seen {
    pub fn from_row(row: Option<&Item>) -> Self {
        let Some(row) = row else { return Self::default() };
        Self { holder: lock(row), fence: row.number("fence"), waiters: waiters(row) }
    }

    /// Whether a newcomer can have it: nobody holds it, and nobody came first.
    pub fn is_free(&self) -> bool {
        self.holder.is_none() && self.waiters.is_empty()
    }

    /// The place of this execution among those that wait.
    pub fn place(&self, id: &ExecutionId) -> Option<usize> {
        self.waiters.iter().position(|waiter| waiter.execution_id == id.as_str())
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
        waiters: waiters(row),
    })
}

fn waiters(row: &Item) -> Vec<Waiter> {
    let waiter = |entry: &AttributeValue| {
        let entry = entry.as_m().ok()?;
        Some(Waiter {
            execution_id: entry.owned("execution_id")?,
            user_email: entry.owned("user_email")?,
            since: entry.owned("since")?,
            until: entry.owned("until")?,
        })
    };
    let list = row.get("waiters").and_then(|list| list.as_l().ok());
    list.into_iter().flatten().filter_map(waiter).collect()
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

const TAKE: &str = "SET holder = :holder, fence = :fence, user_email = :user, acquired_at = :acquired, \
                    expires_at = :expires, #schema = :schema";

/// Takes the lock for a newcomer, if nobody holds it, nobody waits for it, and nobody held it since its fence was seen.
pub fn acquire(app: &App, claim: &Claim<'_>) -> anyhow::Result<TransactWriteItem> {
    let update = take(app, claim, "attribute_not_exists(waiters[0])").update_expression(TAKE);
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

/// Takes the lock for the first of those that wait, under the same conditions, and ends its waiting.
pub fn hand_over(app: &App, claim: &Claim<'_>) -> anyhow::Result<TransactWriteItem> {
    let update = take(app, claim, "waiters[0].execution_id = :holder");
    let update = update.update_expression(format!("{TAKE} REMOVE waiters[0]"));
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

fn take(app: &App, claim: &Claim<'_>, queue: &str) -> UpdateBuilder {
    let unchanged = if claim.seen.is_some() { "fence = :seen" } else { "attribute_not_exists(fence)" };
    let update = row(app, claim.name)
        .condition_expression(format!("attribute_not_exists(holder) AND {unchanged} AND {queue}"))
        .expression_attribute_names("#schema", "schema")
        .expression_attribute_values(":holder", s(claim.holder.as_str()))
        .expression_attribute_values(":fence", n(claim.fence))
        .expression_attribute_values(":user", s(claim.user_email))
        .expression_attribute_values(":acquired", s(rfc3339(claim.acquired)))
        .expression_attribute_values(":expires", s(rfc3339(claim.expires)))
        .expression_attribute_values(":schema", n(KeyRow::SCHEMA_VERSION));
    match claim.seen {
        Some(seen) => update.expression_attribute_values(":seen", n(seen)),
        None => update,
    }
}

/// Puts an execution at the end of the queue, if there is something to wait for: on a free lock nobody would wake it.
pub fn enqueue(app: &App, name: &str, waiter: &Waiter) -> anyhow::Result<TransactWriteItem> {
    let Waiter { execution_id, user_email, since, until } = waiter;
    let fields = [("execution_id", execution_id), ("user_email", user_email), ("since", since), ("until", until)];
    let entry = AttributeValue::M(fields.map(|(name, value)| (name.to_owned(), s(value))).into());
    let update = row(app, name)
        .update_expression("SET waiters = list_append(if_not_exists(waiters, :none), :entry)")
        .condition_expression(
            "(attribute_exists(holder) OR attribute_exists(waiters[0])) \
             AND (attribute_not_exists(waiters) OR size(waiters) < :most)",
        )
        .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
        .expression_attribute_values(":entry", AttributeValue::L(vec![entry]))
        .expression_attribute_values(":most", n(MAX_WAITERS));
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

/// Takes an execution out of the queue, if it still stands at this place.
pub fn leave(app: &App, name: &str, place: usize, id: &ExecutionId) -> anyhow::Result<TransactWriteItem> {
    let update = row(app, name)
        .update_expression(format!("REMOVE waiters[{place}]"))
        .condition_expression(format!("waiters[{place}].execution_id = :id"))
        .expression_attribute_values(":id", s(id.as_str()));
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

/// Frees the lock, if this execution holds it under this fence. The fence stays, and so do those that wait.
pub fn release(app: &App, name: &str, holder: &ExecutionId, fence: u64) -> anyhow::Result<TransactWriteItem> {
    let update = row(app, name)
        .update_expression("REMOVE holder, user_email, acquired_at, expires_at")
        .condition_expression("holder = :holder AND fence = :fence")
        .expression_attribute_values(":holder", s(holder.as_str()))
        .expression_attribute_values(":fence", n(fence));
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}

fn row(app: &App, name: &str) -> UpdateBuilder {
    Update::builder().table_name(&app.deployment.locks).key(LOCKS.partition, s(name))
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

    #[test]
    fn a_lock_that_somebody_waits_for_is_not_free() {
        let waiter = AttributeValue::M(
            ["execution_id", "user_email", "since", "until"].map(|name| (name.to_owned(), s("x"))).into(),
        );
        let mut row = Item::from([(LOCKS.partition.to_owned(), s("prod")), ("fence".to_owned(), n(7))]);
        assert!(Seen::from_row(Some(&row)).is_free());
        row.insert("waiters".into(), AttributeValue::L(vec![waiter]));
        assert!(!Seen::from_row(Some(&row)).is_free());
    }
}
