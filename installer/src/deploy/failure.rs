//! Why a stack's operation failed: the first cause, not its consequences.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::{
    operation::describe_events::builders::DescribeEventsFluentBuilder,
    types::{EventFilter, OperationEvent, StackEvent},
};

use crate::{aws::Aws, error::Error, ui};

/// What went wrong first.
pub(super) struct Failure {
    what: String,
    reason: String,
}

impl Failure {
    /// From the event of a resource, unless AWS gave it up only because another one had failed.
    pub(super) fn of_resource(event: &StackEvent, descriptions: &BTreeMap<String, String>) -> Option<Self> {
        let reason = event.resource_status_reason().unwrap_or("AWS gave no reason");
        let logical = event.logical_resource_id().unwrap_or_default();
        let what = describe(logical, event.resource_type(), descriptions);
        (!is_consequence(reason)).then(|| Self { what, reason: ui::printable(reason).into_owned() })
    }

    /// What AWS found wrong with a stack before it touched anything: no event of the stack tells.
    pub(super) async fn of_stack(aws: &Aws, stack: &str, descriptions: &BTreeMap<String, String>) -> Option<Self> {
        Self::of_validation(aws.cloudformation().describe_events().stack_name(stack), descriptions).await
    }

    /// The same, for a change set.
    pub(super) async fn of_change_set(aws: &Aws, id: &str, descriptions: &BTreeMap<String, String>) -> Option<Self> {
        Self::of_validation(aws.cloudformation().describe_events().change_set_name(id), descriptions).await
    }

    async fn of_validation(
        request: DescribeEventsFluentBuilder,
        descriptions: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let failed = EventFilter::builder().failed_events(true).build();
        // It only adds to an error that is told anyway.
        let reply = request.filters(failed).send().await.ok()?;
        reply.operation_events().iter().find_map(|event: &OperationEvent| {
            let what = describe(event.logical_resource_id()?, event.resource_type(), descriptions);
            let reason = event.validation_status_reason().or(event.resource_status_reason())?;
            Some(Self { what, reason: ui::printable(reason).into_owned() })
        })
    }

    /// As an error.
    pub(super) fn into_error(self) -> Error {
        Error::new(self.reason).context(self.what)
    }
}

/// A resource that AWS gave up only because another one had failed.
fn is_consequence(reason: &str) -> bool {
    reason.contains("cancelled")
}

fn describe(logical: &str, kind: Option<&str>, descriptions: &BTreeMap<String, String>) -> String {
    let kind = kind.unwrap_or("resource");
    match descriptions.get(logical) {
        Some(description) => format!("{description} (`{kind}`, `{logical}`)"),
        None => format!("`{logical}` (`{kind}`)"),
    }
}
