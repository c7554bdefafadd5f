use std::num::NonZeroU16;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::Chunk;
use vt100::{Parser, Screen};

use super::mask::shows_key;
use super::palette;
use super::recording::{COLUMNS, COMMAND, ROWS, Recording};

/// Nothing happens for this long at most.
const IDLE: Duration = Duration::from_millis(1200);
/// A longer run is shown faster.
const LENGTH: Duration = Duration::from_secs(40);
/// How long the last frame stays.
const HOLD: Duration = Duration::from_secs(8);
const PROMPT: &str = "\x1b[1;32m$\x1b[0m ";

/// What is shown.
pub struct Film {
    /// Each differs from the one before.
    pub frames: Vec<Frame>,
    /// With the time for which the last frame stays.
    pub length: Duration,
    /// How much faster than it ran.
    pub speed: f64,
}

/// The screen from some time on.
pub struct Frame {
    /// Counted from the film's start.
    pub at: Duration,
    /// From the top.
    pub rows: Vec<Row>,
}

/// What stands in one row, from the left.
pub type Row = Vec<Run>;

/// Cells beside each other that look alike.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    /// Of its first cell.
    pub column: u16,
    /// In cells.
    pub width: u16,
    /// What is in them; blank only where that can be seen.
    pub text: String,
    /// How it looks.
    pub look: Look,
}

/// How a cell looks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Look {
    /// None: the terminal's own.
    pub color: Option<String>,
    /// None: the terminal's own.
    pub background: Option<String>,
    /// Whether it is bold.
    pub bold: bool,
    /// Whether it is dim.
    pub dim: bool,
    /// Whether it is italic.
    pub italic: bool,
    /// Whether it is underlined.
    pub underline: bool,
}

/// The recording as frames, between two prompts of a shell. They are so far `apart` at least. An error if one shows the key.
pub fn film(recording: &Recording, apart: Duration) -> Result<Film> {
    let (chunks, speed) = retime(&recording.chunks);
    let mut chunks = [typed(), chunks].concat();
    // The shell's prompt comes back.
    let end = chunks.last().map(|chunk| chunk.at).unwrap_or_default();
    chunks.push(Chunk { at: end, bytes: PROMPT.into() });
    let size = NonZeroU16::new(ROWS).zip(NonZeroU16::new(COLUMNS)).context("the terminal has no size")?;
    let mut parser = Parser::new(size.0, size.1, 0);
    let mut frames: Vec<Frame> = Vec::new();
    let tick = |chunk: &Chunk| u32::try_from(chunk.at.as_nanos() / apart.as_nanos()).unwrap_or(u32::MAX);
    for together in chunks.chunk_by(|one, other| tick(one) == tick(other)) {
        together.iter().for_each(|chunk| parser.process(&chunk.bytes));
        let (screen, at) = (parser.screen(), apart * tick(&together[0]));
        ensure!(!shows_key(&screen.contents(), &recording.key), "the recording shows the admin's key: mask it");
        let rows = rows(screen);
        if frames.last().is_none_or(|frame| frame.rows != rows) {
            frames.push(Frame { at, rows });
        }
    }
    Ok(Film { frames, length: end + HOLD, speed })
}

/// The command, as somebody types it.
fn typed() -> Vec<Chunk> {
    let chunk = |at: u64, text: &str| Chunk { at: Duration::from_millis(at), bytes: text.into() };
    let line = format!("{}\r\n", COMMAND.join(" "));
    let keys = (0..).zip(line.split_inclusive(|_| true)).map(|(index, key)| chunk(800 + 70 * index, key));
    [chunk(0, PROMPT)].into_iter().chain(keys).collect()
}

/// Without what is only waiting, after the command was typed, and faster if it is too long.
fn retime(chunks: &[Chunk]) -> (Vec<Chunk>, f64) {
    let (mut before, mut at) = (Duration::ZERO, Duration::ZERO);
    let mut times = Vec::new();
    for chunk in chunks {
        at += chunk.at.saturating_sub(before).min(IDLE);
        before = chunk.at;
        times.push(at);
    }
    let speed = (at.as_secs_f64() / LENGTH.as_secs_f64()).max(1.0);
    let begin = typed().last().map(|chunk| chunk.at).unwrap_or_default();
    let moved = |(chunk, at): (&Chunk, Duration)| Chunk { at: begin + at.div_f64(speed), bytes: chunk.bytes.clone() };
    (chunks.iter().zip(times).map(moved).collect(), speed)
}

fn rows(screen: &Screen) -> Vec<Row> {
    (0..ROWS).map(|row| runs(screen, row)).collect()
}

