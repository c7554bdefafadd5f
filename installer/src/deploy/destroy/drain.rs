//! Whether new executions may start: a row of the keys' table that every launch reads.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use runvoy_api::{
    id::rfc3339,
    infra::{API_KEYS, KeyRow, Sentinel},
};
use time::OffsetDateTime;

use super::Site;
use crate::{
    aws::explain,
    error::{Result, ResultExt as _},
};

/// What launches look at.
const FLAG: &str = Sentinel::DRAINING;
/// Who has set it.
const BY: &str = Sentinel::DRAINING_BY;
/// Since when.
const SINCE: &str = Sentinel::DRAINING_SINCE;
/// Our name there.
const US: &str = "destroy";

/// The condition that the mark is ours.
const OURS: &str = "draining_by = :us";

/// A row of a table.
pub type Row = HashMap<String, AttributeValue>;

/// Keeps new executions from starting; false if it was so already.
pub async fn begin(site: Site<'_>) -> Result<bool> {
    let flag = |row: &Row| row.get(FLAG).and_then(|flag| flag.as_bool().ok()).copied().unwrap_or_default();
    if settings(site).await?.as_ref().is_some_and(flag) {
        return Ok(false);
    }
    let request = update(site)
        .update_expression(
            "SET draining = :true, draining_by = :us, draining_since = :now, #schema = if_not_exists(#schema, :version)",
        )
        .condition_expression("attribute_not_exists(draining) OR draining = :false")
        .expression_attribute_names("#schema", KeyRow::SCHEMA)
        .expression_attribute_values(":true", AttributeValue::Bool(true))
        .expression_attribute_values(":false", AttributeValue::Bool(false))
        .expression_attribute_values(":us", AttributeValue::S(US.into()))
        .expression_attribute_values(":now", AttributeValue::S(rfc3339(OffsetDateTime::now_utc())))
        .expression_attribute_values(":version", AttributeValue::N(KeyRow::SCHEMA_VERSION.to_string()));
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) => {
            Ok(false)
        }
        Err(error) => Err(explain(error)).context("can't keep new executions from starting"),
    }
}

/// Lets executions start again, if it was us who kept them from it; whether it was. What was not there before is not
/// there afterwards.
pub async fn lift(site: Site<'_>) -> Result<bool> {
    let Some(row) = settings(site).await?.filter(is_marked) else { return Ok(false) };
    let refused = match without_mark(row) {
        Some(_) => {
            let request = update(site).update_expression("REMOVE draining, draining_by, draining_since");
            let request = request.condition_expression(OURS);
            let reply = request.expression_attribute_values(":us", AttributeValue::S(US.into())).send().await;
            reply.map(drop).map_err(explain)
        }
        None => {
            let request = site.aws.dynamodb().delete_item().table_name(API_KEYS.name(site.deployment));
            let request =
                request.key(KeyRow::HASH, AttributeValue::S(Sentinel::CONFIG.into())).condition_expression(OURS);
            let reply = request.expression_attribute_values(":us", AttributeValue::S(US.into())).send().await;
            reply.map(drop).map_err(explain)
        }
    };
    match refused {
        // A lost reply, sent again.
        Err(_) if since(site).await?.is_none() => Ok(true),
        ended => ended.map(|()| true).context("can't let new executions start again"),
    }
}

/// When a removal began that did not come to its end, RFC 3339; none if there is none.
pub async fn since(site: Site<'_>) -> Result<Option<String>> {
    let row = settings(site).await?.filter(is_marked);
    Ok(row.and_then(|row| row.get(SINCE)?.as_s().ok().cloned()))
}

fn is_marked(row: &Row) -> bool {
    row.get(BY) == Some(&AttributeValue::S(US.into()))
}

/// A row of the keys' table as it was before a removal began; none if there was none.
pub fn without_mark(mut row: Row) -> Option<Row> {
    let is_settings = row.get(KeyRow::HASH) == Some(&AttributeValue::S(Sentinel::CONFIG.into()));
    if is_settings && is_marked(&row) {
        row.remove(FLAG);
        row.remove(BY);
        row.remove(SINCE);
        let bare = row.keys().all(|name| name == KeyRow::HASH || name == KeyRow::SCHEMA);
        return (!bare).then_some(row);
    }
    Some(row)
}

async fn settings(site: Site<'_>) -> Result<Option<Row>> {
    let table = API_KEYS.name(site.deployment);
    let request = site.aws.dynamodb().get_item().table_name(&table).consistent_read(true);
    match request.key(KeyRow::HASH, AttributeValue::S(Sentinel::CONFIG.into())).send().await {
        Ok(reply) => Ok(reply.item),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(None),
        Err(error) => Err(explain(error)).context(format!("can't read the table `{table}`")),
    }
}

fn update(site: Site<'_>) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
    let request = site.aws.dynamodb().update_item().table_name(API_KEYS.name(site.deployment));
    request.key(KeyRow::HASH, AttributeValue::S(Sentinel::CONFIG.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, AttributeValue)]) -> Row {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn only_our_own_mark_is_taken_out() {
        let s = |text: &str| AttributeValue::S(text.into());
        let ours = [
            (KeyRow::HASH, s(Sentinel::CONFIG)),
            (KeyRow::SCHEMA, AttributeValue::N("1".into())),
            (FLAG, AttributeValue::Bool(true)),
            (BY, s(US)),
            (SINCE, s("2026-11-21T10:08:34Z")),
        ];
        assert_eq!(without_mark(row(&ours)), None);
        let more = [&ours[..], &[("shared_logs", AttributeValue::Bool(true))]].concat();
        let left = without_mark(row(&more)).unwrap();
        assert!(left.contains_key("shared_logs") && ![FLAG, BY, SINCE].iter().any(|name| left.contains_key(*name)));
        let theirs = row(&ours[..3]);
        assert_eq!(without_mark(theirs.clone()), Some(theirs));
    }
}
