//! The tree as lines for a terminal: none is wider than it, and together they are no taller.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use console::{StyledObject, measure_text_width, style, truncate_str};

use super::{
    ResourceState, StepState,
    tree::{Branch, Leaf, Tally, resources},
};
use crate::ui;

/// On wide terminals, stopwatches stay near what they belong to.
const WIDEST: usize = 92;

/// So many resources of a step that has ended stay on the screen; of more, only a summary does.
const FEW: usize = 8;

const BAR: usize = 20;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How wide lines are on a terminal of so many columns. A line that fills the last one would wrap on some.
pub(super) fn width(columns: usize) -> usize {
    columns.saturating_sub(1).min(WIDEST)
}

/// What stays of a step that has ended.
pub(super) fn settled(step: &Branch, now: SystemTime, width: usize) -> Vec<String> {
    let mut lines = vec![step_row(step, now).render(width)];
    let few = step.leaves.len() <= FEW;
    let shown = step.leaves.iter().filter(|leaf| few || leaf.has_failed());
    lines.extend(shown.map(|leaf| leaf_row(leaf, now).render(width)));
    let failed = step.end.as_ref().is_some_and(|end| end.state == StepState::Failed);
    let slowest = step.leaves.iter().max_by_key(|leaf| leaf.took(now));
    if let Some(slowest) = slowest.filter(|_| !few && !failed) {
        let text = format!("{}, slowest: {}", resources(step.leaves.len()), slowest.title());
        lines.push(Row { took: Some(slowest.took(now)), ..Row::aside(text) }.render(width));
    }
    lines
}

/// The steps that go on, and those that ended after them, in at most `height` lines.
pub(super) fn frame(steps: &[Branch], now: SystemTime, width: usize, height: usize) -> Vec<String> {
    let ended: Vec<_> = steps.iter().map(|step| step.end.as_ref().map(|_| settled(step, now, width))).collect();
    let taken: usize = ended.iter().map(|lines| lines.as_ref().map_or(1, Vec::len)).sum();
    let mut room = height.saturating_sub(taken);
    let mut lines = Vec::new();
    for (step, ended) in steps.iter().zip(ended) {
        if let Some(ended) = ended {
            lines.extend(ended);
            continue;
        }
        lines.push(step_row(step, now).render(width));
        let rows = leaf_rows(&step.leaves, now, room);
        room -= rows.len();
        lines.extend(rows.into_iter().map(|row| row.render(width)));
    }
    lines.split_off(lines.len().saturating_sub(height))
}

/// At most `room` rows: what failed before what goes on before what was done last, in the order of their beginnings.
fn leaf_rows(leaves: &[Leaf], now: SystemTime, room: usize) -> Vec<Row> {
    if leaves.len() <= room {
        return leaves.iter().map(|leaf| leaf_row(leaf, now)).collect();
    }
    let Some(room) = room.checked_sub(1) else { return Vec::new() };
    let mut order: Vec<_> = leaves.iter().enumerate().collect();
    order.sort_by_key(|(_, leaf)| (!leaf.has_failed(), leaf.ended.is_some(), Reverse(leaf.ended)));
    let (shown, hidden) = order.split_at_mut(room);
    shown.sort_by_key(|(index, _)| *index);
    let mut rows = vec![Row::aside(summary(hidden.iter().map(|(_, leaf)| *leaf)))];
    rows.extend(shown.iter().map(|(_, leaf)| leaf_row(leaf, now)));
    rows
}

/// `… 17 done, 3 under way`: what there is no room for.
fn summary<'a>(hidden: impl Iterator<Item = &'a Leaf>) -> String {
    let (mut failed, mut running, mut done) = (0, 0, 0);
    for leaf in hidden {
        *if leaf.has_failed() {
            &mut failed
        } else if leaf.ended.is_none() {
            &mut running
        } else {
            &mut done
        } += 1;
    }
    let counts = [(failed, "failed"), (done, "done"), (running, "under way")];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} more {what}"));
    format!("… {}", counts.collect::<Vec<_>>().join(", "))
}

fn step_row(step: &Branch, now: SystemTime) -> Row {
    let (mark, addition) = match &step.end {
        None => (spinner(now), &step.detail),
        Some(end) => (ending(end.state), &end.note),
    };
    let text = if addition.is_empty() { step.what.clone() } else { format!("{}: {addition}", step.what) };
    let tally = step.tally().filter(|_| step.end.is_none());
    let notes = tally.map(|tally| step_notes(tally, step.eta(now))).unwrap_or_default();
    Row { indent: 0, mark, text, faint: false, notes, took: Some(step.took(now)) }
}