fn runs(screen: &Screen, row: u16) -> Row {
    let mut runs: Row = Vec::new();
    for column in 0..COLUMNS {
        let Some(cell) = screen.cell(row, column).filter(|cell| !cell.is_wide_continuation()) else { continue };
        let cursor = !screen.hide_cursor() && screen.cursor_position() == (row, column);
        let look = look(cell, cursor);
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let width = if cell.is_wide() { 2 } else { 1 };
        match runs.last_mut().filter(|run| run.column + run.width == column && run.look == look) {
            Some(run) => {
                run.text.push_str(text);
                run.width += width;
            }
            None => runs.push(Run { column, width, text: text.to_owned(), look }),
        }
    }
    runs.into_iter().flat_map(words).collect()
}

fn look(cell: &vt100::Cell, cursor: bool) -> Look {
    let (mut color, mut background) = (palette::css(cell.fgcolor()), palette::css(cell.bgcolor()));
    if cell.inverse() != cursor {
        let swapped = background.or_else(|| Some(palette::WINDOW.to_owned()));
        background = color.or_else(|| Some(palette::TEXT.to_owned()));
        color = swapped;
    }
    let (bold, dim, italic, underline) = (cell.bold(), cell.dim(), cell.italic(), cell.underline());
    Look { color, background, bold, dim, italic, underline }
}

/// The parts of a run with blanks between them: each has its own place, so that columns stay columns in any font.
fn words(run: Run) -> Vec<Run> {
    if run.look.background.is_some() || run.look.underline {
        return vec![run];
    }
    let mut words: Vec<Run> = Vec::new();
    let mut column = run.column;
    for part in run.text.split("  ") {
        let blanks = part.len() - part.trim_start().len();
        let text = part.trim();
        // Only a run without wide characters has as many characters as cells.
        let wide = usize::from(run.width) != run.text.chars().count();
        if wide {
            return vec![run];
        }
        let width = u16::try_from(text.chars().count()).unwrap_or(COLUMNS);
        let blanks = u16::try_from(blanks).unwrap_or_default();
        if !text.is_empty() {
            words.push(Run { column: column + blanks, width, text: text.to_owned(), look: run.look.clone() });
        }
        column += u16::try_from(part.chars().count()).unwrap_or(COLUMNS) + 2;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const APART: Duration = Duration::from_millis(250);

    fn recording(chunks: &[(u64, &str)]) -> Recording {
        let chunk =
            |(at, text): &(u64, &str)| Chunk { at: Duration::from_millis(*at), bytes: text.as_bytes().to_vec() };
        let key = format!("sk_live_{}", "0123456789abcdef".repeat(4));
        Recording { chunks: chunks.iter().map(chunk).collect(), key }
    }

    fn text(frame: &Frame) -> String {
        let row = |row: &Row| {
            row.iter().map(|run| run.text.trim()).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("|")
        };
        frame.rows.iter().map(row).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    #[test]
    fn it_begins_and_ends_with_a_prompt() {
        let film = film(&recording(&[(10, "a  \x1b[1mb\x1b[0m\r\n")]), APART).unwrap();
        assert_eq!(text(&film.frames[0]), "$");
        assert_eq!(text(film.frames.last().unwrap()), "$|runvoy init\na|b\n$");
        let bold = &film.frames.last().unwrap().rows[1][1];
        assert_eq!((bold.column, bold.width, bold.look.bold), (3, 1, true));
    }

    #[test]
    fn frames_are_few_and_each_is_another() {
        let texts: Vec<_> = (0..2000).map(|at| format!("\r{at}")).collect();
        let busy: Vec<_> = (0..).zip(texts.iter().map(String::as_str)).collect();
        let film = film(&recording(&busy), APART).unwrap();
        assert!(film.frames.windows(2).all(|pair| pair[0].rows != pair[1].rows));
        assert!(film.frames.windows(2).all(|pair| pair[1].at >= pair[0].at + APART) && film.frames.len() > 8);
    }

    #[test]
    fn waiting_is_cut_and_a_long_run_is_faster() {
        let film = film(&recording(&[(0, "a"), (60_000, "b")]), APART).unwrap();
        assert!(film.speed == 1.0 && film.length < IDLE + HOLD + Duration::from_secs(3), "{:?}", film.length);
        let long: Vec<_> = (0..100).map(|at| (at * 1000, "x")).collect();
        let (chunks, speed) = retime(&recording(&long).chunks);
        assert!(speed > 2.0 && chunks[99].at < LENGTH + Duration::from_secs(3));
    }

    #[test]
    fn a_key_is_refused_even_across_rows() {
        let key = recording(&[]).key;
        let shown = recording(&[(0, &" ".repeat(80)), (1, &key)]);
        assert!(film(&shown, APART).is_err());
    }
}
