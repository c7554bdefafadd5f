//! The log feed: one page of a command's output.

use anyhow::Context;
use aws_sdk_cloudwatchlogs::{error::SdkError, operation::get_log_events::GetLogEventsError};
use runvoy_api::{
    error::Invalid,
    id::parse_rfc3339,
    logs::{LogEvent, LogPage},
};
use time::Duration;

use crate::{app::App, error::Result, line, store::row::Row};

/// The cursor before the first line.
const START: &str = "start";
/// Lines keep arriving for a while after the command has ended; a log counts as complete once it has been quiet this long.
const SETTLE: Duration = Duration::seconds(2);
/// CloudWatch may answer with empty pages in mid-stream; this many are read on before the caller is asked to come again.
const EMPTY_PAGES: usize = 5;

struct Page {
    events: Vec<LogEvent>,
    cursor: String,
    /// CloudWatch has nothing after this page, for now.
    at_end: bool,
}

/// What has come since the cursor.
pub async fn page(app: &App, row: &Row, cursor: Option<&str>, limit: i32) -> Result<LogPage> {
    let cursor = cursor.unwrap_or(START);
    let page = match &row.execution.log_stream_name {
        Some(stream) => read(app, stream, cursor, limit).await?,
        None => Page { events: Vec::new(), cursor: cursor.to_owned(), at_end: true },
    };
    let ended = row.execution.completed_at.as_deref().and_then(parse_rfc3339);
    let settled = ended.is_some_and(|ended| app.now() - ended > SETTLE) || row.execution.log_stream_name.is_none();
    let over = row.execution.status.is_terminal();
    Ok(LogPage {
        execution_id: row.id().clone(),
        status: row.execution.status,
        completed: over && settled && page.at_end && page.events.is_empty(),
        queue_position: row.execution.queue_position,
        last_timestamp: page.events.last().map(|event| event.timestamp),
        logs: page.events,
        exit_code: row.execution.exit_code,
        reason: row.execution.reason.clone(),
        cursor: page.cursor,
    })
}

async fn read(app: &App, stream: &str, cursor: &str, limit: i32) -> Result<Page> {
    let mut cursor = cursor.to_owned();
    let mut page = Page { events: Vec::new(), cursor: cursor.clone(), at_end: false };
    for _ in 0..EMPTY_PAGES {
        page = read_once(app, stream, &cursor, limit).await?;
        if page.at_end || !page.events.is_empty() {
            break;
        }
        cursor.clone_from(&page.cursor);
    }
    Ok(page)
}

/// The end of a stream is the same token given back: it is then good for whatever is written later.
async fn read_once(app: &App, stream: &str, cursor: &str, limit: i32) -> Result<Page> {
    let request = app
        .logs
        .get_log_events()
        .log_group_name(&app.deployment.log_group)
        .log_stream_name(stream)
        .start_from_head(true)
        .limit(limit)
        .set_next_token((cursor != START).then(|| cursor.to_owned()));
    let reply = match request.send().await.map_err(SdkError::into_service_error) {
        Ok(reply) => reply,
        // The stream is made with the first line.
        Err(GetLogEventsError::ResourceNotFoundException(_)) => {
            return Ok(Page { events: Vec::new(), cursor: cursor.to_owned(), at_end: true });
        }
        Err(GetLogEventsError::InvalidParameterException(_)) if cursor != START => {
            let problem = "is not one that this log gave, or has expired".to_owned();
            return Err(Invalid { field: "cursor", problem }.into());
        }
        Err(error) => return Err(anyhow::Error::new(error).context("reading a log stream").into()),
    };
    let next = reply.next_forward_token().context("CloudWatch Logs gave no token")?.to_owned();
    let event = |event: &aws_sdk_cloudwatchlogs::types::OutputLogEvent| {
        let message = line::written(event.message().unwrap_or_default())?.to_owned();
        Some(LogEvent { timestamp: event.timestamp().unwrap_or_default(), message })
    };
    let events: Vec<_> = reply.events().iter().filter_map(event).collect();
    Ok(Page { at_end: next == cursor || (cursor == START && events.is_empty()), events, cursor: next })
}
