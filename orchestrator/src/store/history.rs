//! Lists of executions, newest first, in pages.
//!
//! One user's history is one query. Everybody's is a merge: one query a status, always taking the newest head. A cursor
//! holds the position in each query, so a page starts exactly where the last one ended.

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context;
use aws_sdk_dynamodb::types::Select;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use runvoy_api::{
    error::{ErrorCode, Invalid},
    execution::{Execution, ExecutionList},
    id::{ExecutionId, rfc3339},
    infra::{EXECUTIONS, Index},
    status::Status,
    timeout::Timeout,
};
use serde::{Deserialize, Serialize};

use super::{
    item::{Item, s},
    row::execution,
};
use crate::{
    app::App,
    error::{ApiError, Result},
};

/// Which executions.
#[derive(Debug, Default)]
pub struct Filter {
    /// One user's; everybody's if absent.
    pub user: Option<String>,
    pub status: Option<Status>,
    pub lock: Option<String>,
    /// RFC 3339, as the sort key spells it.
    pub since: Option<String>,
}

/// The last execution taken of a query; `None` once it has no more.
type Cursor = BTreeMap<String, Option<ExecutionId>>;

struct Source<'a> {
    index: &'static Index,
    partition: String,
    filter: &'a Filter,
    taken: Option<ExecutionId>,
    read: Option<Item>,
    heads: VecDeque<Execution>,
    ended: bool,
}

/// One page of at most `limit` executions.
pub async fn page(app: &App, filter: &Filter, limit: usize, cursor: Option<&str>) -> Result<ExecutionList> {
    let cursor = cursor.map(decode).transpose()?.unwrap_or_default();
    let mut sources = sources(filter, &cursor);
    let mut executions = Vec::with_capacity(limit);
    while executions.len() < limit {
        for source in &mut sources {
            source.fill(app, limit).await?;
        }
        let newest = sources.iter_mut().max_by(|a, b| a.head().cmp(&b.head()));
        let Some(next) = newest.and_then(Source::take) else { break };
        executions.push(next);
    }
    let more = sources.iter().any(|source| !source.ended || !source.heads.is_empty());
    Ok(ExecutionList { executions, cursor: more.then(|| encode(&sources)) })
}

/// How many executions of a user are not over. None can be older than the longest wait and the longest run together.
pub async fn count_open(app: &App, user: &str) -> anyhow::Result<usize> {
    let oldest = app.now() - time::Duration::seconds(2 * i64::from(Timeout::MAX.seconds())) - time::Duration::HOUR;
    let mut query = app
        .dynamodb
        .query()
        .table_name(&app.deployment.executions)
        .index_name(EXECUTIONS.indexes[0].name)
        .key_condition_expression("user_email = :user AND started_at >= :oldest")
        .filter_expression("#status IN (:queued, :starting, :running, :stopping)")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":user", s(user))
        .expression_attribute_values(":oldest", s(rfc3339(oldest)))
        .select(Select::Count);
    for status in Status::ALL.into_iter().filter(|status| !status.is_terminal()) {
        query = query.expression_attribute_values(format!(":{status}"), s(status.as_str()));
    }
    let mut pages = query.into_paginator().send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        count += usize::try_from(page.context("counting executions")?.count()).unwrap_or_default();
    }
    Ok(count)
}

fn sources<'a>(filter: &'a Filter, cursor: &Cursor) -> Vec<Source<'a>> {
    let [by_user, by_status] = EXECUTIONS.indexes else { unreachable!("the table has two indexes") };
    let partitions: Vec<(&'static Index, String)> = match (&filter.user, filter.status) {
        (Some(user), _) => vec![(by_user, user.clone())],
        (None, Some(status)) => vec![(by_status, status.to_string())],
        (None, None) => Status::ALL.iter().map(|status| (by_status, status.to_string())).collect(),
    };
    let source = |(index, partition): (&'static Index, String)| {
        let position = cursor.get(&partition);
        Source {
            index,
            filter,
            taken: position.cloned().flatten(),
            read: position.and_then(Option::as_ref).map(|id| start_key(index, &partition, id)),
            heads: VecDeque::new(),
            ended: matches!(position, Some(None)),
            partition,
        }
    };
    partitions.into_iter().map(source).collect()
}

