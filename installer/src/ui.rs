//! What people see: results on stdout, everything else on stderr.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use console::{Style, style};
use indicatif::{ProgressBar, ProgressStyle};
use runvoy_api::{id::parse_rfc3339, status::Status};
use serde::Serialize;
use time::OffsetDateTime;

use crate::{
    error::{Error, Result},
    exit, fold,
};

/// Nobody reads our stdout any more (`runvoy list | head -1`).
#[derive(Debug)]
pub struct OutputClosed;

impl Display for OutputClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stdout is closed")
    }
}

impl std::error::Error for OutputClosed {}

/// Writes to stdout, at once.
pub fn write(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Error::from(OutputClosed).exit(exit::BROKEN_PIPE),
        _ => Error::from(error).context("can't write to stdout"),
    })
}

/// Writes one line to stdout.
pub fn line(text: impl Display) -> Result<()> {
    write(&format!("{text}\n"))
}

/// Writes a result to stdout as JSON.
pub fn json(value: &impl Serialize) -> Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Writes one of several results to stdout: an object with its type, in one line.
pub fn event(kind: &str, value: &impl Serialize) -> Result<()> {
    let mut event = serde_json::Map::from_iter([("type".to_owned(), kind.into())]);
    if let serde_json::Value::Object(fields) = serde_json::to_value(value)? {
        event.extend(fields);
    }
    line(serde_json::to_string(&event)?)
}

/// Says something on stderr, in the columns that its terminal has.
pub fn note(text: impl Display) {
    // A closed stderr is no reason to fail: there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{}", fold::shown(&text.to_string()));
}

/// Says on stderr what may be wrong.
pub fn warn(text: impl Display) {
    note(format_args!("{} {text}", warning_label()));
}

/// What a warning on stderr begins with.
pub fn warning_label() -> impl Display {
    style("warning:").for_stderr().yellow().bold()
}

/// One labelled line of an error, made safe to show.
pub fn error_line(label: &str, text: &str) {
    let label = match label {
        "error:" => style(label).for_stderr().red().bold(),
        "hint:" => style(label).for_stderr().cyan().bold(),
        _ => style(label).for_stderr().dim(),
    };
    let text: Vec<_> = text.lines().map(printable).collect();
    note(format_args!("{label} {}", without_keys(&text.join("\n"))));
}

/// Whether a person can be asked: prompts are shown on stderr and answered on stdin.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A line on stderr that turns while something is waited for; nothing without a terminal.
pub fn spinner(message: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {msg} {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Text with its control characters escaped: what others wrote must not steer this terminal.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect::<String>().into()
}

/// A word as a shell reads it: in quotes where it needs them.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The last net under every error message: a key that strayed into one is not shown.
pub fn without_keys(text: &str) -> String {
    const PREFIX: &str = "sk_live_";
    let mut parts = text.split(PREFIX);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str(PREFIX);
        let rest = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        shown.push_str(if rest.len() + 8 <= part.len() { "…" } else { &part[..part.len() - rest.len()] });
        shown.push_str(rest);
    }
    shown
}

/// `3m ago`, from a time as the API spells it. What is no time is shown as it is.
pub fn ago(at: &str) -> String {
    let Some(time) = parse_rfc3339(at) else { return printable(at).into_owned() };
    let seconds = (OffsetDateTime::now_utc() - time).whole_seconds();
    match seconds {
        // Clocks differ a little: what has just happened may seem to lie ahead.
        -59..5 => "just now".into(),
        5.. => format!("{} ago", span(seconds.unsigned_abs())),
        _ => format!("in {}", span(seconds.unsigned_abs())),
    }
}

/// `3m`, `2h`, `5d`: a span in its largest unit.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `4s`, `3m 05s`, `2h 10m`: how long something took.
pub fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `about 40 s`: the same of what has not begun.
pub fn about(seconds: f64) -> String {
    roughly(seconds).map_or_else(|| "a few seconds".into(), |time| format!("about {time}"))
}

/// `about 40 s left`: a guess, no more exact than guesses are.
pub fn eta(seconds: f64) -> String {
    match roughly(seconds) {
        Some(time) => format!("about {time} left"),
        None => "a few seconds left".into(),
    }
}

/// [`eta`] where there is no room for words: `~40 s`.
pub fn eta_sign(seconds: f64) -> String {
    format!("~{}", roughly(seconds).as_deref().unwrap_or("5 s"))
}

/// None for hardly anything.
fn roughly(seconds: f64) -> Option<String> {
    match seconds.round() as u64 {
        0..=7 => None,
        seconds @ ..55 => Some(format!("{} s", seconds.div_ceil(5) * 5)),
        seconds @ ..175 => Some(duration(seconds.div_ceil(10) * 10)),
        seconds => Some(format!("{} min", seconds.div_ceil(60))),
    }
}

/// An amount of US dollars, with as many digits as a small one needs.
pub fn dollars(amount: f64) -> String {
    if amount >= 1.0 { format!("${amount:.2}") } else { format!("${amount:.4}") }
}

/// The colour of a status.
pub fn status_style(status: Status) -> Style {
    match status {
        Status::Completed => Style::new().green(),
        Status::Failed | Status::TimedOut | Status::Lost => Style::new().red(),
        Status::Stopped | Status::Stopping => Style::new().yellow(),
        Status::Running => Style::new().cyan(),
        Status::Queued | Status::Starting | Status::Unknown => Style::new().dim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cut_out_of_any_text() {
        let text = format!("bad value sk_live_{} at line 3, see `sk_live_`", "a1".repeat(32));
        assert_eq!(without_keys(&text), "bad value sk_live_… at line 3, see `sk_live_`");
    }

    #[test]
    fn spans_are_short() {
        assert_eq!([5, 59, 60, 3599, 3600, 172_800].map(span), ["5s", "59s", "1m", "59m", "1h", "2d"]);
        assert_eq!([5, 65, 3600].map(duration), ["5s", "1m 05s", "1h 00m"]);
        assert_eq!([0.00123, 12.5].map(dollars), ["$0.0012", "$12.50"]);
        assert_eq!(
            [2.0, 7.6, 31.0, 56.0, 118.2, 181.0].map(eta_sign),
            ["~5 s", "~10 s", "~35 s", "~1m 00s", "~2m 00s", "~4 min"]
        );
        assert_eq!([2.0, 31.0].map(eta), ["a few seconds left", "about 35 s left"]);
        assert_eq!(ago("not a time\u{7}"), "not a time\\u{7}");
    }

    #[test]
    fn words_come_back_from_a_shell_as_they_were() {
        assert_eq!(shell_word("./runvoy-export-x-20261121T100834Z"), "./runvoy-export-x-20261121T100834Z");
        assert_eq!(shell_word("my data"), "'my data'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(printable("plain äß"), "plain äß");
        assert_eq!(printable("a\n\t\u{1b}[2J"), "a\\n\\t\\u{1b}[2J");
    }
}
