//! The log feed: one page of an execution's output.
//!
//! The command's lines are those of its stream, nothing added. Lines of the container that fetches code come before
//! them, in pages of their own, and say so.

use runvoy_api::{
    config::Config,
    error::Invalid,
    id::parse_rfc3339,
    infra::{EXECUTOR_CONTAINER, LOG_STREAM_PREFIX, PREPARE_CONTAINER},
    logs::{LogPage, Source},
    status::Status,
};
use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    error::Result,
    log_stream::{self, Part},
    store::{row::Row, settings},
};

/// CloudWatch shows lines late. A log is complete once its containers have been gone for the deployment's `log_grace`, and
/// nothing has come for this long.
const QUIET: Duration = Duration::seconds(2);

/// What has come since the cursor.
pub async fn page(app: &App, row: &Row, cursor: Option<&str>, limit: i32) -> Result<LogPage> {
    let mut cursor = cursor.map_or_else(|| Ok(Cursor::default()), Cursor::parse)?;
    let part = match row.execution.task_arn.as_deref().and_then(|arn| arn.rsplit('/').next()) {
        Some(task) => next(app, task, &mut cursor, limit).await?,
        None => Part { at_end: true, ..Part::default() },
    };
    cursor.newest = cursor.newest.max(part.newest);
    let at_end = part.at_end && part.lines.is_empty() && row.execution.status.is_terminal();
    Ok(LogPage {
        execution_id: row.id().clone(),
        status: row.execution.status,
        completed: at_end && is_settled(app, row, &cursor, part.begun).await?,
        queue_position: row.execution.queue_position,
        task_status: row.task_status.clone().filter(|_| row.execution.status == Status::Starting),
        last_timestamp: part.lines.last().map(|line| line.timestamp),
        logs: part.lines,
        exit_code: row.execution.exit_code,
        reason: row.execution.reason.clone(),
        execution: None,
        cursor: cursor.to_string(),
    })
}

/// Whether no line can follow any more to an execution that is over. A container that never started has none to follow.
async fn is_settled(app: &App, row: &Row, cursor: &Cursor, begun: bool) -> Result<bool> {
    let now = app.now();
    let newest = OffsetDateTime::from_unix_timestamp_nanos(i128::from(cursor.newest) * 1_000_000);
    if newest.is_ok_and(|newest| now - newest < QUIET) {
        return Ok(false);
    }
    let ended = row.execution.completed_at.as_deref().and_then(parse_rfc3339);
    let (Some(ended), Some(_)) = (ended, &row.execution.task_arn) else { return Ok(true) };
    // Long ago it is whole by any setting, and no look is needed.
    if now - ended > Duration::seconds(Config::MAX_LOG_GRACE.into()) {
        return Ok(true);
    }
    let patience = if begun { grace(app).await? } else { QUIET };
    Ok(now - ended >= patience)
}

async fn grace(app: &App) -> Result<Duration> {
    let seconds = settings::get(app).await?.0.log_grace.unwrap_or(Config::LOG_GRACE);
    Ok(Duration::seconds(seconds.into()).max(QUIET))
}

/// Reads on where the cursor is, and moves it.
async fn next(app: &App, task: &str, cursor: &mut Cursor, limit: i32) -> Result<Part> {
    let stream = |container| format!("{LOG_STREAM_PREFIX}/{container}/{task}");
    let mut prepared = false;
    if let Some(token) = &mut cursor.prepare {
        let mut part = log_stream::read(app, &stream(PREPARE_CONTAINER), token, limit).await?;
        part.lines.iter_mut().for_each(|line| line.source = Source::Prepare);
        if !part.lines.is_empty() || !part.at_end {
            return Ok(part);
        }
        prepared = part.begun;
    }
    let mut part = log_stream::read(app, &stream(EXECUTOR_CONTAINER), &mut cursor.command, limit).await?;
    // Code is fetched before the command begins: where the one has lines and the other not even a stream, there was none.
    if !prepared && !part.lines.is_empty() {
        cursor.prepare = None;
    }
    part.begun |= prepared;
    Ok(part)
}

/// Where a reader is, as they are given it: `NEWEST~COMMAND` or `NEWEST~COMMAND~PREPARE`.
#[derive(Debug, PartialEq)]
struct Cursor {
    /// When the newest line that was read came in, in milliseconds since the epoch.
    newest: i64,
    /// CloudWatch's token for the command's stream; empty before the first line.
    command: String,
    /// The same for the stream of the container that fetches code; none once it is certain that there is none.
    prepare: Option<String>,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { newest: 0, command: String::new(), prepare: Some(String::new()) }
    }
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, Invalid> {
        let mut parts = text.splitn(3, '~');
        let newest = parts.next().and_then(|newest| newest.parse().ok());
        let (Some(newest), Some(command)) = (newest, parts.next()) else { return Err(log_stream::stale_cursor()) };
        Ok(Self { newest, command: command.to_owned(), prepare: parts.next().map(str::to_owned) })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}~{}", self.newest, self.command)?;
        self.prepare.iter().try_for_each(|prepare| write!(f, "~{prepare}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given() {
        for text in
            ["0~~", "1761489130000~f/34139340658027874184690460781927772298499668124394061824/s", "5~f/1:2~f/3:4"]
        {
            assert_eq!(Cursor::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Cursor::parse("0~~").unwrap(), Cursor::default());
        for text in ["", "start", "f/123", "x~y"] {
            assert_eq!(Cursor::parse(text).unwrap_err().field, "cursor", "{text}");
        }
    }
}
