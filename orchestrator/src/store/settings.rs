//! The deployment's settings: one row beside the keys, so that a launch reads both at once.

use anyhow::Context;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use runvoy_api::{
    config::Config,
    infra::{KeyRow, Sentinel},
};

use super::item::{Item, Read, n, s};
use crate::app::App;

/// The settings as a row tells them, and the text that they stand in; none by default.
///
/// Settings that can't be read are an error: a deployment that was drained must not wake up by a mistake.
pub fn from_row(row: Option<&Item>) -> anyhow::Result<(Config, Option<String>)> {
    let text = row.and_then(|row| row.owned(Sentinel::SETTINGS));
    let config = text.as_deref().map(serde_json::from_str).transpose().context("reading the deployment's settings")?;
    Ok((config.unwrap_or_default(), text))
}

pub async fn get(app: &App) -> anyhow::Result<(Config, Option<String>)> {
    let table = &app.deployment.api_keys;
    let request = app.dynamodb.get_item().table_name(table).key(KeyRow::HASH, s(Sentinel::CONFIG));
    let row = request.consistent_read(true).send().await.context("reading the deployment's settings")?.item;
    from_row(row.as_ref())
}

/// Since when the deployment is being removed, if it is.
pub async fn destroyed_since(app: &App) -> anyhow::Result<Option<String>> {
    let table = &app.deployment.api_keys;
    let request = app.dynamodb.get_item().table_name(table).key(KeyRow::HASH, s(Sentinel::CONFIG));
    let row = request.send().await.context("reading the deployment's settings")?.item;
    Ok(row.and_then(|row| row.owned(Sentinel::DRAINING_SINCE)))
}

/// Writes the settings, if they are still what they were when they were read.
pub fn put(app: &App, new: &Config, old: Option<&str>) -> anyhow::Result<TransactWriteItem> {
    let update = Update::builder()
        .table_name(&app.deployment.api_keys)
        .key(KeyRow::HASH, s(Sentinel::CONFIG))
        .update_expression("SET #settings = :new, #schema = :schema")
        .expression_attribute_names("#settings", Sentinel::SETTINGS)
        .expression_attribute_names("#schema", KeyRow::SCHEMA)
        .expression_attribute_values(":new", s(serde_json::to_string(new)?))
        .expression_attribute_values(":schema", n(KeyRow::SCHEMA_VERSION));
    let update = match old {
        Some(old) => update.condition_expression("#settings = :old").expression_attribute_values(":old", s(old)),
        None => update.condition_expression("attribute_not_exists(#settings)"),
    };
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}
