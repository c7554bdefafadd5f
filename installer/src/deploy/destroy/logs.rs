//! The log group of the commands' output.

use runvoy_api::infra::name;
use serde::Serialize;

use super::Site;
use crate::{
    aws::explain,
    error::{Result, ResultExt as _},
};

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// As AWS counts them, some hours late.
    pub bytes: u64,
    /// How many days it keeps what it gets; none if for ever.
    pub retention_days: Option<i32>,
}

/// All log groups under this prefix.
pub async fn under(site: Site<'_>, prefix: &str) -> Result<Vec<LogGroup>> {
    let request = site.aws.logs().describe_log_groups().log_group_name_prefix(prefix);
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(group) = pages.next().await {
        let group = group.map_err(explain).context("can't list the log groups")?;
        found.push(LogGroup {
            name: group.log_group_name().unwrap_or_default().to_owned(),
            bytes: group.stored_bytes().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or_default(),
            retention_days: group.retention_in_days(),
        });
    }
    Ok(found)
}

/// The commands' output.
pub async fn output(site: Site<'_>) -> Result<Option<LogGroup>> {
    let name = name::execution_log_group(site.deployment);
    Ok(under(site, &name).await?.into_iter().find(|group| group.name == name))
}

/// Deletes the commands' output.
pub async fn delete(site: Site<'_>) -> Result<()> {
    let Some(LogGroup { name, .. }) = output(site).await? else { return Ok(()) };
    match site.aws.logs().delete_log_group().log_group_name(&name).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(()),
        Err(error) => Err(explain(error)).context(format!("can't delete the log group `{name}`")),
    }
}
