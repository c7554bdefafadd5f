//! Log streams to files.

use std::path::PathBuf;

use aws_sdk_cloudwatchlogs::types::{LogStream, OutputLogEvent};
use runvoy_api::infra::name;
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    Export, Lines,
    manifest::{GroupEntry, StreamEntry},
};
use crate::{
    aws::{Aws, explain},
    deploy::progress::Step,
    error::{Error, Result, ResultExt as _},
};

/// How many streams are read at once: AWS allows some 25 calls a second.
const AT_ONCE: usize = 8;
/// After so many streams the manifest is written, for whoever goes on after a crash.
const SAVE_EVERY: usize = 50;

impl Export<'_> {
    pub(super) async fn write_logs(&mut self, step: &Step) -> Result<()> {
        let name = name::execution_log_group(self.site.deployment);
        let Some(streams) = streams(self.site.aws, &name).await? else { return Ok(()) };
        let retention_days = retention(self.site.aws, &name).await?;
        let known = self.manifest.logs.iter_mut().find(|known| known.group == name);
        match known {
            Some(known) => known.retention_days = retention_days,
            None => self.manifest.logs.push(GroupEntry { group: name.clone(), retention_days, streams: vec![] }),
        }
        let wanted: Vec<_> = streams.into_iter().filter(|stream| !self.has(&name, stream)).collect();
        self.fetch(&name, wanted, step).await?;
        self.group(&name).streams.sort_by(|a, b| a.stream.cmp(&b.stream));
        self.save()
    }

    async fn fetch(&mut self, group: &str, wanted: Vec<LogStream>, step: &Step) -> Result<()> {
        let (count, mut done, mut readers) = (wanted.len(), 0, JoinSet::new());
        let mut wanted = wanted.into_iter();
        loop {
            while readers.len() < AT_ONCE
                && let Some(stream) = wanted.next()
            {
                readers.spawn(fetch(self.site.aws.clone(), group.to_owned(), stream, self.directory.clone()));
            }
            let Some(ended) = readers.join_next().await else { return Ok(()) };
            let entry = ended.map_err(Error::from)??;
            let streams = &mut self.group(group).streams;
            streams.retain(|known| known.stream != entry.stream);
            streams.push(entry);
            done += 1;
            step.detail(&format!("{done} of {count} log streams"));
            if done % SAVE_EVERY == 0 {
                self.save()?;
            }
        }
    }

    /// The group's place in the manifest, which is made before its streams are read.
    fn group(&mut self, name: &str) -> &mut GroupEntry {
        let at = self.manifest.logs.iter().position(|known| known.group == name);
        let at = at.unwrap_or_else(|| {
            self.manifest.logs.push(GroupEntry { group: name.to_owned(), retention_days: None, streams: vec![] });
            self.manifest.logs.len() - 1
        });
        &mut self.manifest.logs[at]
    }

    /// Whether all of a stream's events are there already, and as they were written.
    fn has(&self, group: &str, stream: &LogStream) -> bool {
        let groups = self.manifest.logs.iter().filter(|known| known.group == group);
        groups.flat_map(|known| &known.streams).any(|known| {
            Some(known.stream.as_str()) == stream.log_stream_name()
                && known.last_event.is_some()
                && known.last_event == stream.last_event_timestamp()
                && super::check_file(&self.directory, &known.file).is_ok()
        })
    }
}

/// The streams of a group; none if it is gone.
async fn streams(aws: &Aws, group: &str) -> Result<Option<Vec<LogStream>>> {
    let mut pages = aws.logs().describe_log_streams().log_group_name(group).into_paginator().items().send();
    let mut streams = Vec::new();
    while let Some(stream) = pages.next().await {
        match stream {
            Ok(stream) => streams.push(stream),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                return Ok(None);
            }
            Err(error) => return Err(explain(error)).context(format!("can't list the log streams of `{group}`")),
        }
    }
    Ok(Some(streams))
}

async fn retention(aws: &Aws, group: &str) -> Result<Option<i32>> {
    let reply = aws.logs().describe_log_groups().log_group_name_prefix(group).send().await.map_err(explain);
    let reply = reply.context(format!("can't look at the log group `{group}`"))?;
    let found = reply.log_groups().iter().find(|found| found.log_group_name() == Some(group));
    Ok(found.and_then(|found| found.retention_in_days()))
}

async fn fetch(aws: Aws, group: String, stream: LogStream, directory: PathBuf) -> Result<StreamEntry> {
    let name = stream.log_stream_name().unwrap_or_default().to_owned();
    let file = format!("logs/{}/{}.jsonl", escape(&group), escape(&name));
    let path = directory.join(&file);
    let mut lines = Lines::create(&path)?;
    let (logs, mut last_event, mut token) = (aws.logs(), None, None::<String>);
    loop {
        let request = logs.get_log_events().log_group_name(&group).log_stream_name(&name).start_from_head(true);
        let page = request.set_next_token(token.clone()).send().await.map_err(explain);
        let page = page.context(format!("can't read the log stream `{name}` of `{group}`"))?;
        for event in page.events() {
            last_event = last_event.max(event.timestamp());
            lines.push(&line(event))?;
        }
        // The end is where the place does not change any more; a page may be empty before it.
        if page.next_forward_token().is_none() || page.next_forward_token() == token.as_deref() {
            break;
        }
        token = page.next_forward_token;
    }
    let file = lines.finish(&path, file)?;
    Ok(StreamEntry { stream: name, last_event, file })
}

fn line(event: &OutputLogEvent) -> serde_json::Value {
    json!({ "timestamp": event.timestamp(), "ingestion_time": event.ingestion_time(), "message": event.message() })
}

/// A name as part of a path: what is not a plain letter, digit, `-`, `_` or an inner `.` becomes `%2F` and the like.
fn escape(name: &str) -> String {
    let plain =
        |(index, byte): (usize, u8)| byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || byte == b'.' && index > 0;
    let each = name.bytes().enumerate();
    each.map(|(index, byte)| if plain((index, byte)) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_directory() {
        assert_eq!(escape("exec/executor/0a1b"), "exec%2Fexecutor%2F0a1b");
        assert_eq!(["..", ".", "../x", "a.b", "ä"].map(escape), ["%2E.", "%2E", "%2E.%2Fx", "a.b", "%C3%A4"]);
    }
}
