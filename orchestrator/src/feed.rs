//! The log feed: one page of an execution's output.
//!
//! The command's lines are those of its stream, nothing added. Lines of the container that fetches code come before
//! them, in pages of their own, and say so.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::Context;
use aws_sdk_cloudwatchlogs::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_log_events::{GetLogEventsError, GetLogEventsOutput},
};
use runvoy_api::{
    config::Config,
    error::{ErrorCode, Invalid},
    id::parse_rfc3339,
    infra::{EXECUTOR_CONTAINER, LOG_STREAM_PREFIX},
    logs::{LogEvent, LogPage, Source},
    status::Status,
};
use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    error::{ApiError, Result},
    store::{row::Row, settings},
};

/// CloudWatch shows lines late. A log is complete once its containers have been gone for the deployment's `log_grace`, and
/// nothing has come for this long.
const QUIET: Duration = Duration::seconds(2);
/// CloudWatch may answer with empty pages in mid-stream; this many are read on before the caller is asked to come again.
const EMPTY_PAGES: usize = 5;
/// What a page's lines may take in a reply of Lambda, in bytes. The limit is 6 MB:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const PAGE_BYTES: usize = 5_000_000;
/// What a line takes beside its text.
const LINE_BYTES: usize = 80;
/// How long the end of a stream is taken for its end without another look, however many readers wait there.
const SHORTLY: std::time::Duration = std::time::Duration::from_secs(1);
/// The container that fetches code, where there is one.
const PREPARE_CONTAINER: &str = "prepare";

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
    let mut prepared = true;
    if let Some(token) = &mut cursor.prepare {
        let mut part = read(app, &stream(PREPARE_CONTAINER), token, limit).await?;
        part.lines.iter_mut().for_each(|line| line.source = Source::Prepare);
        if !part.lines.is_empty() || !part.at_end {
            return Ok(part);
        }
        prepared = part.begun;
    }
    let part = read(app, &stream(EXECUTOR_CONTAINER), &mut cursor.command, limit).await?;
    // Code is fetched before the command begins: where the one has lines and the other not even a stream, there was none.
    if !prepared && !part.lines.is_empty() {
        cursor.prepare = None;
    }
    Ok(part)
}

/// One stream's next lines.
#[derive(Default)]
struct Part {
    lines: Vec<LogEvent>,
    /// CloudWatch has nothing after these, for now.
    at_end: bool,
    /// The stream is there: it is made when its container starts.
    begun: bool,
    /// When the newest of the lines came in, in milliseconds since the epoch.
    newest: i64,
}

async fn read(app: &App, stream: &str, token: &mut String, limit: i32) -> Result<Part> {
    let place = (stream.to_owned(), token.clone());
    if let Some(begun) = app.log_ends.get(&place) {
        return Ok(Part { at_end: true, begun, ..Part::default() });
    }
    let mut at = token.clone();
    for _ in 0..EMPTY_PAGES {
        let Some(reply) = get(app, stream, &at, limit).await? else {
            app.log_ends.put(place, false);
            return Ok(Part { at_end: true, ..Part::default() });
        };
        let fits = fitting(&reply);
        let reply = match i32::try_from(fits) {
            Ok(fits) if (fits as usize) < reply.events().len() => get(app, stream, &at, fits).await?.unwrap_or(reply),
            _ => reply,
        };
        let next = reply.next_forward_token().context("CloudWatch Logs gave no token")?;
        if !reply.events().is_empty() {
            next.clone_into(token);
            return Ok(part(&reply));
        }
        // The end of a stream is the same token given back: it is then good for whatever is written later.
        if next == at {
            app.log_ends.put(place, true);
            return Ok(Part { at_end: true, begun: true, ..Part::default() });
        }
        next.clone_into(&mut at);
    }
    Ok(Part { begun: true, ..Part::default() })
}

/// None if there is no such stream.
async fn get(app: &App, stream: &str, token: &str, limit: i32) -> Result<Option<GetLogEventsOutput>> {
    let request = app
        .logs
        .get_log_events()
        .log_group_name(&app.deployment.log_group)
        .log_stream_name(stream)
        .start_from_head(true)
        .limit(limit)
        .set_next_token((!token.is_empty()).then(|| token.to_owned()));
    match request.send().await.map_err(SdkError::into_service_error) {
        Ok(reply) => Ok(Some(reply)),
        Err(GetLogEventsError::ResourceNotFoundException(_)) => Ok(None),
        Err(GetLogEventsError::InvalidParameterException(_)) if !token.is_empty() => Err(stale().into()),
        // An empty page would pass for the end.
        Err(error) if error.code().is_some_and(|code| code.contains("Throttl")) => {
            Err(ApiError::new(ErrorCode::Unavailable, "CloudWatch Logs is too busy to give more of this log")
                .hint("wait a second and try again"))
        }
        Err(error) => Err(anyhow::Error::new(error).context("reading a log stream").into()),
    }
}

