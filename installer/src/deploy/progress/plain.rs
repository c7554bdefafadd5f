//! Lines for logs: no control characters, no colours.

use super::{
    event::{Event, StepState, UnderWay},
    tree::overrun,
};
use crate::ui;

/// The event as a line; none if it is not worth one.
pub(super) fn line(event: &Event) -> Option<String> {
    match event {
        Event::Step { what, state, note, seconds, eta_seconds, .. } => {
            step(what, *state, note.as_deref(), *seconds, *eta_seconds)
        }
        Event::Resource { verb, what, state, reason, seconds, usual_seconds, .. } => {
            let (mark, why) = match *state {
                "in-progress" => return None,
                "failed" => ("✗", format!(": {}", reason.as_deref().unwrap_or("AWS gave no reason"))),
                "given-up" => ("-", ": given up".to_owned()),
                "kept" => ("-", String::new()),
                _ => ("✓", String::new()),
            };
            Some(format!("  {mark} {verb} {what}{why} {}", time(*seconds, *usual_seconds)))
        }
        Event::Heartbeat { under_way } => {
            Some(format!("still at it: {}", under_way.iter().map(still).collect::<Vec<_>>().join("; ")))
        }
        _ => prose(event).map(|text| console::strip_ansi_codes(&text).into_owned()),
    }
}

/// What is written for people already.
pub(super) fn prose(event: &Event) -> Option<String> {
    match event {
        Event::Note { text } => Some(text.clone()),
        Event::Warning { text } => Some(format!("{} {text}", ui::warning_label())),
        _ => None,
    }
}

fn step(what: &str, state: StepState, note: Option<&str>, seconds: f64, eta: Option<f64>) -> Option<String> {
    let mark = match state {
        StepState::Start => return Some(format!("{what} …")),
        // Of all that it is at, only the time that it will take is worth a line.
        StepState::Detail => return eta.map(|eta| format!("  {}, {}", note.unwrap_or(what), ui::eta(eta))),
        StepState::Done => "✓",
        StepState::Skipped => "-",
        StepState::Failed => "✗",
    };
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    Some(format!("{mark} {what}{note} {}", time(seconds, None)))
}

fn still(step: &UnderWay) -> String {
    let mut text = step.what.clone();
    if let Some(detail) = &step.detail {
        text += &format!(": {detail}");
    }
    if let Some((done, of)) = step.done.zip(step.of) {
        text += &format!(": {done} of {of} done");
    }
    if let Some(eta) = step.eta_seconds {
        text += &format!(", {}", ui::eta(eta));
    }
    text += &format!(" {}", time(step.seconds, None));
    for resource in &step.resources {
        text += &format!(", {} {}", resource.what, time(resource.seconds, resource.usual_seconds));
    }
    text
}

fn time(seconds: f64, usual: Option<f64>) -> String {
    let usual = usual.and_then(|usual| overrun(seconds, usual)).map(|times| format!(", {times}x usual"));
    format!("({}{})", ui::duration(seconds as u64), usual.unwrap_or_default())
}
