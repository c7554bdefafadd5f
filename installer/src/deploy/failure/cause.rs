//! What went wrong first, among everything that failed after it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::{
    operation::describe_events::builders::DescribeEventsFluentBuilder,
    types::{EventFilter, OperationEvent, ResourceStatus, StackEvent},
};

use crate::{aws::Aws, ui};

/// A resource that failed, and what AWS said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Its logical id.
    pub logical: String,
    /// Its type.
    pub kind: String,
    /// AWS's reason, safe to show.
    pub reason: String,
}

/// The causes among an operation's events.
#[derive(Default)]
pub struct Causes {
    first: Option<Cause>,
    /// What failed while the first failure was being undone: told only if there is no other.
    later: Option<Cause>,
    undoing: bool,
}

impl Causes {
    /// Takes in the next event.
    pub fn take(&mut self, event: &StackEvent, is_stack: bool) {
        let status = event.resource_status().map(ResourceStatus::as_str).unwrap_or_default();
        if is_stack {
            self.undoing |= status.contains("ROLLBACK");
            return;
        }
        let reason = event.resource_status_reason().unwrap_or("AWS gave no reason");
        if !status.ends_with("_FAILED") || is_consequence(reason) {
            return;
        }
        let place = if self.undoing { &mut self.later } else { &mut self.first };
        if place.is_none() {
            *place = Some(Cause {
                logical: event.logical_resource_id().unwrap_or_default().to_owned(),
                kind: event.resource_type().unwrap_or("resource").to_owned(),
                reason: ui::printable(reason).into_owned(),
            });
        }
    }

    /// The first of them.
    pub fn first(self) -> Option<Cause> {
        self.first.or(self.later)
    }
}

impl Cause {
    /// What AWS found wrong with a stack before it touched anything: no event of the stack tells.
    pub async fn of_stack(aws: &Aws, id: &str) -> Option<Self> {
        Self::of_validation(aws.cloudformation().describe_events().stack_name(id)).await
    }

    /// The same, for a change set.
    pub async fn of_change_set(aws: &Aws, id: &str) -> Option<Self> {
        Self::of_validation(aws.cloudformation().describe_events().change_set_name(id)).await
    }

    async fn of_validation(request: DescribeEventsFluentBuilder) -> Option<Self> {
        let failed = EventFilter::builder().failed_events(true).build();
        // It only adds to a failure that is told anyway.
        let reply = request.filters(failed).send().await.ok()?;
        reply.operation_events().iter().find_map(Self::of_operation)
    }

    fn of_operation(event: &OperationEvent) -> Option<Self> {
        let reason = event.validation_status_reason().or(event.resource_status_reason())?;
        let path = event.validation_path().map(|path| format!(" (at `{path}`)")).unwrap_or_default();
        let cause = Self {
            logical: event.logical_resource_id()?.to_owned(),
            kind: event.resource_type().unwrap_or("resource").to_owned(),
            reason: ui::printable(&format!("{}{path}", reason.trim())).into_owned(),
        };
        (!is_consequence(reason)).then_some(cause)
    }

    /// The resource in the admin's words, with what finds it in the template.
    pub fn describe(&self, descriptions: &BTreeMap<String, String>) -> String {
        let Self { logical, kind, .. } = self;
        match descriptions.get(logical) {
            Some(description) => format!("{description} (`{kind}`, `{logical}`)"),
            None => format!("`{logical}` (`{kind}`)"),
        }
    }
}

/// Whether AWS gave a resource up only because another one had failed.
pub fn is_consequence(reason: &str) -> bool {
    let reason = reason.to_ascii_lowercase();
    reason.contains("cancelled") || reason.contains("canceled")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical: &str, status: &str, reason: &str) -> StackEvent {
        StackEvent::builder()
            .logical_resource_id(logical)
            .resource_type("AWS::X::Y")
            .resource_status(status.into())
            .resource_status_reason(reason)
            .build()
    }

    #[test]
    fn one_cause_is_found_among_ten_cancellations_and_a_failed_rollback() {
        let mut causes = Causes::default();
        for i in 0..5 {
            causes.take(&event(&format!("Early{i}"), "CREATE_FAILED", "Resource creation cancelled"), false);
        }
        causes.take(&event("Role", "CREATE_FAILED", "no right\u{1b}[2J"), false);
        for i in 0..5 {
            causes.take(&event(&format!("Late{i}"), "CREATE_FAILED", "Resource creation Canceled"), false);
        }
        causes.take(&event("Second", "CREATE_FAILED", "came later"), false);
        causes.take(&event("acme", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"), true);
        causes.take(&event("Bucket", "DELETE_FAILED", "not empty"), false);
        let first = causes.first().unwrap();
        assert_eq!((first.logical.as_str(), first.reason.as_str()), ("Role", "no right\\u{1b}[2J"));
    }

    #[test]
    fn what_fails_while_undoing_is_told_if_there_is_nothing_else() {
        let mut causes = Causes::default();
        causes.take(&event("acme", "UPDATE_ROLLBACK_IN_PROGRESS", ""), true);
        causes.take(&event("Role", "UPDATE_FAILED", "still no right"), false);
        assert_eq!(causes.first().unwrap().logical, "Role");
    }

    #[test]
    fn an_early_validation_names_the_property() {
        let found = OperationEvent::builder()
            .logical_resource_id("Table")
            .validation_status_reason("unknown key ")
            .validation_path("/Resources/Table/Properties/Nope")
            .build();
        let cause = Cause::of_operation(&found).unwrap();
        assert_eq!(cause.reason, "unknown key (at `/Resources/Table/Properties/Nope`)");
    }
}