fn start_key(index: &Index, partition: &str, id: &ExecutionId) -> Item {
    Item::from([
        (EXECUTIONS.partition.to_owned(), s(id.as_str())),
        ("started_at".to_owned(), s(id.started_at())),
        (index.partition.to_owned(), s(partition)),
    ])
}

impl Source<'_> {
    /// Ids begin with their second, so they sort by time.
    fn head(&self) -> Option<&ExecutionId> {
        self.heads.front().map(|execution| &execution.execution_id)
    }

    fn take(&mut self) -> Option<Execution> {
        let next = self.heads.pop_front()?;
        self.taken = Some(next.execution_id.clone());
        Some(next)
    }

    /// Reads on until there is a head or the end. A filter can leave a page of 1 MB empty, so one query may not do.
    async fn fill(&mut self, app: &App, limit: usize) -> Result<()> {
        while self.heads.is_empty() && !self.ended {
            let reply = self.query(app, limit).send().await.context("listing executions")?;
            self.heads.extend(reply.items().iter().filter_map(execution));
            self.read = reply.last_evaluated_key;
            self.ended = self.read.is_none();
        }
        Ok(())
    }

    fn query(&self, app: &App, limit: usize) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        let mut key = "#partition = :partition".to_owned();
        let mut request = app
            .dynamodb
            .query()
            .table_name(&app.deployment.executions)
            .index_name(self.index.name)
            .scan_index_forward(false)
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .expression_attribute_names("#partition", self.index.partition)
            .expression_attribute_values(":partition", s(&self.partition))
            .set_exclusive_start_key(self.read.clone());
        if let Some(since) = &self.filter.since {
            key.push_str(" AND started_at >= :since");
            request = request.expression_attribute_values(":since", s(since));
        }
        let mut filters = Vec::new();
        if let (Some(status), "user_email") = (self.filter.status, self.index.partition) {
            filters.push("#status = :status");
            request = request.expression_attribute_names("#status", "status");
            request = request.expression_attribute_values(":status", s(status.as_str()));
        }
        if let Some(lock) = &self.filter.lock {
            filters.push("lock_name = :lock");
            request = request.expression_attribute_values(":lock", s(lock));
        }
        let filter = (!filters.is_empty()).then(|| filters.join(" AND "));
        request.key_condition_expression(key).set_filter_expression(filter)
    }
}

fn encode(sources: &[Source<'_>]) -> String {
    let position = |source: &Source<'_>| {
        let done = source.ended && source.heads.is_empty();
        // A query that gave nothing yet has no position to note: it starts anew.
        match (&source.taken, done) {
            (_, true) => Some((source.partition.clone(), None)),
            (Some(id), false) => Some((source.partition.clone(), Some(id.clone()))),
            (None, false) => None,
        }
    };
    let cursor: Cursor = sources.iter().filter_map(position).collect();
    BASE64.encode(serde_json::to_vec(&Position { after: cursor }).unwrap_or_default())
}

#[derive(Serialize, Deserialize)]
struct Position {
    after: Cursor,
}

fn decode(cursor: &str) -> Result<Cursor> {
    let position = BASE64.decode(cursor).ok().and_then(|json| serde_json::from_slice::<Position>(&json).ok());
    position.map(|position| position.after).ok_or_else(|| {
        let invalid = Invalid { field: "cursor", problem: "is not one that this API gave".to_owned() };
        ApiError::from(invalid)
    })
}

/// Whether it could be a cursor of ours.
#[cfg(test)]
pub fn accepts_cursor(cursor: &str) -> bool {
    decode(cursor).is_ok_and(|cursor| {
        sources(&Filter::default(), &cursor);
        true
    })
}

/// Reads `limit` as the query gives it: 1 to 100, 20 if absent.
pub fn limit(text: Option<&str>) -> Result<usize> {
    let Some(text) = text else { return Ok(20) };
    match text.parse() {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => Err(ApiError::new(
            ErrorCode::InvalidRequest,
            format!("`limit` must be from 1 to 100, not `{}`", text.escape_debug()),
        )
        .detail("field", "limit")),
    }
}
