//! Log events, and the lines that were written.

/// What the scripts write after the last line of each stream: see the end of `executor-image/scripts/run.sh`.
const END: &str = "\u{1e}\u{4}";

/// The line that an event stands for; none if it is only the end of a log. Each event keeps its line's end, so that the log
/// driver drops no empty line; those of older tasks have none.
pub fn written(message: &str) -> Option<&str> {
    let line = message.strip_suffix('\n').unwrap_or(message);
    match line.strip_suffix(END) {
        Some("") => None,
        Some(last) => Some(last),
        None => Some(line),
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn a_line_is_as_it_was_written() {
        for (message, line) in [
            ("text\n", Some("text")),
            ("\n", Some("")),
            (" \n", Some(" ")),
            ("of an older task", Some("of an older task")),
            ("\u{1e}\u{4}\n", None),
            ("no newline at its end\u{1e}\u{4}\n", Some("no newline at its end")),
        ] {
            assert_eq!(written(message), line, "{message:?}");
        }
    }

    #[test]
    fn both_scripts_end_so() {
        for script in [
            include_str!("../../executor-image/scripts/run.sh"),
            include_str!("../../executor-image/scripts/prepare.sh"),
        ] {
            assert_eq!(script.matches(r"printf '\036\004\n\036\004\n'").count(), 2);
        }
    }
}
