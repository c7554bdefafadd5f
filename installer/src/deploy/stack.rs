//! A CloudFormation stack: created, updated or healed, whatever state it is in.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, OnStackFailure, Parameter, Stack, StackStatus, Tag,
};
use runvoy_api::infra;
use time::OffsetDateTime;
use tokio::time::sleep;

use super::{
    estimate::{Estimate, Learned},
    failure::Failure,
    progress::{Progress, Step},
    status::Move,
    watch,
};
use crate::{
    aws::{Aws, explain},
    error::{Error, Result, ResultExt as _},
    templates,
};

/// What a stack should be.
pub struct Wanted<'a> {
    /// Its name.
    pub name: String,
    /// The deployment that it belongs to.
    pub deployment: &'a str,
    /// Its template.
    pub template: &'a str,
    /// Where AWS can read that template, if it was uploaded. Larger ones have to be.
    pub template_url: Option<String>,
    /// Its parameters.
    pub parameters: Vec<(&'static str, String)>,
}

/// What has become of it.
pub struct Deployed {
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Whether anything was changed.
    pub changed: bool,
}

/// The stack of this name, unless it is gone.
pub async fn find(aws: &Aws, name: &str) -> Result<Option<Stack>> {
    match aws.cloudformation().describe_stacks().stack_name(name).send().await {
        Ok(reply) => Ok(reply
            .stacks
            .unwrap_or_default()
            .into_iter()
            .next()
            .filter(|stack| stack.stack_status() != Some(&StackStatus::DeleteComplete))),
        Err(error) => {
            let error = explain(error);
            if is_missing(&error.to_string()) {
                Ok(None)
            } else {
                Err(error).context(format!("can't look at stack `{name}`"))
            }
        }
    }
}

/// Refuses a stack that somebody else made and that only happens to have the name of one of ours.
pub fn check_ours(stack: &Stack, deployment: &str) -> Result<()> {
    let tagged = |tag: &Tag| tag.key() == Some(infra::TAG) && tag.value() == Some(deployment);
    // Until something is made, there is only the name, without tags.
    if Move::from(stack.stack_status()) == Move::Create || stack.tags().iter().any(tagged) {
        return Ok(());
    }
    let name = stack.stack_name().unwrap_or_default();
    let problem =
        format!("there is a stack `{name}` already, and it is not part of a runvoy deployment `{deployment}`");
    Err(Error::new(problem).hint("choose another name with `--stack-name`").exit(5))
}

/// CloudFormation has no error code of its own for a stack that does not exist.
fn is_missing(message: &str) -> bool {
    message.contains("does not exist")
}

/// Nor for a change set that would change nothing.
fn is_no_change(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}

/// Makes the stack what it should be.
pub async fn deploy(aws: &Aws, wanted: &Wanted<'_>, step: &Step, progress: &Progress) -> Result<Deployed> {
    let descriptions = templates::descriptions(wanted.template)?;
    let kind = settle(aws, wanted, &descriptions, step, progress).await?;
    let Some(change_set) = create_change_set(aws, wanted, &kind, &descriptions).await? else {
        return Ok(Deployed { outputs: outputs(aws, &wanted.name).await?, changed: false });
    };
    if kind == ChangeSetType::Create {
        step.expect(Estimate::create(wanted.template, &Learned::none())?);
    }
    let before = watch::newest(aws, &change_set.stack).await?;
    aws.cloudformation().execute_change_set().change_set_name(&change_set.id).send().await.map_err(explain)?;
    let end = watch::follow(aws, &change_set.stack, before, &descriptions, step).await?;
    end.expect(&[StackStatus::CreateComplete, StackStatus::UpdateComplete], &wanted.name)?;
    Ok(Deployed { outputs: outputs(aws, &wanted.name).await?, changed: true })
}

/// Leads a stack in any state to one where a change set can be made, and says of which kind.
async fn settle(
    aws: &Aws,
    wanted: &Wanted<'_>,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
    progress: &Progress,
) -> Result<ChangeSetType> {
    let name = &wanted.name;
    loop {
        let stack = find(aws, name).await?;
        let Some((stack, id)) = stack.as_ref().and_then(|stack| Some((stack, stack.stack_id()?))) else {
            return Ok(ChangeSetType::Create);
        };
        check_ours(stack, wanted.deployment)?;
        match Move::from(stack.stack_status()) {
            Move::Create => return Ok(ChangeSetType::Create),
            Move::Update => return Ok(ChangeSetType::Update),
            Move::Wait => {
                progress.say(format!("stack `{name}` is busy already: seeing that through first"));
                watch::until_settled(aws, id, descriptions, step).await?;
            }
            Move::Recreate => {
                progress.say(format!("stack `{name}` never worked: deleting what is left of it first"));
                delete(aws, name, id, descriptions, step).await?;
            }
            Move::Stop => {
                let status = stack.stack_status().map_or("unknown", StackStatus::as_str);
                let hint =
                    format!("`aws cloudformation continue-update-rollback --stack-name {name}`, then run this again");
                return Err(Error::new(format!("stack `{name}` is stuck in `{status}`")).hint(hint));
            }
        }
    }
}

