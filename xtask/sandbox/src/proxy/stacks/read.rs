//! What callers read of stacks, put together from the engine's pages, the operations under way and the script.

use anyhow::Result;

use super::Stacks;
use super::members::{members, set};
use super::view::{listing, made_up_stack, validation};
use crate::proxy::form::{Form, encode};
use crate::proxy::reply::{element, error_xml};
use crate::proxy::script::Canned;

/// The engine's pages are as long.
const PAGE: usize = 100;

impl Stacks {
    /// The reply to a call that reads; none if the engine's own will do.
    pub(super) async fn read(&self, action: &str, form: &Form) -> Result<Option<(u16, String)>> {
        let asked = form.get("StackName").unwrap_or_default();
        let found = match action {
            "DescribeStacks" => self.stacks(&asked, true).await?.map(|stacks| ("Stacks", stacks)),
            "ListStacks" => {
                let wanted = form.members("StackStatusFilter");
                let mut stacks = self.summaries().await?;
                stacks
                    .retain(|stack| wanted.is_empty() || wanted.contains(&element(stack, "StackStatus").unwrap_or("")));
                Ok(("StackSummaries", stacks))
            }
            "DescribeStackEvents" => self.events(&asked).await?.map(|events| ("StackEvents", events)),
            "DescribeEvents" => {
                let validations = self.validations(&self.stack_asked(form));
                if validations.is_empty() {
                    return Ok(None);
                }
                Ok(("OperationEvents", validations))
            }
            "DescribeStackResources" | "ListStackResources" => {
                let (status, xml) = self.engine.query("cloudformation", &form.text()).await?;
                return Ok(Some((status, self.failed.overlay(form, xml))));
            }
            "DescribeChangeSet" => return self.change_set(form).await.map(Some),
            _ => return Ok(None),
        };
        Ok(Some(found.map_or_else(|refusal| refusal, |(list, all)| page(action, list, &all, form))))
    }

    /// DescribeStacks of one stack as callers see it, without counting as a look.
    pub(super) async fn describe(&self, asked: &str) -> Result<(u16, String)> {
        let found = if asked.is_empty() { Ok(Vec::new()) } else { self.stacks(asked, false).await? };
        Ok(found.map_or_else(|refusal| refusal, |stacks| (200, listing("DescribeStacks", "Stacks", &stacks, None))))
    }

    async fn stacks(&self, asked: &str, looks: bool) -> Result<Result<Vec<String>, (u16, String)>> {
        let found = self.engine_list("DescribeStacks", "Stacks", &[("StackName", asked)]).await?;
        let (mut stacks, refusal) = match found {
            Ok(stacks) => (stacks, None),
            Err(refusal) => (Vec::new(), Some(refusal)),
        };
        self.put_at_work(&mut stacks, asked).await?;
        self.script.stacks(|scripted| {
            for stack in scripted {
                self.put_script(&mut stacks, stack, asked, looks);
            }
        });
        if !stacks.is_empty() || asked.is_empty() {
            return Ok(Ok(stacks));
        }
        let missing = || (400, error_xml("ValidationError", &format!("Stack with id {asked} does not exist")));
        Ok(Err(refusal.unwrap_or_else(missing)))
    }

    async fn summaries(&self) -> Result<Vec<String>> {
        let listed = self.engine_list("ListStacks", "StackSummaries", &[]).await?;
        let mut stacks = listed.unwrap_or_default();
        self.put_at_work(&mut stacks, "").await?;
        self.script.stacks(|scripted| {
            for stack in scripted {
                self.put_script(&mut stacks, stack, "", false);
            }
        });
        Ok(stacks)
    }

