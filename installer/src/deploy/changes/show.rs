//! Changes on stderr, by what they belong to.

use console::style;

use super::{Action, Change, Replacement, Stage, is_code_only};
use crate::{templates::Group, ui};

/// Shows the changes on stderr, and the updates that they take if it is more than one.
pub fn show(changes: &[Change], stages: &[Stage]) {
    for line in lines(changes).into_iter().chain(steps(stages)) {
        ui::note(line);
    }
}

pub(super) fn steps(stages: &[Stage]) -> Vec<String> {
    if stages.is_empty() {
        return vec![];
    }
    let why =
        format!("AWS makes or removes one index of a table at a time, so that this takes {} updates:", stages.len());
    let numbered =
        stages.iter().zip(1..).map(|(stage, number)| format!("  {number} of {}: {}", stages.len(), stage.what));
    [why].into_iter().chain(numbered).collect()
}

pub(super) fn lines(changes: &[Change]) -> Vec<String> {
    if changes.is_empty() {
        return vec!["nothing changes".into()];
    }
    let history = format!("{}: no change", Group::History);
    if is_code_only(changes) {
        return vec![format!("{}: new code, in place; nothing else changes", Group::Api), history];
    }
    let (told, silent): (Vec<_>, Vec<_>) = changes.iter().partition(|change| !change.derived && !change.is_note());
    if told.is_empty() {
        return vec!["only what is remembered of it changes: all that runs stays as it is".into(), history];
    }
    let mut groups: Vec<Group> = Vec::new();
    for change in &told {
        if !groups.contains(&change.group) {
            groups.push(change.group);
        }
    }
    groups.sort();
    let mut lines = Vec::new();
    if !groups.contains(&Group::History) {
        lines.push(history);
    }
    for group in groups {
        lines.push(style(format!("{group}:")).for_stderr().bold().to_string());
        lines.extend(told.iter().filter(|change| change.group == group).map(|change| line(change)));
    }
    if !silent.is_empty() {
        let count = silent.len();
        let text = format!("{count} more: descriptions only, or looked at again because of what they refer to");
        lines.push(style(text).for_stderr().dim().to_string());
    }
    lines
}

fn line(change: &Change) -> String {
    let Change { what, .. } = change;
    let (mark, text) = match (change.action, change.replacement) {
        (Action::Add, _) => (style("+").green(), format!("new: {what}")),
        (Action::Import, _) => (style("+").green(), format!("adopted as it is: {what}")),
        (Action::Remove, _) if change.kept => (style("-").yellow(), format!("let go, and left in the account: {what}")),
        (Action::Remove, _) => (style("-").red(), format!("removed: {what}")),
        (_, Replacement::No) => (style("~").cyan(), format!("{what}: {}, in place", property_names(change))),
        (_, Replacement::Maybe) => {
            (style("!").yellow(), format!("{what}: {}, may be replaced", property_names(change)))
        }
        (_, Replacement::Yes) => (style("!").red(), format!("{what}: {}, replaced", property_names(change))),
    };
    let iam = if change.kind.starts_with("AWS::IAM::") {
        format!(" {}", style("(IAM: who may do what)").for_stderr().yellow())
    } else {
        String::new()
    };
    format!("  {} {text}{iam}", mark.for_stderr())
}

fn property_names(change: &Change) -> String {
    let name = |property: &String| match (change.kind.as_str(), property.as_str()) {
        ("AWS::Lambda::Function", "Code") => "new code".to_owned(),
        ("AWS::IAM::Role", "Policies" | "ManagedPolicyArns") => "what it allows".to_owned(),
        ("AWS::IAM::Role", "AssumeRolePolicyDocument") => "who may take it on".to_owned(),
        (_, property) => format!("`{property}`"),
    };
    let names: Vec<_> = change.properties.iter().map(name).collect();
    if names.is_empty() { "changes".into() } else { names.join(", ") }
}
