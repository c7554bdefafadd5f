//! The tables: counted, and deleted only when that was asked for.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, Select, TableDescription, TableStatus};
use runvoy_api::infra::{API_KEYS, KeyRow, TABLES, Table};
use serde::Serialize;
use tokio::time::sleep;

use super::Site;
use crate::{
    aws::{Aws, explain},
    deploy::{progress::Step, verify::tables::protect},
    error::{Error, Result, ResultExt as _},
};

/// How long a table may take to let go of its protection, and then to be gone.
const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(200);

/// A table that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundTable {
    /// Its name.
    pub name: String,
    /// What it holds, in the admin's words.
    pub what: &'static str,
    /// Its rows, counted one by one: AWS's own count is hours old.
    pub items: usize,
    /// As AWS counts them, some hours late.
    pub bytes: u64,
    /// Whether AWS refuses to delete it.
    pub protected: bool,
}

/// The deployment's tables.
pub async fn find(site: Site<'_>) -> Result<Vec<FoundTable>> {
    let [a, b, c, d] = &TABLES;
    let (a, b, c, d) = tokio::try_join!(one(site, a), one(site, b), one(site, c), one(site, d))?;
    Ok([a, b, c, d].into_iter().flatten().collect())
}

async fn one(site: Site<'_>, table: &Table) -> Result<Option<FoundTable>> {
    let name = table.name(site.deployment);
    let Some(described) = describe(site.aws, &name).await? else { return Ok(None) };
    if described.table_status() == Some(&TableStatus::Deleting) {
        return Ok(None);
    }
    Ok(Some(FoundTable {
        items: items(site.aws, &name).await?,
        what: table.description,
        bytes: described.table_size_bytes().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
        protected: described.deletion_protection_enabled().unwrap_or_default(),
        name,
    }))
}

/// The table, also while it is being deleted.
pub async fn describe(aws: &Aws, table: &str) -> Result<Option<TableDescription>> {
    match aws.dynamodb().describe_table().table_name(table).send().await {
        Ok(reply) => Ok(reply.table),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(None),
        Err(error) => Err(explain(error)).context(format!("can't look at the table `{table}`")),
    }
}

/// What tells a table that is there, and not on its way out, from others that had its name.
pub async fn identity_of_table(aws: &Aws, table: &str) -> Result<Option<String>> {
    let there = describe(aws, table).await?.filter(|table| table.table_status() != Some(&TableStatus::Deleting));
    Ok(there.map(|table| table.table_id().unwrap_or_default().to_owned()))
}

async fn items(aws: &Aws, table: &str) -> Result<usize> {
    let request = aws.dynamodb().scan().table_name(table).select(Select::Count).consistent_read(true);
    let mut pages = request.into_paginator().send();
    let mut items = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain).context(format!("can't count the rows of the table `{table}`"))?;
        items += usize::try_from(page.count()).unwrap_or_default();
    }
    Ok(items)
}

/// How many keys work.
pub async fn keys(site: Site<'_>) -> Result<usize> {
    let request = site.aws.dynamodb().scan().table_name(API_KEYS.name(site.deployment)).select(Select::Count);
    let request = request
        .filter_expression("attribute_exists(#role) AND revoked = :false")
        .expression_attribute_names("#role", KeyRow::ROLE)
        .expression_attribute_values(":false", AttributeValue::Bool(false));
    let mut pages = request.consistent_read(true).into_paginator().send();
    let mut keys = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain).context("can't count the keys")?;
        keys += usize::try_from(page.count()).unwrap_or_default();
    }
    Ok(keys)
}

/// Deletes all tables, and waits until they are gone. That of the keys goes last: its settings tell the next run that a
/// removal was under way.
pub async fn delete(site: Site<'_>, step: &Step) -> Result<()> {
    let last = API_KEYS.name(site.deployment);
    let names: Vec<_> =
        TABLES.map(|table| table.name(site.deployment)).into_iter().filter(|name| *name != last).collect();
    for name in &names {
        begin_deletion(site.aws, name, step).await?;
    }
    for name in &names {
        await_end(site.aws, name, step).await?;
    }
    begin_deletion(site.aws, &last, step).await?;
    await_end(site.aws, &last, step).await
}

/// Switches the protection off and asks for the deletion as soon as AWS takes it.
async fn begin_deletion(aws: &Aws, table: &str, step: &Step) -> Result<()> {
    let started = Instant::now();
    while let Some(described) = describe(aws, table).await? {
        match described.table_status() {
            Some(TableStatus::Deleting) => return Ok(()),
            Some(TableStatus::Active) if described.deletion_protection_enabled() == Some(true) => {
                protect(aws, table, false).await?;
            }
            Some(TableStatus::Active) => match aws.dynamodb().delete_table().table_name(table).send().await {
                Ok(_) => return Ok(()),
                // It is gone, or something else is being done to it: look again.
                Err(error)
                    if error.as_service_error().is_some_and(|error| {
                        error.is_resource_not_found_exception() || error.is_resource_in_use_exception()
                    }) => {}
                Err(error) => return Err(explain(error)).context(format!("can't delete the table `{table}`")),
            },
            _ => {}
        }
        pause(started, table, step).await?;
    }
    Ok(())
}

async fn await_end(aws: &Aws, table: &str, step: &Step) -> Result<()> {
    let started = Instant::now();
    while describe(aws, table).await?.is_some() {
        pause(started, table, step).await?;
    }
    Ok(())
}

async fn pause(started: Instant, table: &str, step: &Step) -> Result<()> {
    if started.elapsed() > PATIENCE {
        let problem = format!("the table `{table}` is still not deleted");
        return Err(Error::new(problem).hint("run the same command again"));
    }
    step.detail(table);
    sleep(PAUSE).await;
    Ok(())
}
