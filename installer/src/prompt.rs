//! Questions at a terminal, which fit it however narrow it is. `dialoguer` counts on lines that do not wrap, so that only
//! the last line of a longer question is its own.

use dialoguer::{Confirm, Input, MultiSelect, Select};

use crate::{
    error::Result,
    fold::{self, fold, wrap},
    ui,
};

/// Room for an answer beside its question.
const ROOM: usize = 24;

/// One of several, by its place in the list.
pub fn select(question: &str, items: &[&str], default: usize) -> Result<usize> {
    let width = fold::columns().unwrap_or(usize::MAX);
    // A mark of two columns goes before each.
    let item = |item: &&str| wrap(item, width.saturating_sub(4)).join("\n    ");
    let select = Select::new().with_prompt(last_line(question, 0)).items(items.iter().map(item));
    let chosen = select.default(default).report(false).interact()?;
    ui::note(format_args!("{question}: {}", items.get(chosen).copied().unwrap_or_default()));
    Ok(chosen)
}

/// At least one of several, by their places in the list.
pub fn several(question: &str, items: &[&str], chosen: &[bool]) -> Result<Vec<usize>> {
    let width = fold::columns().unwrap_or(usize::MAX);
    let question = format!("{question} (space marks, Enter takes what is marked)");
    loop {
        let item = |item: &&str| wrap(item, width.saturating_sub(8)).join("\n      ");
        let select = MultiSelect::new().with_prompt(last_line(&question, 0)).items(items.iter().map(item));
        let chosen = select.defaults(chosen).report(false).interact()?;
        if !chosen.is_empty() {
            let names: Vec<_> = chosen.iter().filter_map(|index| items.get(*index).copied()).collect();
            ui::note(format_args!("chosen: {}", names.join("; ")));
            return Ok(chosen);
        }
        ui::note("mark at least one");
    }
}

/// Yes or no.
pub fn confirm(question: &str, default: bool) -> Result<bool> {
    Ok(Confirm::new().with_prompt(last_line(question, " [Y/n] ".len())).default(default).interact()?)
}

/// A text that passes the check.
pub fn input(question: &str, default: Option<&str>, check: impl Fn(&str) -> Result<(), String>) -> Result<String> {
    let beside = default.map_or(0, |default| default.len() + " []: ".len());
    let is_long = fold::columns().is_some_and(|width| beside + ROOM > width);
    let room = if is_long { ROOM } else { beside + ROOM };
    let mut input = Input::<String>::new().with_prompt(last_line(question, room)).show_default(!is_long);
    if let Some(default) = default {
        input = input.default(default.to_owned());
        if is_long {
            ui::note(format_args!("  Enter takes {default}"));
        }
    }
    let check =
        |text: &String| check(text).map_err(|problem| fold::shown(&format!("error: {problem}"))[7..].to_owned());
    Ok(input.validate_with(check).interact_text()?)
}

/// Shows all of a question but its last line, which has so much room beside it.
fn last_line(question: &str, room: usize) -> String {
    let Some(width) = fold::columns() else { return question.to_owned() };
    if question.len() + room <= width {
        return question.to_owned();
    }
    let mut lines = fold(question, width);
    let fits = |line: &mut String| console::measure_text_width(line) + room <= width;
    let last = lines.pop_if(fits).unwrap_or_else(|| "  answer".to_owned());
    if !lines.is_empty() {
        ui::note(lines.join("\n"));
    }
    last
}
