//! Tables on stdout.

use console::{Alignment, Style, StyledObject, Term, measure_text_width, pad_str, truncate_str};

use crate::{
    error::Result,
    ui::{self, printable},
};

const GAP: &str = "  ";
/// No column is cut to less than this.
const NARROWEST: usize = 10;

/// Rows of text under a header, as wide as the terminal at most; as wide as they need without one.
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

/// One value, and how it is coloured on a terminal.
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A coloured value.
    pub fn styled(text: impl ToString, style: Style) -> Self {
        Self { text: printable(&text.to_string()).into_owned(), style }
    }
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::styled(text, Style::new())
    }
}

impl Table {
    /// A table without rows.
    pub fn new(header: impl Into<Vec<&'static str>>) -> Self {
        Self { header: header.into(), rows: Vec::new() }
    }

    /// Adds a row with a cell for each column.
    pub fn push(&mut self, row: impl Into<Vec<Cell>>) {
        self.rows.push(row.into());
    }

    /// Prints the table on stdout.
    pub fn print(&self) -> Result<()> {
        let terminal = Term::stdout();
        let width = terminal.features().is_attended().then(|| terminal.size_checked()).flatten();
        ui::write(&self.render(width.map(|(_, columns)| columns.into())))
    }

    fn render(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let header = self.header.iter().map(|title| Style::new().bold().apply_to((*title).to_owned()));
        let mut text = line(header, &widths);
        for row in &self.rows {
            text.push_str(&line(row.iter().map(|cell| cell.style.apply_to(cell.text.clone())), &widths));
        }
        text
    }

    /// What each column needs, cut where that is more than there is: the widest one first, never the first column.
    fn widths(&self, available: Option<usize>) -> Vec<usize> {
        let need = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let widest = cells.map(|cell| measure_text_width(&cell.text)).max().unwrap_or(0);
            widest.max(self.header[column].len())
        };
        let mut widths: Vec<_> = (0..self.header.len()).map(need).collect();
        let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        while available.is_some_and(|available| total(&widths) > available) {
            match widths.iter_mut().skip(1).max_by_key(|width| **width) {
                Some(width) if *width > NARROWEST => *width -= 1,
                _ => break,
            }
        }
        widths
    }
}

/// A place on the terminal in which one table follows another.
pub struct Screen {
    terminal: Term,
    shown: usize,
}

impl Screen {
    /// Nothing is shown yet.
    pub fn new() -> Self {
        Self { terminal: Term::stdout(), shown: 0 }
    }

    /// Whether there is a terminal.
    pub fn is_attended(&self) -> bool {
        self.terminal.features().is_attended()
    }

    /// Puts the table where the one before was, as much of it as there are rows on the terminal.
    pub fn show(&mut self, table: &Table) -> Result<()> {
        let (rows, columns) = self.terminal.size();
        let text = table.render(Some(columns.into()));
        let lines: Vec<_> = text.lines().take(usize::from(rows).saturating_sub(1)).collect();
        let up = if self.shown > 0 { format!("\r\x1b[{}A\x1b[J", self.shown) } else { String::new() };
        self.shown = lines.len();
        ui::write(&format!("{up}{}\n", lines.join("\n")))
    }
}

fn line(cells: impl Iterator<Item = StyledObject<String>>, widths: &[usize]) -> String {
    let cells = cells.zip(widths).map(|(cell, &width)| {
        let text = cell.to_string();
        pad_str(&truncate_str(&text, width, "…"), width, Alignment::Left, None).into_owned()
    });
    let line = cells.collect::<Vec<_>>().join(GAP);
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(["ID", "USER", "COMMAND"]);
        table.push(["exec_1".into(), "alice@example.com".into(), "echo a very long command indeed".into()]);
        table.push(["exec_22".into(), "bob".into(), "printf 'a\nb\u{1b}[31m'".into()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_control_characters_shown() {
        let expected = "\
ID       USER               COMMAND
exec_1   alice@example.com  echo a very long command indeed
exec_22  bob                printf 'a\\nb\\u{1b}[31m'
";
        assert_eq!(sample().render(None), expected);
    }

    #[test]
    fn the_widest_columns_give_way_first() {
        let text = sample().render(Some(40));
        assert!(text.lines().all(|line| measure_text_width(line) <= 40), "{text}");
        assert!(text.contains("exec_22  bob") && text.contains('…'), "{text}");
    }
}
