//! Reading one stream of CloudWatch Logs, in pages that fit into a reply.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use anyhow::Context;
use aws_sdk_cloudwatchlogs::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_log_events::{GetLogEventsError, GetLogEventsOutput},
    types::OutputLogEvent,
};
use runvoy_api::{
    error::{ErrorCode, Invalid},
    logs::{LogEvent, Source},
};
use time::{Duration, OffsetDateTime};

use crate::{
    app::App,
    error::{ApiError, Result},
    line, machine,
};

/// CloudWatch may answer with empty pages in mid-stream; this many are read on before the caller is asked to come again.
const EMPTY_PAGES: usize = 5;
/// What a page's lines may take in a reply of Lambda, in bytes. The limit is 6 MB:
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const PAGE_BYTES: usize = 5_000_000;
/// What a line takes beside its text.
const LINE_BYTES: usize = 80;
/// How long the end of a stream is taken for its end without another look, however many readers wait there.
const SHORTLY: Duration = Duration::seconds(1);

/// One stream's next lines.
#[derive(Default)]
pub struct Part {
    pub lines: Vec<LogEvent>,
    /// CloudWatch has nothing after these, for now.
    pub at_end: bool,
    /// The stream is there: it is made when its container starts.
    pub begun: bool,
    /// When the newest of the lines came in, in milliseconds since the epoch.
    pub newest: i64,
}

/// Reads on after the token, and moves it.
pub async fn read(app: &App, stream: &str, token: &mut String, limit: i32) -> Result<Part> {
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
            let part = part(&reply);
            // One page may hold nothing but the end that the scripts write: it is read over.
            if !part.lines.is_empty() {
                return Ok(part);
            }
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
        Err(GetLogEventsError::InvalidParameterException(_)) if !token.is_empty() => Err(stale_cursor().into()),
        // An empty page would pass for the end.
        Err(error) if error.code().is_some_and(|code| code.contains("Throttl")) => {
            Err(ApiError::new(ErrorCode::Unavailable, "CloudWatch Logs is too busy to give more of this log")
                .hint("wait a second and try again"))
        }
        Err(error) => Err(anyhow::Error::new(error).context("reading a log stream").into()),
    }
}

fn part(reply: &GetLogEventsOutput) -> Part {
    let line = |event: &OutputLogEvent| {
        let message = line::written(event.message().unwrap_or_default())?.to_owned();
        Some(LogEvent { timestamp: event.timestamp().unwrap_or_default(), message, source: Source::Command })
    };
    Part {
        lines: reply.events().iter().filter_map(line).collect(),
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

/// For a token that CloudWatch does not know, or not any more.
pub fn stale_cursor() -> Invalid {
    Invalid { field: "cursor", problem: "is not one that this log gave, or has expired".to_owned() }
}

/// Ends of streams that were just seen: where, when, and whether there is a stream at all.
#[derive(Default)]
pub struct Ends(Mutex<HashMap<(String, String), (OffsetDateTime, bool)>>);

impl Ends {
    fn get(&self, place: &(String, String)) -> Option<bool> {
        let ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(place).filter(|(seen, _)| machine::now() - *seen < SHORTLY).map(|(_, begun)| *begun)
    }

    fn put(&self, place: (String, String), begun: bool) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = machine::now();
        ends.retain(|_, (seen, _)| now - *seen < SHORTLY);
        ends.insert(place, (now, begun));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(messages: &[String]) -> GetLogEventsOutput {
        let event = |message: &String| OutputLogEvent::builder().message(message).timestamp(1).build();
        GetLogEventsOutput::builder().set_events(Some(messages.iter().map(event).collect())).build()
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
    fn lines_are_as_they_were_written_and_the_end_is_none() {
        let lines = part(&reply(&["a\n", "\n", "  \n", "b\u{1e}\u{4}\n", "\u{1e}\u{4}\n"].map(str::to_owned))).lines;
        assert_eq!(lines.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(), ["a", "", "  ", "b"]);
    }
}
