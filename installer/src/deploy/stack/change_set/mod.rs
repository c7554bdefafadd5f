//! A change set: named after its content, so that an interrupted run's is found again instead of made twice.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_cloudformation::{
    error::ProvideErrorMetadata as _,
    operation::describe_change_set::DescribeChangeSetOutput,
    types::{
        Capability, Change, ChangeSetStatus, ChangeSetType, ExecutionStatus, OnStackFailure, Parameter, Stack, Tag,
    },
};
use runvoy_api::infra;
use tokio::time::sleep;

use super::{Wanted, digest, token};
use crate::{
    aws::{Aws, explain},
    deploy::failure::{Cause, Operation, UNCHANGED},
    error::{Error, Result, ResultExt as _},
    exit,
};

/// What the names of ours begin with.
const OURS: &str = "runvoy-";
/// A name that is taken by a change set that is of no use is freed and tried again so often.
const ATTEMPTS: usize = 3;

/// A change set that can be executed.
pub(super) struct ChangeSet {
    /// Its id.
    pub id: String,
    /// Its stack's id.
    pub stack: String,
    /// What it would do.
    pub changes: Vec<Change>,
}

/// What came of making one.
pub(super) enum Made {
    /// It can be executed.
    Ready(ChangeSet),
    /// There is nothing to change.
    Superfluous,
    /// The stack is not any more what it was.
    Overtaken,
}

/// What came of executing one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Executed {
    /// AWS has begun.
    Now,
    /// It had begun before, or the change set is gone.
    Before,
}

/// What can be done with a change set.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Usable,
    Superfluous,
    /// It is being worked out, or being removed.
    Wait,
    /// It is being executed.
    Running,
    /// It was executed, or the stack has changed since.
    Spent,
    Refused(String),
}

/// Makes the change set that leads to what is wanted, or takes up the one that an earlier run has made.
///
/// # Errors
/// What AWS finds wrong with the template, with a card.
pub(super) async fn make(
    aws: &Aws,
    wanted: &Wanted<'_>,
    stack: Option<&Stack>,
    descriptions: &BTreeMap<String, String>,
) -> Result<Made> {
    let name = name(wanted, stack);
    for _ in 0..ATTEMPTS {
        let made = create(aws, wanted, stack, &name).await?;
        let is_new = made.is_some();
        let Some(set) = settled(aws, made.as_deref().unwrap_or(&name), &wanted.name).await? else { continue };
        let (Some(id), Some(stack_id)) = (set.change_set_id.clone(), set.stack_id.clone()) else {
            return Err(Error::new("AWS named no change set"));
        };
        match verdict(&set) {
            Verdict::Usable => {
                return Ok(Made::Ready(ChangeSet { id, stack: stack_id, changes: set.changes.unwrap_or_default() }));
            }
            Verdict::Running => return Ok(Made::Overtaken),
            Verdict::Superfluous => {
                delete(aws, &id).await?;
                return Ok(Made::Superfluous);
            }
            Verdict::Refused(reason) if is_new => {
                let operation =
                    Operation { stack: &wanted.name, id: &stack_id, deployment: wanted.deployment, descriptions };
                return Err(refused(aws, &operation, &id, reason).await);
            }
            // What an earlier run has left: whatever was wrong then may be right by now.
            Verdict::Wait | Verdict::Spent | Verdict::Refused(_) => delete(aws, &id).await?,
        }
    }
    Ok(Made::Overtaken)
}

async fn refused(aws: &Aws, operation: &Operation<'_>, id: &str, reason: String) -> Error {
    let cause = Cause::of_change_set(aws, id).await;
    operation.failed(aws, UNCHANGED, cause, Some(reason)).await
}

/// Content and, for an update, the state that it starts from: a change set fits nothing else.
fn name(wanted: &Wanted<'_>, stack: Option<&Stack>) -> String {
    let from = stack.map(|stack| {
        let time = stack.last_updated_time().or(stack.creation_time()).map(ToString::to_string);
        format!("{}{}", stack.stack_id().unwrap_or_default(), time.unwrap_or_default())
    });
    format!("{}-{}", wanted.mark(), digest(&from.unwrap_or_default()))
}

/// The new change set's id; none if there is one of this name already.
async fn create(aws: &Aws, wanted: &Wanted<'_>, stack: Option<&Stack>, name: &str) -> Result<Option<String>> {
    let parameter =
        |(key, value): &(&str, String)| Parameter::builder().parameter_key(*key).parameter_value(value).build();
    let body = wanted.template_url.is_none().then(|| wanted.template.to_owned());
    let kind = if stack.is_some() { ChangeSetType::Update } else { ChangeSetType::Create };
    let request = aws
        .cloudformation()
        .create_change_set()
        .stack_name(&wanted.name)
        .change_set_name(name)
        .client_token(token(name)?)
        .set_on_stack_failure((kind == ChangeSetType::Create).then_some(OnStackFailure::Delete))
        .change_set_type(kind)
        .set_template_body(body)
        .set_template_url(wanted.template_url.clone())
        .set_parameters(Some(wanted.parameters.iter().map(parameter).collect()))
        .set_tags(Some(tags(wanted, stack)))
        .capabilities(Capability::CapabilityNamedIam)
        // Tables and logs that an earlier deployment left behind are adopted.
        .import_existing_resources(true);
    match request.send().await {
        Ok(made) => made.id.map(Some).ok_or_else(|| Error::new("AWS named no change set")),
        Err(error) if error.code() == Some("AlreadyExistsException") => Ok(None),
        Err(error) => Err(explain(error)).context(format!("AWS refused the template of stack `{}`", wanted.name)),
    }
}

