//! Long commands: an execution's row, which lists carry by the dozen, has a command's start, and a row beside it the rest.

use anyhow::Context;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use runvoy_api::{
    execution::{Execution, MAX_INLINE_COMMAND_BYTES},
    id::ExecutionId,
    infra::{CommandRow, EXECUTIONS},
};

use super::item::{self, Item, Read, s};
use crate::app::App;

/// What the execution's own row has of it.
pub fn start(command: &str) -> &str {
    &command[..command.floor_char_boundary(MAX_INLINE_COMMAND_BYTES)]
}

/// Whether that is not all.
pub fn is_long(command: &str) -> bool {
    command.len() > MAX_INLINE_COMMAND_BYTES
}

/// The row beside it, with the whole command.
pub fn put(app: &App, new: &Execution) -> anyhow::Result<TransactWriteItem> {
    let mut row = item::new();
    row.extend(key(&new.execution_id));
    row.insert("command".into(), s(&new.command));
    let put = Put::builder().table_name(&app.deployment.executions).set_item(Some(row)).build()?;
    Ok(TransactWriteItem::builder().put(put).build())
}

pub async fn get(app: &App, id: &ExecutionId) -> anyhow::Result<Option<String>> {
    let request = app.dynamodb.get_item().table_name(&app.deployment.executions).set_key(Some(key(id)));
    let row = request.send().await.context("reading a long command")?.item;
    Ok(row.and_then(|row| row.owned("command")))
}

fn key(id: &ExecutionId) -> Item {
    let key = [(EXECUTIONS.partition, CommandRow::key(id)), ("started_at", CommandRow::SORT.to_owned())];
    key.map(|(name, value)| (name.to_owned(), s(value))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_cut_between_characters() {
        assert_eq!(start("make"), "make");
        let long = "ü".repeat(MAX_INLINE_COMMAND_BYTES);
        assert!(is_long(&long) && !is_long(start(&long)));
        let odd = format!("x{long}");
        assert_eq!(start(&odd).len(), MAX_INLINE_COMMAND_BYTES - 1);
    }
}
