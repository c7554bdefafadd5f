//! What is going on: a tree of steps with stopwatches on a terminal, plain lines elsewhere, JSON lines for programs.
//!
//! There is one board behind a lock. Whatever happens is noted in its tree, then told to whoever looks on. A thread of
//! its own turns the spinners and breaks long silences, so that neither depends on what the steps themselves do.

mod board;
mod event;
mod frame;
mod plain;
mod screen;
mod tree;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant, SystemTime},
};

use board::{Board, Clock, Sink};
pub use event::{Event, Outcome, RunResult, StepState};
use screen::Screen;

use super::estimate::Estimate;
use crate::ui;

/// Who looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// A person at a terminal: lines on stderr that change.
    Live,
    /// A log: lines on stderr that stay, without control characters.
    Plain,
    /// A program: JSON lines on stdout, by `docs/init-events.schema.json`.
    Json,
}

impl View {
    /// The view for this run: `json` if it was asked for, else what stderr is fit for.
    pub fn choose(json: bool) -> Self {
        match (json, console::user_attended_stderr() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")) {
            (true, _) => Self::Json,
            (false, true) => Self::Live,
            (false, false) => Self::Plain,
        }
    }
}

/// What happened to one resource of a stack.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceChange {
    /// Its logical id.
    pub logical: String,
    /// Its type, as AWS calls it: `AWS::…`.
    pub kind: String,
    /// What it is in the admin's words.
    pub what: String,
    /// What is done to it: create, update, remove, adopt, undo or keep.
    pub verb: &'static str,
    /// How far that is.
    pub state: ResourceState,
    /// When, by AWS's clock.
    pub at: Option<SystemTime>,
}

/// How far the change of a resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceState {
    /// AWS is at it.
    InProgress,
    /// It is done.
    Done,
    /// It failed by itself.
    Failed {
        /// Why, as AWS puts it.
        reason: String,
    },
    /// AWS gave it up only because another one had failed.
    GivenUp,
    /// It was left as it is, on purpose.
    Kept,
}

/// Everything that is under way.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<Board>>);

/// A terminal without the live lines, as long as this lives.
pub struct Aside<'a>(&'a Progress);

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.0.hold(false);
    }
}

/// One thing that is under way. If it is dropped without an outcome, it has failed.
pub struct Step {
    progress: Progress,
    index: usize,
}

impl Progress {
    /// Nothing yet, for this view.
    pub fn new(view: View) -> Self {
        let (sink, pause) = match view {
            View::Live => (Sink::Live(Screen::stderr()), Duration::from_millis(100)),
            View::Plain => (Sink::Plain(Box::new(io::stderr())), Duration::from_secs(1)),
            View::Json => (Sink::Json(Box::new(io::stdout())), Duration::from_secs(1)),
        };
        let progress = Self::with(sink, Clock::Real { began: SystemTime::now(), watch: Instant::now() });
        let board = Arc::downgrade(&progress.0);
        thread::spawn(move || board::keep_ticking(&board, pause));
        progress
    }

    fn with(sink: Sink, clock: Clock) -> Self {
        Self(Arc::new(Mutex::new(Board::new(sink, clock))))
    }

    /// Starts a step. `id` names it for programs and never changes: kebab-case.
    pub fn step(&self, id: &'static str, what: impl Into<String>) -> Step {
        let mut board = self.board();
        let now = board.clock.now();
        let index = board.tree.open(id, what.into(), now);
        board.tell_step(index, StepState::Start, None);
        Step { progress: self.clone(), index }
    }

    /// Prints a line that stays.
    pub fn say(&self, line: impl AsRef<str>) {
        self.board().tell(&Event::Note { text: line.as_ref().to_owned() });
    }

    /// Says what may be wrong.
    pub fn warn(&self, line: impl AsRef<str>) {
        self.board().tell(&Event::Warning { text: line.as_ref().to_owned() });
    }

    /// Tells a program what people are told in other ways. After [`Event::Result`] nothing more is told.
    pub fn emit(&self, event: &Event) {
        self.board().emit(event);
    }

    /// Clears the live lines while `f` has the terminal for itself: for prompts. Steps go on meanwhile; what they have
    /// to say on the terminal waits.
    pub fn suspend<T>(&self, f: impl FnOnce() -> T) -> T {
        let _aside = self.aside();
        f()
    }

    /// The same until what this returns is dropped.
    pub fn aside(&self) -> Aside<'_> {
        self.hold(true);
        Aside(self)
    }

    fn hold(&self, hold: bool) {
        let mut board = self.board();
        if let Sink::Live(screen) = &mut board.sink {
            screen.hold(hold);
        }
        board.paint();
    }

    /// Ends every step that is still under way, not as failed: it goes on without us, or was called off.
    pub fn leave(&self, note: &str) {
        self.board().leave(note);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        board::lock(&self.0)
    }
}

impl Step {
    /// Says what it is at.
    pub fn detail(&self, detail: &str) {
        let detail = ui::printable(detail).into_owned();
        let mut board = self.progress.board();
        if board.tree.step(self.index).detail != detail {
            board.tree.step(self.index).detail.clone_from(&detail);
            board.tell_step(self.index, StepState::Detail, Some(detail));
        }
    }

    /// From now on, it is known how long this step and each of its resources usually take.
    pub fn expect(&self, estimate: Estimate) {
        let note = format!("{} to change", tree::resources(estimate.resources()));
        let mut board = self.progress.board();
        board.tree.step(self.index).estimate = Some(estimate);
        board.tell_step(self.index, StepState::Detail, Some(note));
    }

    /// Takes note of what happened to a resource of the step's stack.
    pub fn resource(&self, change: &ResourceChange) {
        let mut board = self.progress.board();
        let now = board.clock.now();
        if let Some(event) = board.tree.step(self.index).resource(change, now) {
            board.tell(&event);
        }
    }

    /// It is done; `note` says what came of it where that is worth saying.
    pub fn done(self, note: &str) {
        self.end(StepState::Done, note);
    }

    /// It was not needed, or was left as it is.
    pub fn skipped(self, note: &str) {
        self.end(StepState::Skipped, note);
    }

    fn end(self, state: StepState, note: &str) {
        self.progress.board().end(self.index, state, note);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.progress.board().end(self.index, StepState::Failed, "");
    }
}

#[cfg(test)]
mod tests;
