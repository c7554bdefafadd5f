//! AWS deletes no bucket that holds objects: the stack ends in `DELETE_FAILED`. The engine would delete both, so such a
//! deletion never reaches it, and what callers read of the stack says what AWS would say until it is deleted again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use http::Response;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::capabilities::stack_template;
use super::template::Template;
use crate::engine::EngineClient;
use crate::proxy::form::{Form, encode};
use crate::proxy::reply::{Body, element, reply};

const REASON: &str = "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)";

/// Stacks whose deletion has failed.
#[derive(Default)]
pub(super) struct FailedDeletions(Mutex<Vec<Failed>>);

#[derive(Clone)]
struct Failed {
    stack_id: String,
    stack_name: String,
    logical: String,
    bucket: String,
    at: String,
}

impl FailedDeletions {
    /// The reply to a `DeleteStack` that must fail, as AWS gives it: success, and the failure in the stack's status.
    pub async fn on_delete(&self, engine: &EngineClient, form: &Form) -> Result<Option<Response<Body>>> {
        let asked = form.get("StackName").unwrap_or_default();
        self.lock().retain(|failed| !failed.is(&asked));
        let Some(failed) = find_full_bucket(engine, &asked, form).await? else { return Ok(None) };
        self.lock().push(failed);
        let empty = "<DeleteStackResponse><ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata></DeleteStackResponse>";
        Ok(Some(reply(200, "text/xml", empty)))
    }

    /// A reply of the engine with these failures in it.
    pub fn overlay(&self, form: &Form, xml: String) -> String {
        let action = form.get("Action").unwrap_or_default();
        let asked = form.get("StackName").unwrap_or_default();
        let first_page = form.get("NextToken").is_none();
        self.lock().iter().fold(xml, |xml, failed| match action.as_str() {
            "DescribeStacks" | "ListStacks" => failed.in_stacks(xml),
            "DescribeStackResources" | "ListStackResources" if failed.is(&asked) => failed.in_resources(xml),
            "DescribeStackEvents" if failed.is(&asked) && first_page => failed.in_events(xml),
            _ => xml,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first bucket of the stack that its deletion would stumble over.
async fn find_full_bucket(engine: &EngineClient, stack: &str, form: &Form) -> Result<Option<Failed>> {
    let (status, xml) =
        engine.query("cloudformation", &encode(&[("Action", "DescribeStacks"), ("StackName", stack)])).await?;
    // A protected stack is refused by the engine, and one that isn't there is no failure.
    if status != 200 || element(&xml, "EnableTerminationProtection") == Some("true") {
        return Ok(None);
    }
    let (Some(stack_id), Some(stack_name)) = (element(&xml, "StackId"), element(&xml, "StackName")) else {
        return Ok(None);
    };
    let template = stack_template(engine, stack).await?.and_then(|text| Template::parse(&text));
    let kept = form.members("RetainResources");
    let fields = [("Action", "DescribeStackResources"), ("StackName", stack)];
    let (_, resources) = engine.query("cloudformation", &encode(&fields)).await?;
    for resource in
        resources.split("<member>").filter(|part| part.contains("<ResourceType>AWS::S3::Bucket</ResourceType>"))
    {
        let (Some(logical), Some(bucket)) =
            (element(resource, "LogicalResourceId"), element(resource, "PhysicalResourceId"))
        else {
            continue;
        };
        let retained = kept.contains(&logical) || template.as_ref().is_some_and(|template| template.retains(logical));
        if !retained && holds_objects(engine, bucket).await? {
            let at = OffsetDateTime::now_utc().format(&Rfc3339)?;
            let [stack_id, stack_name, logical, bucket] = [stack_id, stack_name, logical, bucket].map(str::to_owned);
            return Ok(Some(Failed { stack_id, stack_name, logical, bucket, at }));
        }
    }
    Ok(None)
}

async fn holds_objects(engine: &EngineClient, bucket: &str) -> Result<bool> {
    let (_, listed) = engine.get("s3", &format!("/{bucket}?versions&max-keys=1")).await?;
    let listed = String::from_utf8_lossy(&listed);
    Ok(listed.contains("<Version>") || listed.contains("<DeleteMarker>"))
}

impl Failed {
    fn is(&self, asked: &str) -> bool {
        asked == self.stack_name || asked == self.stack_id
    }

    fn reason(&self) -> String {
        format!("The following resource(s) failed to delete: [{}]. ", self.logical)
    }

    fn in_stacks(&self, xml: String) -> String {
        let xml = set_after(&xml, &format!("<StackId>{}</StackId>", self.stack_id), "StackStatus", "DELETE_FAILED");
        set_after(&xml, &format!("<StackId>{}</StackId>", self.stack_id), "StackStatusReason", &self.reason())
    }

    fn in_resources(&self, xml: String) -> String {
        let bucket = format!("<LogicalResourceId>{}</LogicalResourceId>", self.logical);
        set_after(&xml, &bucket, "ResourceStatus", "DELETE_FAILED")
    }

    /// Newest first.
    fn in_events(&self, xml: String) -> String {
        let (stack, bucket) = ("AWS::CloudFormation::Stack", "AWS::S3::Bucket");
        let events = [
            self.event(&self.stack_name, &self.stack_id, stack, "DELETE_FAILED", &self.reason()),
            self.event(&self.logical, &self.bucket, bucket, "DELETE_FAILED", REASON),
            self.event(&self.logical, &self.bucket, bucket, "DELETE_IN_PROGRESS", ""),
            self.event(&self.stack_name, &self.stack_id, stack, "DELETE_IN_PROGRESS", "User Initiated"),
        ];
        xml.replacen("<StackEvents>", &format!("<StackEvents>{}", events.concat()), 1)
    }

    fn event(&self, logical: &str, physical: &str, kind: &str, status: &str, reason: &str) -> String {
        let Self { stack_id, stack_name, at, .. } = self;
        // Readers tell events apart by id.
        format!(
            "<member><StackId>{stack_id}</StackId><StackName>{stack_name}</StackName>\
             <EventId>{logical}-{status}-{at}</EventId><LogicalResourceId>{logical}</LogicalResourceId>\
             <PhysicalResourceId>{physical}</PhysicalResourceId><ResourceType>{kind}</ResourceType>\
             <ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason>\
             <Timestamp>{at}</Timestamp></member>"
        )
    }
}

/// Replaces the text of the first `tag` that follows `mark`.
fn set_after(xml: &str, mark: &str, tag: &str, text: &str) -> String {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let found = xml.find(mark).and_then(|at| {
        let start = at + xml.get(at..)?.find(&open)? + open.len();
        let end = start + xml.get(start..)?.find(&close)?;
        Some(format!("{}{text}{}", xml.get(..start)?, xml.get(end..)?))
    });
    found.unwrap_or_else(|| xml.to_owned())
}
