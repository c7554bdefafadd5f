//! Whether all tables are there, and protected from deletion. The template can't ask for that protection: it would keep
//! CloudFormation from taking back a table that it has just made.

use aws_sdk_dynamodb::types::TableStatus;
use runvoy_api::infra::TABLES;

use super::{PATIENCE, Patience};
use crate::{
    aws::{Aws, explain},
    deploy::progress::Step,
    error::{Error, Result, ResultExt as _},
};

/// What matters of a table's state.
pub struct TableState {
    /// It can be used and changed.
    pub active: bool,
    /// AWS refuses to delete it.
    pub protected: bool,
}

impl TableState {
    /// Looks.
    pub async fn look(aws: &Aws, table: &str) -> Result<Self> {
        let reply = aws.dynamodb().describe_table().table_name(table).send().await.map_err(explain);
        let reply = reply.context(format!("can't look at the table `{table}`"))?;
        let description =
            reply.table.ok_or_else(|| Error::new(format!("AWS does not describe the table `{table}`")))?;
        Ok(Self {
            active: description.table_status() == Some(&TableStatus::Active),
            protected: description.deletion_protection_enabled().unwrap_or_default(),
        })
    }
}

/// Asks for protection from deletion, or for its end. A table that is being changed already is left alone: look again.
pub async fn protect(aws: &Aws, table: &str, protected: bool) -> Result<()> {
    let request = aws.dynamodb().update_table().table_name(table).deletion_protection_enabled(protected);
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) => Ok(()),
        Err(error) => {
            let what = format!("can't change the deletion protection of the table `{table}`");
            Err(explain(error)).context(what).hint("the credentials need `dynamodb:UpdateTable`")
        }
    }
}

/// Waits until every table can be used and is protected; changes only what is not protected yet.
pub(super) async fn check(aws: &Aws, deployment: &str, step: &Step) -> Result<()> {
    let [a, b, c, d] = TABLES.map(|table| table.name(deployment));
    tokio::try_join!(one(aws, &a, step), one(aws, &b, step), one(aws, &c, step), one(aws, &d, step)).map(drop)
}

async fn one(aws: &Aws, table: &str, step: &Step) -> Result<()> {
    let mut patience = Patience::new(PATIENCE);
    loop {
        let state = TableState::look(aws, table).await?;
        match state {
            TableState { active: true, protected: true } => return Ok(()),
            TableState { active: true, protected: false } => protect(aws, table, true).await?,
            TableState { active: false, .. } => {}
        }
        let problem = Error::new(format!("the table `{table}` is not ready yet")).hint("run the same command again");
        patience.wait(step, problem).await?;
    }
}
