//! The one board that everybody's progress is noted on, and who is told of it.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::{
    event::{Event, StepState},
    plain,
    screen::Screen,
    tree::{End, Tree, elapsed},
};
use crate::ui;

/// Without a terminal, the longest silence: CI systems end jobs that say nothing.
const SILENCE: Duration = Duration::from_secs(25);

pub(super) struct Board {
    pub(super) tree: Tree,
    pub(super) sink: Sink,
    pub(super) clock: Clock,
    /// When the last line was written.
    spoke: SystemTime,
    /// Whether the result was told: it is the last word.
    over: bool,
}

/// Who is told.
pub(super) enum Sink {
    Live(Screen),
    Plain(Box<dyn io::Write + Send>),
    Json(Box<dyn io::Write + Send>),
}

impl Board {
    pub(super) fn new(sink: Sink, clock: Clock) -> Self {
        let spoke = clock.now();
        Self { tree: Tree::default(), sink, clock, spoke, over: false }
    }

    /// Ends a step, if it has not ended yet.
    pub(super) fn end(&mut self, index: usize, state: StepState, note: &str) {
        let (at, note) = (self.clock.now(), ui::printable(note).into_owned());
        let step = self.tree.step(index);
        if step.end.is_none() {
            step.end = Some(End { state, note: note.clone(), at });
            self.tell_step(index, state, Some(note).filter(|note| !note.is_empty()));
        }
    }

    pub(super) fn leave(&mut self, note: &str) {
        for index in 0..self.tree.len() {
            self.end(index, StepState::Skipped, note);
        }
    }

    /// Tells a program alone; the result is the last that it is told.
    pub(super) fn emit(&mut self, event: &Event) {
        if matches!(self.sink, Sink::Json(_)) {
            self.tell(event);
            self.over |= matches!(event, Event::Result(_));
        }
    }

    pub(super) fn tell_step(&mut self, index: usize, state: StepState, note: Option<String>) {
        let event = self.tree.step(index).event(state, note, self.clock.now());
        self.tell(&event);
    }

    pub(super) fn tell(&mut self, event: &Event) {
        if self.over {
            return;
        }
        let now = self.clock.now();
        let (out, line) = match &mut self.sink {
            Sink::Live(screen) => {
                screen.keep(plain::prose(event));
                // Details come by the hundred; the next tick shows them.
                return if event.is_news() {
                    self.paint()
                };
            }
            Sink::Plain(out) => (out, plain::line(event)),
            Sink::Json(out) => (out, event.line(now)),
        };
        if let Some(line) = line {
            self.spoke = now;
            // Whoever has closed this stream doesn't want to know, and the deployment has to go on.
            let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
        }
    }

    pub(super) fn paint(&mut self) {
        if let Sink::Live(screen) = &mut self.sink {
            screen.paint(&mut self.tree, self.clock.now());
        }
    }

    /// Turns the spinners, or breaks a silence that has become too long.
    pub(super) fn tick(&mut self) {
        self.paint();
        let now = self.clock.now();
        if !matches!(self.sink, Sink::Live(_)) && elapsed(self.spoke, now) >= SILENCE {
            let under_way = self.tree.under_way(now);
            if !under_way.is_empty() {
                self.tell(&Event::Heartbeat { under_way });
            }
        }
    }
}

/// Ticks as long as somebody holds the board.
pub(super) fn keep_ticking(board: &Weak<Mutex<Board>>, pause: Duration) {
    while let Some(board) = board.upgrade() {
        lock(&board).tick();
        drop(board);
        thread::sleep(pause);
    }
}

pub(super) fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time of day, but going on evenly: nobody who sets the system's clock turns a stopwatch.
pub(super) enum Clock {
    Real {
        began: SystemTime,
        watch: Instant,
    },
    #[cfg(test)]
    Fixed(SystemTime),
}

impl Clock {
    pub(super) fn now(&self) -> SystemTime {
        match self {
            Self::Real { began, watch } => *began + watch.elapsed(),
            #[cfg(test)]
            Self::Fixed(now) => *now,
        }
    }
}
