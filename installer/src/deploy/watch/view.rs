//! What a stack's events say, one after the other.

use std::{collections::BTreeMap, time::SystemTime};

use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent, StackStatus};

use crate::{
    deploy::{
        failure::{self, Causes},
        progress::{ResourceChange, ResourceState},
    },
    ui,
};

/// What is known of an operation from its events so far.
pub(super) struct View<'a> {
    stack: &'a str,
    descriptions: &'a BTreeMap<String, String>,
    /// Where the stack stands.
    pub(super) status: Option<StackStatus>,
    /// What AWS says about the stack's own failure.
    pub(super) reason: Option<String>,
    /// What went wrong first.
    pub(super) causes: Causes,
    /// The token that the operation was begun with.
    pub(super) token: Option<String>,
}

impl<'a> View<'a> {
    pub(super) fn new(stack: &'a str, descriptions: &'a BTreeMap<String, String>) -> Self {
        Self { stack, descriptions, status: None, reason: None, causes: Causes::default(), token: None }
    }

    /// Takes in an event; what to show of it.
    pub(super) fn take(&mut self, event: &StackEvent) -> Option<ResourceChange> {
        let status = event.resource_status().map(ResourceStatus::as_str)?;
        if self.token.is_none() {
            self.token = event.client_request_token().map(str::to_owned);
        }
        let is_stack = is_stack(event, self.stack);
        self.causes.take(event, is_stack);
        if is_stack {
            if self.reason.is_none() && (status.ends_with("_FAILED") || status.ends_with("ROLLBACK_IN_PROGRESS")) {
                self.reason = event.resource_status_reason().map(|reason| ui::printable(reason).into_owned());
            }
            self.status = Some(StackStatus::from(status));
            return None;
        }
        let logical = event.logical_resource_id().unwrap_or_default();
        Some(ResourceChange {
            logical: logical.to_owned(),
            kind: event.resource_type().unwrap_or_default().to_owned(),
            what: self.descriptions.get(logical).cloned().unwrap_or_else(|| logical.to_owned()),
            verb: verb(status),
            state: state(status, event.resource_status_reason().unwrap_or("AWS gave no reason")),
            at: event.timestamp().and_then(|at| SystemTime::try_from(*at).ok()),
        })
    }
}

/// Whether an event is about the stack itself.
pub(super) fn is_stack(event: &StackEvent, stack: &str) -> bool {
    event.physical_resource_id() == Some(stack)
}

/// Where the newest operation began, in events that are ordered newest first; none if that lies further back.
pub(super) fn beginning(newest_first: &[StackEvent], stack: &str) -> Option<usize> {
    let status =
        |event: &StackEvent| event.resource_status().map_or(String::new(), |status| status.as_str().to_owned());
    let of_stack = || newest_first.iter().enumerate().filter(|(_, event)| is_stack(event, stack));
    let (first, event) = of_stack().find(|(_, event)| {
        let status = status(event);
        matches!(
            status.as_str(),
            "CREATE_IN_PROGRESS" | "UPDATE_IN_PROGRESS" | "DELETE_IN_PROGRESS" | "IMPORT_IN_PROGRESS"
        )
    })?;
    let token = event.client_request_token();
    if status(event) != "DELETE_IN_PROGRESS" || token.is_none() {
        return Some(first);
    }
    // A creation that cleans up after itself deletes under its own token.
    let same = of_stack().take_while(|(index, event)| *index <= first || event.client_request_token() == token);
    same.last().map(|(index, _)| index)
}

fn state(status: &str, reason: &str) -> ResourceState {
    if status == "DELETE_SKIPPED" {
        ResourceState::Kept
    } else if status.ends_with("_IN_PROGRESS") {
        ResourceState::InProgress
    } else if !status.ends_with("_FAILED") {
        ResourceState::Done
    } else if failure::is_consequence(reason) {
        ResourceState::GivenUp
    } else {
        ResourceState::Failed { reason: ui::printable(reason).into_owned() }
    }
}

fn verb(status: &str) -> &'static str {
    match status.split('_').next() {
        _ if status == "DELETE_SKIPPED" => "keep",
        _ if status.contains("ROLLBACK") => "undo",
        Some("CREATE") => "create",
        Some("UPDATE") => "update",
        Some("DELETE") => "remove",
        Some("IMPORT") => "adopt",
        _ => "undo",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = "arn:aws:cloudformation:eu-west-1:123456789012:stack/acme/1";

    fn event(logical: &str, status: &str, token: &str) -> StackEvent {
        let physical = if logical == "acme" { STACK.to_owned() } else { format!("{logical}-1") };
        StackEvent::builder()
            .event_id(format!("{logical}-{status}"))
            .logical_resource_id(logical)
            .physical_resource_id(physical)
            .resource_type("AWS::X::Y")
            .resource_status(status.into())
            .client_request_token(token)
            .build()
    }

    fn begins(newest_first: &[(&str, &str, &str)]) -> Option<usize> {
        let events: Vec<_> =
            newest_first.iter().map(|(logical, status, token)| event(logical, status, token)).collect();
        beginning(&events, STACK)
    }

    #[test]
    fn an_operation_begins_with_the_stacks_own_event() {
        let update = ("acme", "UPDATE_IN_PROGRESS", "b");
        let create = ("acme", "CREATE_IN_PROGRESS", "a");
        assert_eq!(
            begins(&[("Role", "UPDATE_COMPLETE", "b"), update, ("Role", "CREATE_COMPLETE", "a"), create]),
            Some(1)
        );
        assert_eq!(begins(&[("acme", "UPDATE_ROLLBACK_IN_PROGRESS", "b"), update, create]), Some(1));
        assert_eq!(begins(&[("Role", "CREATE_COMPLETE", "a"), ("Role", "CREATE_IN_PROGRESS", "a")]), None);
    }

    #[test]
    fn a_creation_that_deletes_itself_is_one_operation_and_a_later_deletion_another() {
        let deletion = ("acme", "DELETE_IN_PROGRESS", "a");
        let rollback = ("acme", "ROLLBACK_IN_PROGRESS", "a");
        let create = ("acme", "CREATE_IN_PROGRESS", "a");
        assert_eq!(begins(&[deletion, rollback, ("Role", "CREATE_FAILED", "a"), create]), Some(3));
        assert_eq!(begins(&[("acme", "DELETE_IN_PROGRESS", "d"), rollback, create]), Some(0));
    }

    #[test]
    fn what_is_shown_is_in_the_admins_words() {
        let descriptions = BTreeMap::from([("Role".to_owned(), "permissions of the API".to_owned())]);
        let mut view = View::new(STACK, &descriptions);
        let role = view.take(&event("Role", "CREATE_IN_PROGRESS", "t")).unwrap();
        assert_eq!(
            (role.what.as_str(), role.verb, role.state),
            ("permissions of the API", "create", ResourceState::InProgress)
        );
        let table = view.take(&event("Table", "DELETE_SKIPPED", "t")).unwrap();
        assert_eq!((table.what.as_str(), table.verb, table.state), ("Table", "keep", ResourceState::Kept));
        assert_eq!(view.take(&event("acme", "CREATE_COMPLETE", "t")), None);
        assert_eq!((view.status, view.token.as_deref()), (Some(StackStatus::CreateComplete), Some("t")));
    }
}
