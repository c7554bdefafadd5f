//! CloudFormation's XML, as far as we write it ourselves.

use std::fmt::{self, Display};

use runvoy_api::infra;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::proxy::reply::escape;
use crate::proxy::script::{Canned, Validation};

/// One event of DescribeStackEvents.
pub(in crate::proxy) struct EventXml<'a> {
    pub stack_id: &'a str,
    pub stack_name: &'a str,
    pub logical: &'a str,
    pub physical: &'a str,
    pub kind: &'a str,
    pub status: &'a str,
    pub reason: &'a str,
    /// The caller's, of the operation; may be empty.
    pub token: &'a str,
    pub at: OffsetDateTime,
}

impl Display for EventXml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack_id, stack_name, logical, physical, kind, status, reason, token, at } = self;
        let (at, reason) = (timestamp(*at), escape(reason));
        let token = if token.is_empty() {
            String::new()
        } else {
            format!("<ClientRequestToken>{}</ClientRequestToken>", escape(token))
        };
        // Readers tell events apart by id.
        write!(
            f,
            "<StackId>{stack_id}</StackId><StackName>{stack_name}</StackName><EventId>{logical}-{status}-{at}</EventId>\
             <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason>{token}<Timestamp>{at}</Timestamp>"
        )
    }
}

/// As AWS writes times: to the millisecond.
pub(super) fn timestamp(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.format(&format).unwrap_or_default()
}

/// What DescribeStacks says of a stack that the engine doesn't have.
pub(super) fn made_up_stack(stack: &Canned) -> String {
    let (id, name, deployment) = (stack.id.as_deref().unwrap_or_default(), stack.name(), &stack.deployment);
    let (at, tag) = (timestamp(stack.began), infra::TAG);
    format!(
        "<StackName>{name}</StackName><StackId>{id}</StackId><StackStatus></StackStatus>\
         <StackStatusReason></StackStatusReason><CreationTime>{at}</CreationTime><LastUpdatedTime>{at}</LastUpdatedTime>\
         <DisableRollback>false</DisableRollback><EnableTerminationProtection>false</EnableTerminationProtection>\
         <Capabilities></Capabilities><Parameters></Parameters><Outputs></Outputs>\
         <Tags><member><Key>{tag}</Key><Value>{deployment}</Value></member></Tags>"
    )
}

/// One event of DescribeEvents.
pub(super) fn validation(stack: &Canned, failed: &Validation) -> String {
    let Validation { logical, kind, name, path, reason } = failed;
    let (id, at, reason) = (stack.id.as_deref().unwrap_or_default(), timestamp(stack.began), escape(reason));
    format!(
        "<EventId>{logical}-{name}</EventId><StackId>{id}</StackId><OperationId>sandbox-{logical}</OperationId>\
         <OperationType>CREATE_CHANGESET</OperationType><EventType>VALIDATION_ERROR</EventType>\
         <LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId></PhysicalResourceId>\
         <ResourceType>{kind}</ResourceType><Timestamp>{at}</Timestamp><ValidationFailureMode>FAIL</ValidationFailureMode>\
         <ValidationName>{name}</ValidationName><ValidationStatus>FAILED</ValidationStatus>\
         <ValidationStatusReason>{reason}</ValidationStatusReason><ValidationPath>{path}</ValidationPath>"
    )
}

/// The reply to a change that is a success without more to say.
pub(super) fn accepted(action: &str, id: &str) -> String {
    let id = if matches!(action, "RollbackStack" | "UpdateStack" | "CreateStack") {
        format!("<StackId>{id}</StackId>")
    } else {
        String::new()
    };
    format!(
        "<{action}Response><{action}Result>{id}</{action}Result>\
         <ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></{action}Response>"
    )
}

/// A whole reply of one list.
pub(super) fn listing(action: &str, list: &str, members: &[String], next: Option<usize>) -> String {
    let members = members.iter().map(|member| format!("<member>{member}</member>")).collect::<String>();
    let next = next.map(|at| format!("<NextToken>sandbox:{at}</NextToken>")).unwrap_or_default();
    format!(
        "<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{action}Result>\
         <{list}>{members}</{list}>{next}</{action}Result>\
         <ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></{action}Response>"
    )
}
