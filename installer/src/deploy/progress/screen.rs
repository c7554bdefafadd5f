//! The live lines at the bottom of a terminal, below the ones that stay.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use console::{Term, measure_text_width};

use super::{frame, tree::Tree};
use crate::fold::fold;

pub(super) struct Screen {
    out: Box<dyn Write + Send>,
    /// Rows and columns.
    size: Box<dyn Fn() -> (usize, usize) + Send>,
    /// The live lines as they are on the screen.
    drawn: Vec<String>,
    /// Lines that stay, and have yet to be written.
    kept: Vec<String>,
    /// Whether somebody else has the terminal.
    held: bool,
}

impl Screen {
    pub(super) fn stderr() -> Self {
        let size = || Term::stderr().size_checked().map_or((24, 80), |(rows, columns)| (rows.into(), columns.into()));
        Self::new(Box::new(io::stderr()), Box::new(size))
    }

    pub(super) fn new(out: Box<dyn Write + Send>, size: Box<dyn Fn() -> (usize, usize) + Send>) -> Self {
        Self { out, size, drawn: Vec::new(), kept: Vec::new(), held: false }
    }

    /// Has a text written above the live lines.
    pub(super) fn keep(&mut self, text: Option<String>) {
        let (_, columns) = (self.size)();
        self.kept.extend(text.iter().flat_map(|text| fold(text, columns.saturating_sub(1))));
    }

    /// Leaves the terminal to somebody else, without the live lines, or takes it back.
    pub(super) fn hold(&mut self, hold: bool) {
        self.held = hold;
        if hold {
            let text = self.rewind((self.size)()) + "\x1b[J";
            self.drawn.clear();
            self.write(&text);
        }
    }

    /// Brings the screen up to date, in one write: nothing flickers.
    pub(super) fn paint(&mut self, tree: &mut Tree, now: SystemTime) {
        if self.held {
            return;
        }
        let (rows, columns) = (self.size)();
        let width = frame::width(columns);
        self.kept.extend(tree.settle().iter().flat_map(|step| frame::settled(step, now, width)));
        // The cursor stays in the line below.
        let live = frame::frame(tree.unsettled(), now, width, rows.saturating_sub(1));
        if self.kept.is_empty() && live == self.drawn {
            return;
        }
        let mut text = self.rewind((rows, columns));
        for line in self.kept.drain(..).chain(live.iter().cloned()) {
            text += &line;
            text += "\x1b[K\r\n";
        }
        text += "\x1b[J";
        self.drawn = live;
        self.write(&text);
    }

    /// Moves the cursor to where the live lines begin. A terminal that became narrower has wrapped them meanwhile, as
    /// nearly all do; the few that cut them off instead lose some of the lines above.
    fn rewind(&self, (rows, columns): (usize, usize)) -> String {
        let height = |line: &String| measure_text_width(line).div_ceil(columns.max(1)).max(1);
        let up = self.drawn.iter().map(height).sum::<usize>().min(rows.saturating_sub(1));
        if up == 0 { "\r".into() } else { format!("\r\x1b[{up}A") }
    }

    fn write(&mut self, text: &str) {
        // Where the terminal has gone away, there is nobody left to tell.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }
}
