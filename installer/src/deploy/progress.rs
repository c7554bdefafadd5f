//! What is going on, on stderr: live lines with stopwatches on a terminal, plain lines elsewhere.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::estimate::Estimate;
use crate::ui;

/// Without a terminal, the longest silence: CI systems end jobs that say nothing.
const SILENCE: Duration = Duration::from_secs(25);

/// The view of everything that is under way.
#[derive(Clone)]
pub struct Progress {
    live: Option<MultiProgress>,
    board: Arc<Mutex<Board>>,
}

/// One thing that is under way. A big step that is dropped without an outcome has failed.
pub struct Step {
    progress: Progress,
    id: u64,
    what: String,
    started: Instant,
    bar: Option<ProgressBar>,
    ended: bool,
}

/// One event of one resource of a step's stack.
#[derive(Debug, Clone, PartialEq)]
#[allow(dead_code)]
pub struct ResourceChange {
    /// Its logical id.
    pub logical: String,
    /// Its type.
    pub kind: String,
    /// What it is in the admin's words.
    pub what: String,
    /// What AWS does with it.
    pub verb: &'static str,
    /// How far that has come.
    pub state: ResourceState,
    /// When, by AWS's clock.
    pub at: Option<SystemTime>,
}

/// How far a resource has come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(dead_code)]
pub enum ResourceState {
    /// AWS is at it.
    InProgress,
    /// It is as it should be.
    Done,
    /// It failed.
    Failed {
        /// What AWS said.
        reason: String,
    },
    /// AWS gave it up because another one had failed.
    GivenUp,
    /// It was left alone.
    Kept,
}

struct Board {
    next: u64,
    open: BTreeMap<u64, (String, Instant)>,
    spoke: Instant,
}

impl Progress {
    /// A view for this stderr.
    pub fn new() -> Self {
        let live = console::user_attended_stderr().then(MultiProgress::new);
        let board = Board { next: 0, open: BTreeMap::new(), spoke: Instant::now() };
        let progress = Self { live, board: Arc::new(Mutex::new(board)) };
        if progress.live.is_none() {
            tokio::spawn(heartbeat(Arc::downgrade(&progress.board)));
        }
        progress
    }

    /// Starts one of the big steps.
    pub fn step(&self, what: impl Into<String>) -> Step {
        let what = what.into();
        if self.live.is_none() {
            self.say(format!("{what} …"));
        }
        self.open(what)
    }

    /// Warns.
    pub fn warn(&self, line: impl AsRef<str>) {
        self.say(format!("{} {}", style("warning:").for_stderr().yellow().bold(), line.as_ref()));
    }

    /// Prints a line that stays.
    pub fn say(&self, line: impl AsRef<str>) {
        match &self.live {
            // Where the terminal has gone away, there is nobody left to tell.
            Some(live) => drop(live.println(line)),
            None => {
                self.board().spoke = Instant::now();
                ui::note(line.as_ref());
            }
        }
    }

    fn open(&self, what: String) -> Step {
        let started = Instant::now();
        let bar = self.live.as_ref().map(|live| {
            let bar = live.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar.set_message(what.clone());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let mut board = self.board();
        let id = board.next;
        board.next += 1;
        board.open.insert(id, (what.clone(), started));
        drop(board);
        Step { progress: self.clone(), id, what, started, bar, ended: false }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        lock(&self.board)
    }
}

impl Step {
    /// Says what it is at.
    pub fn detail(&self, detail: &str) {
        let text = format!("{}: {}", self.what, ui::printable(detail));
        if let Some(bar) = &self.bar {
            bar.set_message(text.clone());
        }
        if let Some(open) = self.progress.board().open.get_mut(&self.id) {
            open.0 = text;
        }
    }

    /// Says how long it will take.
    pub fn expect(&self, estimate: Estimate) {
        let total = ui::duration(estimate.total().as_secs());
        if !estimate.total().is_zero() {
            self.detail(&format!("about {total}"));
        }
    }

    /// Shows what happens to one of its resources.
    pub fn resource(&self, change: &ResourceChange) {
        let (mark, note) = match &change.state {
            ResourceState::InProgress => return,
            ResourceState::Done => (style("✓").green(), ""),
            ResourceState::Failed { .. } => (style("✗").red(), ": failed"),
            ResourceState::GivenUp => (style("✗").red(), ": given up"),
            ResourceState::Kept => (style("-").dim(), ""),
        };
        self.progress.say(format!("  {} {} {}{note}", mark.for_stderr(), change.verb, change.what));
    }

    /// It is done; `note` says what came of it where that is worth saying.
    pub fn done(self, note: &str) {
        let mark = style("✓").for_stderr().green();
        self.end(mark.to_string(), note);
    }

    /// It was not needed, or was left as it is.
    pub fn skipped(self, note: &str) {
        let mark = style("-").for_stderr().dim();
        self.end(mark.to_string(), note);
    }

    /// It failed.
    #[allow(dead_code)]
    pub fn failed(self, note: &str) {
        let mark = style("✗").for_stderr().red();
        self.end(mark.to_string(), note);
    }

    fn end(mut self, mark: String, note: &str) {
        self.close();
        let took = self.started.elapsed();
        let took = style(format!("({})", ui::duration(took.as_secs()))).for_stderr().dim();
        let note = if note.is_empty() { String::new() } else { format!(": {note}") };
        self.progress.say(format!("{mark} {}{note} {took}", self.what));
    }

    fn close(&mut self) {
        self.ended = true;
        self.progress.board().open.remove(&self.id);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.close();
        self.progress.say(format!("{} {}", style("✗").for_stderr().red(), self.what));
    }
}

/// Breaks a silence that has become too long, as long as somebody holds the board.
async fn heartbeat(board: std::sync::Weak<Mutex<Board>>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Some(board) = board.upgrade() else { return };
        let mut board = lock(&board);
        if board.spoke.elapsed() < SILENCE || board.open.is_empty() {
            continue;
        }
        board.spoke = Instant::now();
        let under_way =
            board.open.values().map(|(what, since)| format!("{what} ({})", ui::duration(since.elapsed().as_secs())));
        ui::note(format_args!("still at it: {}", under_way.collect::<Vec<_>>().join("; ")));
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}
