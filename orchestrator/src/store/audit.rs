//! The audit trail: one row a mutation, written in the mutation's own transaction, never changed.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use runvoy_api::{id::rfc3339, infra::AUDIT, key::hex};
use serde_json::Value;

use super::item::{self, s};
use crate::app::App;

/// Who asks for what, from where.
pub struct Entry<'a> {
    pub actor: &'a str,
    pub action: &'static str,
    /// What the action is done to: an execution id, a lock's name, an e-mail address.
    pub target: &'a str,
    pub source_ip: &'a str,
    pub details: Value,
}

/// The write that appends this entry. A mutation whose audit record can't be written is not made: they share one
/// transaction.
pub fn append(app: &App, entry: &Entry<'_>) -> anyhow::Result<TransactWriteItem> {
    let at = rfc3339(app.now());
    let mut row = item::new();
    row.insert(AUDIT.partition.into(), s(&at[..10]));
    row.insert("entry".into(), s(format!("{at}#{}", hex(&crate::app::random::<6>()?))));
    row.insert("at".into(), s(&at));
    row.insert("actor".into(), s(entry.actor));
    row.insert("action".into(), s(entry.action));
    row.insert("target".into(), s(entry.target));
    row.insert("source_ip".into(), s(entry.source_ip));
    row.insert("details".into(), s(entry.details.to_string()));
    let put = Put::builder().table_name(&app.deployment.audit).set_item(Some(row));
    let put = put.condition_expression("attribute_not_exists(entry)").build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}