/// How far it is, in as many words as there is room for.
fn step_notes(Tally { done, of, undoing }: Tally, eta: Option<Duration>) -> Vec<String> {
    if undoing {
        let red = |text: String| style(text).for_stderr().red().to_string();
        return vec![red(format!("undoing {done} of {of}")), red(format!("undoing {done}/{of}"))];
    }
    let eta = eta.map(|eta| eta.as_secs_f64());
    let words = eta.map(|eta| format!("  {}", ui::eta(eta))).unwrap_or_default();
    let sign = eta.map(|eta| format!("  {}", ui::eta_sign(eta))).unwrap_or_default();
    let full = done * BAR / of;
    let bar = style("━".repeat(full)).for_stderr().cyan().to_string();
    let rest = style("─".repeat(BAR - full)).for_stderr().dim();
    vec![
        format!("{bar}{rest}  {done} of {of}{words}"),
        format!("{done} of {of}{words}"),
        format!("{done}/{of}{sign}"),
        format!("{done}/{of}"),
    ]
}

fn leaf_row(leaf: &Leaf, now: SystemTime) -> Row {
    let (mark, why) = match &leaf.change.state {
        ResourceState::InProgress => (spinner(now), String::new()),
        ResourceState::Done => (ending(StepState::Done), String::new()),
        ResourceState::Kept => (ending(StepState::Skipped), String::new()),
        ResourceState::GivenUp => (ending(StepState::Skipped), ": given up".into()),
        ResourceState::Failed { reason } => (ending(StepState::Failed), format!(": {reason}")),
    };
    let yellow = |text: String| style(text).for_stderr().yellow().to_string();
    let overrun = leaf.overrun(now).map(|times| vec![yellow(format!("{times}x usual")), yellow(format!("{times}x"))]);
    let faint = leaf.ended.is_some() && !leaf.has_failed();
    let text = leaf.title() + &why;
    Row { indent: 2, mark, text, faint, notes: overrun.unwrap_or_default(), took: Some(leaf.took(now)) }
}

type Mark = StyledObject<&'static str>;

fn spinner(now: SystemTime) -> Mark {
    let tenths = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() / 100;
    style(SPINNER[tenths as usize % SPINNER.len()]).for_stderr().cyan()
}

fn ending(state: StepState) -> Mark {
    match state {
        StepState::Failed => style("✗").for_stderr().red(),
        StepState::Skipped => style("-").for_stderr().dim(),
        _ => style("✓").for_stderr().green(),
    }
}

/// One line: mark and text on the left, a note and the stopwatch on the right.
struct Row {
    indent: usize,
    mark: Mark,
    text: String,
    faint: bool,
    /// Ways to say the same, the longest first: the first one is taken that leaves enough of the text.
    notes: Vec<String>,
    took: Option<Duration>,
}

impl Row {
    /// Something said by the way, below a step.
    fn aside(text: String) -> Self {
        Self { indent: 2, mark: style(" ").for_stderr(), text, faint: true, notes: Vec::new(), took: None }
    }

    fn render(&self, width: usize) -> String {
        let took = self.took.map(|took| ui::duration(took.as_secs())).unwrap_or_default();
        let left = self.indent + 2;
        let needed = left + measure_text_width(&self.text).min(width * 2 / 5) + 2 + took.len();
        let note = self.notes.iter().find(|note| needed + 2 + measure_text_width(note) <= width);
        let note = note.map(|note| format!("  {note}")).unwrap_or_default();
        // The notes of all rows end in one column, however long the stopwatch has run.
        let column = if width < 60 { took.len() } else { 6 };
        let right = format!("{note}  {took:>column$}");
        let text = fit(&self.text, width.saturating_sub(left + measure_text_width(&note) + 2 + column.max(took.len())));
        let text = if self.faint { style(text).for_stderr().dim() } else { style(text).for_stderr() };
        let line =
            format!("{:indent$}{} {text}{}", "", self.mark, style(right).for_stderr().dim(), indent = self.indent);
        // On a terminal that is not even wide enough for the stopwatch.
        truncate_str(line.trim_end(), width, "").into_owned()
    }
}

/// The text in exactly `room` columns.
fn fit(text: &str, room: usize) -> String {
    let blank = room.saturating_sub(measure_text_width(text));
    if measure_text_width(text) <= room {
        return format!("{text}{:blank$}", "");
    }
    let mut fitting = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += measure_text_width(c.encode_utf8(&mut [0; 4]));
        if used >= room {
            break;
        }
        fitting.push(c);
    }
    fitting = format!("{}…", fitting.trim_end());
    let blank = room.saturating_sub(measure_text_width(&fitting));
    format!("{fitting}{:blank$}", "")
}
