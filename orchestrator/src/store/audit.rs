//! The audit trail: one row a mutation, written in the mutation's own transaction, never changed.

use anyhow::Context;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use runvoy_api::{
    audit::{AuditEntry, AuditList},
    id::rfc3339,
    infra::AUDIT,
    key::hex,
};
use serde_json::Value;
use time::{Date, OffsetDateTime, macros::format_description};

use super::item::{self, Item, Read, s};
use crate::app::App;

/// A page reads at most this many days, so that a quiet year does not take a request's whole time.
const MAX_DAYS: usize = 40;

/// Who asks for what, from where.
pub struct Entry<'a> {
    pub actor: &'a str,
    pub action: &'static str,
    /// What the action is done to: an execution id, a lock's name, an e-mail address.
    pub target: &'a str,
    pub source_ip: &'a str,
    pub result: Result,
    pub details: Value,
}

/// What became of it, as far as it is known when the record is written.
#[derive(Debug, Clone, Copy)]
pub enum Result {
    /// It is done.
    Done,
    /// It has begun; the execution's own row tells how it ends.
    Accepted,
}

impl Result {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Accepted => "accepted",
        }
    }
}

/// The write that appends this entry. A mutation whose audit record can't be written is not made: they share one
/// transaction.
pub fn append(app: &App, entry: &Entry<'_>) -> anyhow::Result<TransactWriteItem> {
    let at = rfc3339(app.now());
    let mut row = item::new();
    row.insert(AUDIT.partition.into(), s(&at[..10]));
    row.insert("entry".into(), s(format!("{at}#{}", hex(&crate::machine::random::<6>()?))));
    row.insert("at".into(), s(&at));
    row.insert("actor".into(), s(entry.actor));
    row.insert("action".into(), s(entry.action));
    row.insert("target".into(), s(entry.target));
    row.insert("source_ip".into(), s(entry.source_ip));
    row.insert("result".into(), s(entry.result.as_str()));
    row.insert("details".into(), s(entry.details.to_string()));
    let put = Put::builder().table_name(&app.deployment.audit).set_item(Some(row));
    let put = put.condition_expression("attribute_not_exists(entry)").build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Which records.
pub struct Filter<'a> {
    pub actor: Option<&'a str>,
    /// RFC 3339, as [`rfc3339`] spells it.
    pub since: &'a str,
}

/// A place in the trail: everything whose sort key is less comes after it. Sort keys begin with their time.
#[derive(Debug, Clone, PartialEq)]
pub struct Before(String);

impl Before {
    /// The newest end.
    pub fn now(now: OffsetDateTime) -> Self {
        Self::end_of(now.date())
    }

    /// Reads a cursor that [`page`] gave.
    pub fn from_cursor(cursor: &str) -> Option<Self> {
        let before = Self(cursor.to_owned());
        before.day().map(|_| before)
    }

    /// `U` follows the `T` that stands between day and time.
    fn end_of(day: Date) -> Self {
        Self(format!("{day}U"))
    }

    fn day(&self) -> Option<Date> {
        Date::parse(self.0.get(..10)?, format_description!("[year]-[month]-[day]")).ok()
    }
}

/// One page of at most `limit` records, newest first: a query a day, back to `since`.
pub async fn page(app: &App, filter: &Filter<'_>, limit: usize, mut before: Before) -> anyhow::Result<AuditList> {
    let mut entries = Vec::new();
    for _ in 0..MAX_DAYS {
        let day = before.day().context("a place in the trail begins with a day")?;
        if day.to_string().as_str() < &filter.since[..10] {
            return Ok(AuditList { entries, cursor: None });
        }
        let (found, last) = day_of(app, filter, limit - entries.len(), day, &before).await?;
        entries.extend(found);
        match last {
            Some(last) => return Ok(AuditList { entries, cursor: Some(last) }),
            None => before = Before::end_of(day.previous_day().context("there is a day before")?),
        }
    }
    Ok(AuditList { entries, cursor: Some(before.0) })
}

/// What one day has, and the sort key of the last of them where the page is full.
async fn day_of(
    app: &App,
    filter: &Filter<'_>,
    limit: usize,
    day: Date,
    before: &Before,
) -> anyhow::Result<(Vec<AuditEntry>, Option<String>)> {
    let mut query = app
        .dynamodb
        .query()
        .table_name(&app.deployment.audit)
        .key_condition_expression("#day = :day AND entry < :before")
        .expression_attribute_names("#day", AUDIT.partition)
        .expression_attribute_values(":day", s(day.to_string()))
        .expression_attribute_values(":before", s(&before.0))
        .consistent_read(true)
        .scan_index_forward(false);
    if let Some(actor) = filter.actor {
        query = query.filter_expression("actor = :actor").expression_attribute_values(":actor", s(actor));
    }
    let mut rows = query.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(row) = rows.next().await {
        let row = row.context("reading the audit trail")?;
        let (Some(key), Some(entry)) = (row.owned("entry"), entry(&row)) else { continue };
        if entry.at.as_str() < filter.since {
            break;
        }
        found.push(entry);
        if found.len() == limit {
            return Ok((found, Some(key)));
        }
    }
    Ok((found, None))
}

fn entry(row: &Item) -> Option<AuditEntry> {
    let mut details: Value = serde_json::from_str(row.text("details").unwrap_or("{}")).unwrap_or_default();
    // The first release kept the result among the details.
    let early = details.as_object_mut().and_then(|details| details.remove("result"));
    let early = early.as_ref().and_then(Value::as_str).map(str::to_owned);
    Some(AuditEntry {
        at: row.owned("at")?,
        actor: row.owned("actor")?,
        action: row.owned("action")?,
        target: row.owned("target").unwrap_or_default(),
        source_ip: row.owned("source_ip").unwrap_or_default(),
        result: row.owned("result").or(early).unwrap_or_default(),
        details,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_before_all_of_its_day() {
        let place = Before::now(time::macros::datetime!(2026-01-01 12:00 UTC));
        assert_eq!(place.day().unwrap().to_string(), "2026-01-01");
        assert!("2026-01-01T23:59:59Z#ff" < place.0.as_str() && place.0.as_str() < "2026-01-02T00:00:00Z#00");
        assert_eq!(Before::from_cursor(&place.0), Some(place));
        for odd in ["", "2026-13-01U", "yesterday", "2026-01-0\u{e9}"] {
            assert_eq!(Before::from_cursor(odd), None, "{odd}");
        }
    }
}
