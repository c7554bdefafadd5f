use time::{Duration, OffsetDateTime};

use crate::proxy::stacks::view::EventXml;

/// A scripted event of one resource of a stack.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its logical id.
    pub logical: String,
    /// Its type, such as `AWS::DynamoDB::Table`.
    pub kind: String,
    /// Such as `CREATE_FAILED`.
    pub status: String,
    /// Why; may be empty.
    pub reason: String,
}

impl Event {
    /// An event with a reason.
    pub fn failed(logical: &str, kind: &str, status: &str, reason: &str) -> Self {
        let [logical, kind, status, reason] = [logical, kind, status, reason].map(str::to_owned);
        Self { logical, kind, status, reason }
    }

    /// An event without one.
    pub fn new(logical: &str, kind: &str, status: &str) -> Self {
        Self::failed(logical, kind, status, "")
    }
}

/// One status in a stack's story.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// None for what the engine says.
    pub status: Option<String>,
    pub reason: String,
    /// Calls that end it.
    pub until: Vec<String>,
    /// How often it is still shown.
    pub polls: Option<usize>,
    pub events: Vec<Event>,
    /// The caller's token of the operation that it belongs to; may be empty.
    pub token: String,
    pub entered: Option<OffsetDateTime>,
}

impl Stage {
    pub fn new(status: Option<&str>, reason: &str) -> Self {
        let (status, reason) = (status.map(str::to_owned), reason.to_owned());
        let (until, events, token) = (Vec::new(), Vec::new(), String::new());
        Self { status, reason, until, polls: None, events, token, entered: None }
    }

    /// The events since it was entered, newest first. The stack's own is the first of an operation and the last of an end.
    pub fn events(&self, stack_id: &str, stack_name: &str) -> Vec<String> {
        let (Some(status), Some(entered)) = (&self.status, self.entered) else { return Vec::new() };
        let own = Event::failed(stack_name, "AWS::CloudFormation::Stack", status, &self.reason);
        let begins = status.ends_with("_IN_PROGRESS");
        let before = begins.then_some(&own);
        let after = (!begins).then_some(&own);
        let oldest_first = before.into_iter().chain(&self.events).chain(after);
        let mut events = (0_i64..)
            .zip(oldest_first)
            .map(|(index, event)| {
                let is_own = event.logical == stack_name;
                let at = entered + Duration::microseconds(index);
                let Event { logical, kind, status, reason } = event;
                let physical = if is_own { stack_id } else { "" };
                EventXml { stack_id, stack_name, logical, physical, kind, status, reason, token: &self.token, at }
                    .to_string()
            })
            .collect::<Vec<_>>();
        events.reverse();
        events
    }
}