    /// Shows stacks at work that the engine is done with.
    async fn put_at_work(&self, stacks: &mut Vec<String>, asked: &str) -> Result<()> {
        for id in self.operations.paced() {
            let events = self.engine_list("DescribeStackEvents", "StackEvents", &[("StackName", &id)]).await?;
            let Some(at_work) = self.operations.reveal(&id, events.unwrap_or_default()).1 else { continue };
            let operation = &at_work.operation;
            match stacks.iter_mut().find(|stack| element(stack, "StackId") == Some(id.as_str())) {
                Some(stack) => *stack = at_work.shown(stack),
                None if asked.is_empty() || asked == id || asked == operation.stack_name => {
                    stacks.push(at_work.shown(&operation.before));
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Shows a stack as its script has it.
    fn put_script(&self, stacks: &mut Vec<String>, scripted: &mut Canned, asked: &str, looks: bool) {
        let name = scripted.name().to_owned();
        let lives = |stack: &str| {
            element(stack, "StackName") == Some(name.as_str())
                && element(stack, "StackStatus") != Some("DELETE_COMPLETE")
        };
        let at = stacks.iter().position(|stack| lives(stack));
        let found = at.and_then(|at| element(&stacks[at], "StackId")).map(str::to_owned);
        if let Some(id) = found {
            scripted.id = Some(id);
            scripted.made_up = false;
        }
        let Some((status, reason)) = scripted.status().map(|(status, reason)| (status.to_owned(), reason.to_owned()))
        else {
            return;
        };
        if scripted.id.is_none() {
            let (region, account) = (self.engine.region(), self.engine.account());
            let unique = scripted.began.unix_timestamp_nanos() % 1_000_000_000_000;
            let id =
                format!("arn:aws:cloudformation:{region}:{account}:stack/{name}/00000000-0000-4000-8000-{unique:012}");
            scripted.id = Some(id);
            scripted.made_up = true;
        }
        if !(asked.is_empty() || scripted.is(asked)) {
            return;
        }
        let base = at.map_or_else(|| made_up_stack(scripted), |at| stacks.remove(at));
        // A deleted stack has no name any more.
        if status != "DELETE_COMPLETE" || asked != name {
            stacks.push(with_status(&base, &status, &reason));
        }
        if looks && !asked.is_empty() {
            scripted.shown();
        }
    }

    async fn events(&self, asked: &str) -> Result<Result<Vec<String>, (u16, String)>> {
        let found = self.engine_list("DescribeStackEvents", "StackEvents", &[("StackName", asked)]).await?;
        // Learns the ids of scripted stacks.
        let seen = self.describe(asked).await?.1;
        let scripted = self
            .script
            .stacks(|stacks| stacks.iter().find(|stack| stack.is(asked)).map(Canned::events).unwrap_or_default());
        let events = match found {
            Err(refusal) if scripted.is_empty() => return Ok(Err(refusal)),
            Err(_) => Vec::new(),
            Ok(events) => {
                let id = events.first().and_then(|event| element(event, "StackId")).or(element(&seen, "StackId"));
                let id = id.unwrap_or_default().to_owned();
                self.operations.reveal(&id, events).0
            }
        };
        Ok(Ok(merge(scripted, events)))
    }

    fn validations(&self, asked: &str) -> Vec<String> {
        self.script.stacks(|stacks| {
            let stack = stacks.iter().find(|stack| stack.is(asked) || asked.is_empty());
            stack
                .map(|stack| stack.validations.iter().map(|failed| validation(stack, failed)).collect())
                .unwrap_or_default()
        })
    }

    /// A change set, failed if its stack's script has a validation fail.
    async fn change_set(&self, form: &Form) -> Result<(u16, String)> {
        let (status, xml) = self.engine.query("cloudformation", &form.text()).await?;
        let name = element(&xml, "StackName").unwrap_or_default();
        if status != 200 || self.validations(name).is_empty() {
            return Ok((status, xml));
        }
        let reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]. To troubleshoot \
                      Early Validation errors, use the DescribeEvents API for detailed failure information.";
        let xml = set(&set(&xml, "Status", "FAILED"), "StatusReason", reason);
        Ok((status, set(&xml, "ExecutionStatus", "UNAVAILABLE")))
    }

    /// All pages of a list of the engine, or its refusal.
    pub(super) async fn engine_list(
        &self,
        action: &str,
        list: &str,
        fields: &[(&str, &str)],
    ) -> Result<Result<Vec<String>, (u16, String)>> {
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let mut given = vec![("Action", action), ("NextToken", token.as_str())];
            given.extend(fields);
            given.retain(|(_, value)| !value.is_empty());
            let text = encode(&given);
            let (status, xml) = self.engine.query("cloudformation", &text).await?;
            if status != 200 {
                return Ok(Err((status, xml)));
            }
            let xml = self.failed.overlay(&Form::parse(text.as_bytes()), xml);
            all.extend(members(&xml, list));
            match element(&xml, "NextToken") {
                Some(next) => token = next.to_owned(),
                None => return Ok(Ok(all)),
            }
        }
    }
}

/// Two lists of events in one, newest first as each of them is.
fn merge(one: Vec<String>, other: Vec<String>) -> Vec<String> {
    let at = |event: &String| element(event, "Timestamp").unwrap_or_default().to_owned();
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    let mut all = Vec::new();
    loop {
        let next = match (one.peek(), other.peek()) {
            (Some(a), Some(b)) if at(a) < at(b) => other.next(),
            (Some(_), _) => one.next(),
            (None, _) => other.next(),
        };
        match next {
            Some(event) => all.push(event),
            None => return all,
        }
    }
}

fn with_status(stack: &str, status: &str, reason: &str) -> String {
    set(&set(stack, "StackStatus", status), "StackStatusReason", &crate::proxy::reply::escape(reason))
}

fn page(action: &str, list: &str, all: &[String], form: &Form) -> (u16, String) {
    let token = form.get("NextToken");
    let start = token.as_deref().map_or(Some(0), |token| token.strip_prefix("sandbox:")?.parse().ok());
    let Some(rest) = start.and_then(|start| all.get(start..)) else {
        return (400, error_xml("ValidationError", "Invalid NextToken"));
    };
    let shown = &rest[..rest.len().min(PAGE)];
    let next = (rest.len() > PAGE).then_some(all.len() - rest.len() + PAGE);
    (200, listing(action, list, shown, next))
}

#[cfg(test)]
mod tests {
    use super::merge;

    #[test]
    fn events_of_both_are_told_in_the_order_of_time() {
        let events = |times: &[u8]| -> Vec<String> {
            times.iter().map(|at| format!("<Timestamp>2026-01-01T00:00:0{at}.000Z</Timestamp>")).collect()
        };
        assert_eq!(merge(events(&[5, 3]), events(&[6, 4, 1])), events(&[6, 5, 4, 3, 1]));
        assert_eq!(merge(vec![], events(&[2, 1])), events(&[2, 1]));
    }
}
