//! Text in the columns that a terminal has.

use console::{Term, measure_text_width};

/// Below so many columns, labels get lines of their own.
pub const NARROW: usize = 60;

/// The columns that stderr's terminal has for text; none where there is no terminal.
pub fn columns() -> Option<usize> {
    of(&Term::stderr())
}

/// The same of stdout's.
pub fn stdout_columns() -> Option<usize> {
    of(&Term::stdout())
}

/// A line that fills the last column would wrap on some.
fn of(term: &Term) -> Option<usize> {
    let (_, columns) = term.size_checked()?;
    Some(usize::from(columns).saturating_sub(1).max(1))
}

/// Breaks a text at spaces into lines of at most `width` columns. What stands in backticks and addresses stay in one piece,
/// so that they can be copied; other words that are too long are cut.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut quoted = false;
    let is_break = |c: char| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    };
    let mut lines = vec![String::new()];
    for word in text.split(is_break).filter(|word| !word.is_empty()).flat_map(|word| cut(word, width)) {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) if measure_text_width(line) + 1 + measure_text_width(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Folds each line of a text that is wider than `width`. What goes on is set in a little further.
pub fn fold(text: &str, width: usize) -> Vec<String> {
    let fold = |line: &str| {
        if measure_text_width(line) <= width {
            return vec![line.to_owned()];
        }
        let blank = line.len() - line.trim_start_matches(' ').len();
        let indent = |(i, line): (usize, String)| format!("{:1$}{line}", "", blank + if i == 0 { 0 } else { 2 });
        wrap(line, width.saturating_sub(blank + 2)).into_iter().enumerate().map(indent).collect()
    };
    text.split('\n').flat_map(fold).collect()
}

/// [`fold`] where stderr is a terminal; elsewhere lines stay whole.
pub fn shown(text: &str) -> String {
    columns().map_or_else(|| text.to_owned(), |width| fold(text, width).join("\n"))
}

fn cut(word: &str, width: usize) -> Vec<String> {
    if measure_text_width(word) <= width || word.contains(['`', '\x1b']) || word.contains("://") {
        return vec![word.to_owned()];
    }
    let letters: Vec<_> = word.chars().collect();
    letters.chunks(width).map(String::from_iter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_go_on_further_in() {
        assert_eq!(fold("one two three", 20), ["one two three"]);
        assert_eq!(fold("one two three", 7), ["one", "  two", "  three"]);
        assert_eq!(
            fold("  k  keep running: AWS goes on\nnext", 16),
            ["  k keep", "    running: AWS", "    goes on", "next"]
        );
    }

    #[test]
    fn what_can_be_copied_stays_in_one_piece() {
        let text = "run `runvoy init --update` or see https://example.com/a/long/way now";
        assert_eq!(
            wrap(text, 12),
            ["run", "`runvoy init --update`", "or see", "https://example.com/a/long/way", "now"]
        );
        assert_eq!(wrap("arn:aws:iam::123", 6), ["arn:aw", "s:iam:", ":123"]);
        assert_eq!(wrap("", 6), [""]);
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(fold("\x1b[33mwarning:\x1b[0m no", 11), ["\x1b[33mwarning:\x1b[0m no"]);
    }
}