fn part(reply: &GetLogEventsOutput) -> Part {
    let line = |event: &aws_sdk_cloudwatchlogs::types::OutputLogEvent| LogEvent {
        timestamp: event.timestamp().unwrap_or_default(),
        // The log driver drops empty lines, so they are sent as one space.
        message: event.message().filter(|message| *message != " ").unwrap_or_default().to_owned(),
        source: Source::Command,
    };
    Part {
        lines: reply.events().iter().map(line).collect(),
        at_end: false,
        begun: true,
        newest: reply.events().iter().filter_map(|event| event.ingestion_time()).max().unwrap_or_default(),
    }
}

/// How many of these lines one reply can hold: at least one, since none is longer than 256 KB.
fn fitting(reply: &GetLogEventsOutput) -> usize {
    let mut room = PAGE_BYTES;
    let messages = reply.events().iter().map(|event| event.message().unwrap_or_default());
    let fits = |message: &str| {
        let left = room.checked_sub(LINE_BYTES + escaped_twice(message));
        room = left.unwrap_or_default();
        left.is_some()
    };
    messages.map(fits).take_while(|fits| *fits).count().max(1)
}

/// The length of a text in JSON in JSON: Lambda wraps the body once more.
fn escaped_twice(text: &str) -> usize {
    let bytes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' => 4,
        b'\n' | b'\r' | b'\t' | 0x08 | 0x0C => 3,
        0..0x20 => 7,
        _ => 1,
    });
    bytes.sum()
}

fn stale() -> Invalid {
    Invalid { field: "cursor", problem: "is not one that this log gave, or has expired".to_owned() }
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
        let (Some(newest), Some(command)) = (newest, parts.next()) else { return Err(stale()) };
        Ok(Self { newest, command: command.to_owned(), prepare: parts.next().map(str::to_owned) })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}~{}", self.newest, self.command)?;
        self.prepare.iter().try_for_each(|prepare| write!(f, "~{prepare}"))
    }
}

/// Ends of streams that were just seen: where, when, and whether there is a stream at all.
#[derive(Default)]
pub struct Ends(Mutex<HashMap<(String, String), (Instant, bool)>>);

impl Ends {
    fn get(&self, place: &(String, String)) -> Option<bool> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(place).filter(|(seen, _)| seen.elapsed() < SHORTLY).map(|(_, begun)| *begun)
    }

    fn put(&self, place: (String, String), begun: bool) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.retain(|_, (seen, _)| seen.elapsed() < SHORTLY);
        ends.insert(place, (Instant::now(), begun));
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::types::OutputLogEvent;

    use super::*;

    fn reply(messages: &[String]) -> GetLogEventsOutput {
        let event = |message: &String| OutputLogEvent::builder().message(message).timestamp(1).build();
        GetLogEventsOutput::builder().set_events(Some(messages.iter().map(event).collect())).build()
    }

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

    /// The worst that a page of CloudWatch's, of 1 MB or 10,000 lines, can hold.
    #[test]
    fn a_page_fits_into_a_reply_of_lambda() {
        let pages = [
            vec!["\u{1b}".repeat(100_000); 10],
            vec!["\"".repeat(250_000); 4],
            vec!["\u{1}".repeat(78); 10_000],
            vec!["\\".to_owned(); 10_000],
        ];
        for page in pages {
            let fits = fitting(&reply(&page));
            let lines = part(&reply(&page[..fits])).lines;
            let body = serde_json::to_string(&lines).unwrap();
            let whole = serde_json::to_string(&body).unwrap();
            assert!(whole.len() < 6_000_000 && fits > 0, "{fits} lines are {} bytes", whole.len());
        }
        assert_eq!(fitting(&reply(&vec!["plain".to_owned(); 10_000])), 10_000);
    }

    #[test]
    fn a_blank_line_is_restored_and_no_other_changed() {
        let lines = part(&reply(&["a", " ", "  ", " b"].map(str::to_owned))).lines;
        assert_eq!(lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["a", "", "  ", " b"]);
    }
}