struct ChangeSet {
    id: String,
    stack: String,
}

/// None if there is nothing to change.
async fn create_change_set(
    aws: &Aws,
    wanted: &Wanted<'_>,
    kind: &ChangeSetType,
    descriptions: &BTreeMap<String, String>,
) -> Result<Option<ChangeSet>> {
    let parameter =
        |(key, value): &(&str, String)| Parameter::builder().parameter_key(*key).parameter_value(value).build();
    let body = wanted.template_url.is_none().then(|| wanted.template.to_owned());
    let failure = (*kind == ChangeSetType::Create).then_some(OnStackFailure::Delete);
    let request = aws
        .cloudformation()
        .create_change_set()
        .stack_name(&wanted.name)
        .change_set_name(format!("runvoy-{}", OffsetDateTime::now_utc().unix_timestamp_nanos()))
        .change_set_type(kind.clone())
        .set_template_body(body)
        .set_template_url(wanted.template_url.clone())
        .set_parameters(Some(wanted.parameters.iter().map(parameter).collect()))
        .tags(Tag::builder().key(infra::TAG).value(wanted.deployment).build())
        .capabilities(Capability::CapabilityNamedIam)
        // Tables and logs that an earlier deployment left behind are adopted.
        .import_existing_resources(true)
        .set_on_stack_failure(failure);
    let made = request
        .send()
        .await
        .map_err(explain)
        .context(format!("AWS refused the template of stack `{}`", wanted.name))?;
    let (Some(id), Some(stack)) = (made.id, made.stack_id) else {
        return Err(Error::new("AWS named no change set"));
    };
    let change_set = ChangeSet { id, stack };
    match await_change_set(aws, &change_set.id).await? {
        None => Ok(Some(change_set)),
        Some(reason) if is_no_change(&reason) => {
            aws.cloudformation().delete_change_set().change_set_name(&change_set.id).send().await.map_err(explain)?;
            Ok(None)
        }
        Some(reason) => Err(Failure::of_change_set(aws, &change_set.id, descriptions)
            .await
            .map_or_else(|| Error::new(reason), Failure::into_error)
            .context(format!("AWS refused the changes to stack `{}`", wanted.name))
            .hint("fix the cause, then run the same command again")),
    }
}

/// Waits until AWS has worked out the changes; the reason if it can't.
async fn await_change_set(aws: &Aws, id: &str) -> Result<Option<String>> {
    let mut pause = Duration::from_millis(250);
    loop {
        let set = aws.cloudformation().describe_change_set().change_set_name(id).send().await.map_err(explain)?;
        match set.status() {
            Some(ChangeSetStatus::CreateComplete) => return Ok(None),
            Some(ChangeSetStatus::Failed) => {
                return Ok(Some(set.status_reason().unwrap_or("AWS gave no reason").to_owned()));
            }
            _ => sleep(pause).await,
        }
        pause = (pause * 2).min(Duration::from_secs(3));
    }
}

async fn outputs(aws: &Aws, name: &str) -> Result<BTreeMap<String, String>> {
    let stack = find(aws, name).await?.ok_or_else(|| Error::new(format!("stack `{name}` has vanished")))?;
    let pair = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    Ok(stack.outputs().iter().filter_map(pair).collect())
}

/// Deletes a stack and sees it through.
pub async fn delete(
    aws: &Aws,
    name: &str,
    id: &str,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
) -> Result<()> {
    let before = watch::newest(aws, id).await?;
    let request = aws.cloudformation().delete_stack().stack_name(id).send().await.map_err(explain);
    request.context(format!("can't delete stack `{name}`"))?;
    watch::follow(aws, id, before, descriptions, step).await?.expect(&[StackStatus::DeleteComplete], name)
}

/// The template that the stack was made from.
pub async fn template(aws: &Aws, name: &str) -> Result<String> {
    let reply = aws.cloudformation().get_template().stack_name(name).send().await.map_err(explain);
    Ok(reply.context(format!("can't read the template of stack `{name}`"))?.template_body.unwrap_or_default())
}
