//! Idempotency keys: what a client's second attempt is recognised by.
//!
//! The row is written in the launch's own transaction, so a key and its execution are there together or not at all.
//! DynamoDB deletes old rows when it gets to it, which can take days: whether a row still counts is decided here.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use runvoy_api::{
    IDEMPOTENCY_HEADER, IDEMPOTENCY_HOURS,
    error::Invalid,
    execution::ExecutionRequest,
    id::ExecutionId,
    infra::{EXECUTIONS, IdempotencyRow},
    key::hex,
};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::item::{self, Item, Read, n, s};
use crate::app::App;

const MAX_BYTES: usize = 128;

/// One attempt: whose and which key it carries, and what it asks for; both as hashes.
#[derive(Debug, PartialEq, Eq)]
pub struct Attempt {
    row: String,
    body: String,
}

/// The attempt that came first.
#[derive(Debug, PartialEq, Eq)]
pub struct First {
    pub execution_id: ExecutionId,
    /// Whether it asked for the same.
    pub same: bool,
}

impl Attempt {
    /// Two users' keys never meet, whatever they choose.
    pub fn new(key: &str, key_hash: &str, request: &ExecutionRequest) -> Result<Self, Invalid> {
        if !(1..=MAX_BYTES).contains(&key.len()) || !key.bytes().all(|c| c.is_ascii_graphic()) {
            let problem = format!("must have 1 to {MAX_BYTES} printable ASCII characters without spaces");
            return Err(Invalid::new(IDEMPOTENCY_HEADER, problem));
        }
        // The parsed request, not its bytes: spaces and the order of fields are no difference.
        let body = serde_json::to_vec(request).map_err(|error| Invalid::new("body", error.to_string()))?;
        let row = IdempotencyRow::key(&hex(&Sha256::digest(format!("{key_hash} {key}"))));
        Ok(Self { row, body: hex(&Sha256::digest(body)) })
    }

    /// The primary key of its row.
    pub fn key(&self) -> Item {
        let key = [(EXECUTIONS.partition, self.row.as_str()), ("started_at", IdempotencyRow::SORT)];
        key.map(|(name, value)| (name.to_owned(), s(value))).into()
    }

    /// What the row tells, unless it has expired.
    pub fn first(&self, row: &Item, now: OffsetDateTime) -> Option<First> {
        let expires: i64 = row.number(IdempotencyRow::EXPIRES)?;
        let execution_id = row.text("names")?.parse().ok()?;
        (expires > now.unix_timestamp()).then(|| First { execution_id, same: row.text("body") == Some(&*self.body) })
    }

    /// Remembers the attempt, if no other with its key is remembered.
    pub fn remember(&self, app: &App, id: &ExecutionId) -> anyhow::Result<TransactWriteItem> {
        let now = app.now();
        let mut row = item::new();
        row.extend(self.key());
        row.insert("names".into(), s(id.as_str()));
        row.insert("body".into(), s(&self.body));
        let expires = now + Duration::hours(IDEMPOTENCY_HOURS);
        row.insert(IdempotencyRow::EXPIRES.into(), n(expires.unix_timestamp()));
        let put = Put::builder()
            .table_name(&app.deployment.executions)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(execution_id) OR expires_epoch <= :now")
            .expression_attribute_values(":now", n(now.unix_timestamp()))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(key: &str, user: &str, command: &str) -> Attempt {
        let request = ExecutionRequest { command: command.into(), ..ExecutionRequest::default() };
        Attempt::new(key, user, &request).unwrap()
    }

    #[test]
    fn keys_are_each_users_own_and_name_one_request() {
        let first = attempt("k", "u", "true");
        assert_eq!(first, attempt("k", "u", "true"));
        assert_ne!(first.row, attempt("k", "v", "true").row);
        assert_ne!(first.row, attempt("l", "u", "true").row);
        let other = attempt("k", "u", "false");
        assert_eq!(first.row, other.row);
        assert_ne!(first.body, other.body);
    }

    #[test]
    fn a_row_counts_until_it_expires_not_until_it_is_deleted() {
        let now = OffsetDateTime::from_unix_timestamp(1_000).unwrap();
        let attempt = attempt("k", "u", "true");
        let row = |expires: i64, body: &str| {
            Item::from([
                ("names".to_owned(), s("exec_20251026143210_a1b2c3")),
                ("body".to_owned(), s(body)),
                (IdempotencyRow::EXPIRES.to_owned(), n(expires)),
            ])
        };
        let first = |row: &Item| attempt.first(row, now).map(|first| first.same);
        assert_eq!(first(&row(1_001, &attempt.body)), Some(true));
        assert_eq!(first(&row(1_001, "other")), Some(false));
        assert_eq!(first(&row(1_000, &attempt.body)), None);
    }

    #[test]
    fn odd_keys_are_refused() {
        let request = ExecutionRequest::default();
        for key in ["", "a b", "a\u{7}", "ä", &"x".repeat(129)] {
            assert_eq!(Attempt::new(key, "u", &request).unwrap_err().field, IDEMPOTENCY_HEADER, "{key}");
        }
    }
}