/// Ours and the template's, beside those that the admin has added, which would be taken off otherwise.
fn tags(wanted: &Wanted<'_>, stack: Option<&Stack>) -> Vec<Tag> {
    let foreign = stack.map(Stack::tags).unwrap_or_default().iter();
    // AWS's own can't be set.
    let mut tags = crate::templates::tags(wanted.template);
    tags.insert(infra::TAG.to_owned(), wanted.deployment.to_owned());
    let foreign =
        foreign.filter(|tag| tag.key().is_some_and(|key| !tags.contains_key(key) && !key.starts_with("aws:")));
    let ours = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build());
    foreign.cloned().chain(ours).collect()
}

/// Waits until AWS has worked out the changes, and reads all of them; none if the change set is gone.
async fn settled(aws: &Aws, set: &str, stack: &str) -> Result<Option<DescribeChangeSetOutput>> {
    let mut pause = Duration::from_millis(200);
    loop {
        match describe(aws, set, stack).await? {
            Some(set) if verdict(&set) == Verdict::Wait => sleep(pause).await,
            settled => return Ok(settled),
        }
        pause = (pause * 2).min(Duration::from_millis(2500));
    }
}

async fn describe(aws: &Aws, set: &str, stack: &str) -> Result<Option<DescribeChangeSetOutput>> {
    let mut found: Option<DescribeChangeSetOutput> = None;
    loop {
        let request = aws.cloudformation().describe_change_set().change_set_name(set);
        // An id says it all; a name needs its stack's.
        let request = if set.starts_with("arn:") { request } else { request.stack_name(stack) };
        let token = found.as_ref().and_then(|found| found.next_token.clone());
        let page = match request.set_next_token(token).send().await {
            Ok(page) => page,
            Err(error) if error.code() == Some("ChangeSetNotFound") => return Ok(None),
            Err(error) => return Err(explain(error)).context("can't read the change set"),
        };
        let mut changes = found.and_then(|found| found.changes).unwrap_or_default();
        changes.extend(page.changes.clone().unwrap_or_default());
        let is_last = page.next_token.is_none();
        let page = DescribeChangeSetOutput::clone(&page);
        found = Some(with_changes(page, changes));
        if is_last {
            return Ok(found);
        }
    }
}

fn with_changes(mut page: DescribeChangeSetOutput, changes: Vec<Change>) -> DescribeChangeSetOutput {
    page.changes = Some(changes);
    page
}

fn verdict(set: &DescribeChangeSetOutput) -> Verdict {
    use ChangeSetStatus as S;
    use ExecutionStatus as E;
    match (set.status(), set.execution_status()) {
        (Some(S::CreatePending | S::CreateInProgress | S::DeletePending | S::DeleteInProgress), _) => Verdict::Wait,
        (Some(S::Failed), _) => {
            let reason = set.status_reason().unwrap_or("AWS gave no reason");
            if is_no_change(reason) { Verdict::Superfluous } else { Verdict::Refused(reason.to_owned()) }
        }
        (Some(S::CreateComplete), Some(E::Available)) => Verdict::Usable,
        (_, Some(E::ExecuteInProgress)) => Verdict::Running,
        _ => Verdict::Spent,
    }
}

/// CloudFormation has no status of its own for a change set that would change nothing.
fn is_no_change(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// Executes it. Its own id is the token, so that AWS does it once however often it is told.
pub(super) async fn execute(aws: &Aws, wanted: &Wanted<'_>, set: &ChangeSet) -> Result<Executed> {
    let token = format!("{}-{}", wanted.mark(), digest(&set.id));
    match aws.cloudformation().execute_change_set().change_set_name(&set.id).client_request_token(token).send().await {
        Ok(_) => Ok(Executed::Now),
        // A repetition whose first reply was lost.
        Err(error) if matches!(error.code(), Some("InvalidChangeSetStatus" | "ChangeSetNotFound")) => {
            Ok(Executed::Before)
        }
        Err(error) => Err(explain(error)).context(format!("AWS refused to change stack `{}`", wanted.name)),
    }
}

/// Deletes a change set. The stack is not touched.
pub(super) async fn delete(aws: &Aws, id: &str) -> Result<()> {
    match aws.cloudformation().delete_change_set().change_set_name(id).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code() == Some("ChangeSetNotFound") => Ok(()),
        Err(error) => Err(explain(error)).context("can't delete the change set"),
    }
}

/// Removes what interrupted runs left at a stack that is no more than a name. That it is ours only its change sets tell.
///
/// # Errors
/// Somebody else's change set waits there to be executed.
pub(super) async fn clean(aws: &Aws, wanted: &Wanted<'_>) -> Result<()> {
    let current = name(wanted, None);
    let mut pages = aws.cloudformation().list_change_sets().stack_name(&wanted.name).into_paginator().items().send();
    let mut obsolete = Vec::new();
    while let Some(set) = pages.next().await {
        let set = set.map_err(explain).context("can't list the change sets")?;
        let (name, id) = (set.change_set_name.unwrap_or_default(), set.change_set_id.unwrap_or_default());
        if !name.starts_with(OURS) {
            let problem = format!("stack `{}` is about to be made by somebody else: change set `{name}`", wanted.name);
            return Err(Error::new(problem)
                .hint("choose another name with `--stack-name`, or delete it")
                .exit(exit::REFUSED));
        }
        if name != current {
            obsolete.push(id);
        }
    }
    for id in obsolete {
        delete(aws, &id).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
