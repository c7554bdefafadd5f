//! Follows an execution's log to its end, over whatever the network does meanwhile.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use runvoy_api::{
    id::ExecutionId,
    logs::{LogEvent, LogPage, Source},
    status::Status,
};
use tokio::time::sleep;

use crate::{
    client::{Client, encode, is_transient},
    error::{Error, Result},
    ui,
};

/// The pause between two looks at a log that grows.
const LIVELY: Duration = Duration::from_millis(500);
/// The pause when nothing has come for a while, and between two attempts to get through.
const QUIET: Duration = Duration::from_secs(2);
/// The place in a queue from which on the pause gets no longer.
const FAR_BACK: usize = 15;
/// How long the network may be away.
const PATIENCE: Duration = Duration::from_secs(600);
/// A page with this many lines is likely not the last one that waits.
const FULL_PAGE: usize = 100;
/// What is shown before the first page tells more.
const STARTING: &str = "starting: AWS provides a container and pulls the image";

/// Where in a log we are.
pub struct Follower<'a> {
    client: &'a Client,
    id: &'a ExecutionId,
    /// What the last page said that was printed: nothing before it comes again, nothing after it is lost.
    cursor: Option<String>,
    /// What it may have to wait for.
    lock: Option<String>,
    bar: ProgressBar,
}

impl<'a> Follower<'a> {
    /// At the beginning of the log.
    pub fn new(client: &'a Client, id: &'a ExecutionId) -> Self {
        Self { client, id, cursor: None, lock: None, bar: ProgressBar::hidden() }
    }

    /// Shows on a terminal how the execution stands. The line is also the caller's, to make room for something else.
    pub fn show_status(&mut self, lock: Option<String>) -> ProgressBar {
        self.lock = lock;
        self.bar = ui::spinner(STARTING);
        if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {elapsed:.dim} {wide_msg}") {
            self.bar.set_style(style);
        }
        self.bar.clone()
    }

    /// Prints each line as it comes. Returns the last page, which says how the execution ended.
    pub async fn follow(&mut self, print: &dyn Fn(&[LogEvent]) -> Result<()>) -> Result<LogPage> {
        let mut pause = LIVELY;
        loop {
            let page = self.next_page().await?;
            self.bar.set_message(self.standing(&page));
            self.bar.suspend(|| print(&page.logs))?;
            if page.completed {
                self.bar.finish_and_clear();
                return Ok(page);
            }
            // Once the command has ended, only its last lines are waited for.
            let quiet = page.logs.is_empty() && !page.status.is_terminal();
            pause = match page.queue_position {
                Some(place) => in_queue(place),
                None if quiet => (pause + pause / 4).min(QUIET),
                None => LIVELY,
            };
            if page.logs.len() < FULL_PAGE {
                sleep(pause).await;
            }
        }
    }

    /// Hands over all lines that there are by now. Returns the last page.
    pub async fn read(&mut self, mut take: impl FnMut(Vec<LogEvent>) -> Result<()>) -> Result<LogPage> {
        loop {
            let before = self.cursor.clone();
            let mut page = self.page().await?;
            let lines = std::mem::take(&mut page.logs);
            let at_the_end = page.completed || (lines.is_empty() && before.as_ref() == Some(&page.cursor));
            take(lines)?;
            if at_the_end {
                return Ok(page);
            }
        }
    }

    /// Why it is not over yet.
    fn standing(&self, page: &LogPage) -> String {
        let lock = self.lock.as_deref().map(|lock| format!(" `{}`", ui::printable(lock))).unwrap_or_default();
        match page.status {
            Status::Queued => {
                let place = page.queue_position.map(|place| format!(", place {place}")).unwrap_or_default();
                format!("queued: waits for its lock{lock}{place}")
            }
            Status::Starting => match page.task_status.as_deref() {
                Some("PROVISIONING") => "provisioning: AWS provides a container and its network".into(),
                Some("PENDING") => "pulling: the image is on its way into the container".into(),
                _ => STARTING.into(),
            },
            Status::Stopping => "stopping: the command was told to end".into(),
            status if status.is_terminal() => format!("{status}: its last lines are on their way"),
            status => status.to_string(),
        }
    }

    async fn page(&mut self) -> Result<LogPage> {
        let mut path = format!("/executions/{}/logs", encode(self.id.as_str()));
        if let Some(cursor) = &self.cursor {
            path += &format!("?cursor={}", encode(cursor));
        }
        let page: LogPage = self.client.get(&path).await?;
        self.cursor = Some(page.cursor.clone());
        Ok(page)
    }

    async fn next_page(&mut self) -> Result<LogPage> {
        let mut away_since: Option<Instant> = None;
        loop {
            let error = match self.page().await {
                Ok(page) => {
                    if away_since.is_some() {
                        self.note("the connection is back");
                    }
                    return Ok(page);
                }
                Err(error) => error,
            };
            if !is_transient(&error) || away_since.is_some_and(|since| since.elapsed() >= PATIENCE) {
                return Err(self.given_up(error));
            }
            if away_since.is_none() {
                away_since = Some(Instant::now());
                self.note(&format!("{}; trying again …", error.message()));
            }
            sleep(QUIET).await;
        }
    }

    fn given_up(&self, error: Error) -> Error {
        let id = self.id;
        error.context(format!("can't follow `{id}` any more")).hint(format!(
            "the execution goes on without us: `runvoy logs -f {id}` follows it again, `runvoy status {id}` tells its end"
        ))
    }

    fn note(&self, text: &str) {
        self.bar.suspend(|| ui::note(text));
    }
}

/// The further back in a queue, the longer until anything can happen: many that wait must not keep the API busy.
fn in_queue(place: usize) -> Duration {
    QUIET * u32::try_from(place.clamp(1, FAR_BACK)).unwrap_or(1)
}

/// The command's lines exactly as it wrote them, in one write. Those of the container that fetched its code are no part of
/// its output.
pub fn print(lines: &[LogEvent]) -> Result<()> {
    let (lines, ours): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.source == Source::Command);
    for line in ours {
        ui::note(ui::printable(&line.message));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = String::with_capacity(lines.iter().map(|line| line.message.len() + 1).sum());
    for line in lines {
        text.push_str(&line.message);
        text.push('\n');
    }
    ui::write(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_back_of_a_queue_looks_less_often() {
        let pauses = [0, 1, 2, 15, 16, 100].map(|place| in_queue(place).as_secs());
        assert_eq!(pauses, [2, 2, 4, 30, 30, 30]);
    }
}
