//! CloudFormation as AWS has it: the engine's, with refusals that it lacks, and with the statuses, events and pace of a script.

mod cancel;
mod capabilities;
mod deletion;
mod indexes;
mod members;
mod operations;
mod read;
mod rules;
mod schedule;
mod template;
pub(super) mod view;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use http::Response;
use time::OffsetDateTime;

use super::form::{Form, encode};
use super::reply::{Body, element, error, reply};
use super::script::{Arrival, Script};
use crate::engine::EngineClient;
use deletion::FailedDeletions;
use operations::{Operation, Operations};
use rules::Asked;

/// What stands between callers and the engine's CloudFormation.
pub(super) struct Stacks {
    engine: EngineClient,
    script: Script,
    failed: FailedDeletions,
    operations: Operations,
    /// The stacks of change sets, by the change sets' ARNs.
    change_sets: Mutex<HashMap<String, String>>,
}

/// What becomes of a call.
pub(super) enum Course {
    /// It is answered without the engine.
    Reply(Response<Body>),
    /// It is the engine's; if it succeeds, an operation has begun.
    Pass(Option<Box<Begun>>),
}

/// An operation that begins if the engine agrees.
pub(super) struct Begun(Operation);

impl Stacks {
    pub fn new(engine: EngineClient, script: Script) -> Self {
        let (failed, operations, change_sets) = Default::default();
        Self { engine, script, failed, operations, change_sets }
    }

    /// Decides on a call before the engine sees it.
    pub async fn before(&self, form: &Form) -> Result<Course> {
        let action = form.get("Action").unwrap_or_default();
        if let Some((status, xml)) = self.read(&action, form).await? {
            let asked = self.stack_asked(form);
            self.script.stacks(|stacks| {
                if let Some(stack) = stacks.iter_mut().find(|stack| stack.is(&asked)) {
                    stack.arrives(&action, false);
                }
            });
            return Ok(Course::Reply(reply(status, "text/xml", xml)));
        }
        let kind = form.get("ChangeSetType").unwrap_or_default();
        match action.as_str() {
            "CreateStack"
            | "UpdateStack"
            | "CreateChangeSet"
            | "ExecuteChangeSet"
            | "DeleteStack"
            | "CancelUpdateStack"
            | "ContinueUpdateRollback"
            | "RollbackStack" => self.change(&action, &kind, form).await,
            _ => Ok(Course::Pass(None)),
        }
    }

    /// Remembers what the engine has taken on.
    pub fn passed(&self, form: &Form, begun: Option<Box<Begun>>, status: u16, xml: &str) {
        if status != 200 {
            return;
        }
        if let (Some(id), Some(stack)) = (element(xml, "Id"), form.get("StackName")) {
            self.change_sets.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), stack);
        }
        if let Some(begun) = begun {
            let mut operation = begun.0;
            if let Some(id) = element(xml, "StackId") {
                id.clone_into(&mut operation.stack_id);
            }
            self.operations.add(operation);
        }
    }

    /// Name or id of the stack that a call is about; empty if it is about none or all.
    pub fn stack_asked(&self, form: &Form) -> String {
        let known = |change_set: String| {
            self.change_sets.lock().unwrap_or_else(PoisonError::into_inner).get(&change_set).cloned()
        };
        form.get("StackName").or_else(|| known(form.get("ChangeSetName")?)).unwrap_or_default()
    }

    async fn change(&self, action: &str, kind: &str, form: &Form) -> Result<Course> {
        let stack = self.stack_asked(form);
        let (found, seen) = self.describe(&stack).await?;
        let field = |tag| element(&seen, tag).filter(|_| found == 200);
        let name = field("StackName").unwrap_or(&stack);
        let id = field("StackId").unwrap_or_default();
        let lets_go = !form.members("RetainResources").is_empty() || form.get("DeletionMode").is_some();
        if let Some((code, message)) =
            (Asked { action, kind, name, id, status: field("StackStatus"), lets_go }).refusal()
        {
            return Ok(Course::Reply(error("cloudformation", false, 400, code, &message)));
        }
        if matches!(action, "CreateStack" | "UpdateStack" | "CreateChangeSet")
            && let Some(refusal) = capabilities::refuse(&self.engine, form).await?
        {
            return Ok(Course::Reply(refusal));
        }
        if matches!(action, "UpdateStack" | "ExecuteChangeSet")
            && let Some(refusal) = indexes::refuse(&self.engine, &stack, form).await?
        {
            return Ok(Course::Reply(refusal));
        }
        let arrives = |stacks: &mut Vec<super::script::Canned>| {
            let stack = stacks.iter_mut().find(|canned| canned.name() == name || canned.is(&stack))?;
            Some(stack.begins(action, kind == "CREATE", form.get("ClientRequestToken")))
        };
        if self.script.stacks(arrives) == Some(Arrival::Answer) {
            return Ok(Course::Reply(reply(200, "text/xml", view::accepted(action, id))));
        }
        if action == "CancelUpdateStack" && self.cancel(id).await? {
            return Ok(Course::Reply(reply(200, "text/xml", view::accepted(action, id))));
        }
        if action == "DeleteStack"
            && let Some(failure) = self.failed.on_delete(&self.engine, form).await?
        {
            return Ok(Course::Reply(failure));
        }
        Ok(Course::Pass(self.begin(action, &stack, form).await?.map(Begun).map(Box::new)))
    }

    /// What there is to know of an operation before it begins.
    async fn begin(&self, action: &str, stack: &str, form: &Form) -> Result<Option<Operation>> {
        if !matches!(action, "CreateStack" | "UpdateStack" | "ExecuteChangeSet" | "DeleteStack") {
            return Ok(None);
        }
        let before = self.engine_list("DescribeStacks", "Stacks", &[("StackName", stack)]).await?;
        let before = before.ok().and_then(|stacks| stacks.into_iter().next()).unwrap_or_default();
        let field = |tag| element(&before, tag).unwrap_or_default().to_owned();
        let (stack_id, stack_name) = (field("StackId"), field("StackName"));
        let events = self.engine_list("DescribeStackEvents", "StackEvents", &[("StackName", &stack_id)]).await?;
        let pace = self.script.current_pace();
        let mut operation = Operation {
            stack_id,
            stack_name,
            baseline: events.map_or(0, |events| events.len()),
            began: OffsetDateTime::now_utc(),
            pace,
            dependencies: BTreeMap::new(),
            changed: None,
            before,
            template_before: capabilities::stack_template(&self.engine, stack).await?.unwrap_or_default(),
            ended: None,
            rolls_back: false,
        };
        let change_set = match form.get("ChangeSetName") {
            Some(name) => {
                self.engine_query("DescribeChangeSet", &[("ChangeSetName", &name), ("StackName", stack)]).await?.1
            }
            None => String::new(),
        };
        let template = capabilities::template_text(&self.engine, form).await?;
        operation.learn(&change_set, template.as_deref());
        Ok(Some(operation))
    }

    /// One call of the engine, unless its fields are empty.
    async fn engine_query(&self, action: &str, fields: &[(&str, &str)]) -> Result<(u16, String)> {
        let given = fields.iter().filter(|(_, value)| !value.is_empty());
        let fields = std::iter::once(&("Action", action)).chain(given).copied().collect::<Vec<_>>();
        self.engine.query("cloudformation", &encode(&fields)).await
    }
}
