//! A CloudFormation stack: created, updated or healed, whatever state it is in, and never twice.

mod change_set;
mod remove;
mod settle;
mod staged;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{Stack, StackStatus, Tag};
use runvoy_api::infra;
use sha2::{Digest as _, Sha256};

use super::{
    changes::{self, Change, Stage},
    estimate::{Estimate, Learned},
    failure::Operation,
    progress::{Progress, Step},
    status::{self, Move},
    watch::{self, Since},
};
use crate::{
    aws::{Aws, explain},
    error::{Error, Result, ResultExt as _},
    exit, templates,
};
use change_set::{ChangeSet, Executed, Made};
pub use remove::cancel_update;
pub(super) use remove::{Hard, Stuck, request as request_deletion, stuck};
pub use settle::{check_way_out, rest};

/// The largest template, in bytes, that CloudFormation takes without a bucket.
const LARGEST_BODY: usize = 51_200;
/// How often what to do is worked out anew because the stack has moved on meanwhile.
const ROUNDS: usize = 4;

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
    pub parameters: Vec<(&'a str, String)>,
}

/// Whether these changes may be made, in so many updates.
pub type Guard<'a> = &'a (dyn Fn(&[Change], &[Stage]) -> Result<()> + Sync);

/// What has become of it.
pub struct Deployed {
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Whether anything was changed.
    pub changed: bool,
}

impl Wanted<'_> {
    /// What the names of change sets and tokens begin with that lead to just this: template and parameters decide.
    fn mark(&self) -> String {
        let mut parameters = self.parameters.clone();
        parameters.sort();
        format!("runvoy-{}", digest(&format!("{}\0{}\0{parameters:?}", self.deployment, self.template)))
    }

    /// Whether the stack has these parameters and belongs to this deployment.
    fn matches(&self, stack: &Stack) -> bool {
        let has = stack.parameters().iter().filter_map(|one| Some((one.parameter_key()?, one.parameter_value()?)));
        let wanted = self.parameters.iter().map(|(key, value)| (*key, value.as_str()));
        has.collect::<BTreeMap<_, _>>() == wanted.collect() && is_tagged(stack, self.deployment) && self.has_tags(stack)
    }

    /// Whether the stack has the tags that the template asks for.
    fn has_tags(&self, stack: &Stack) -> bool {
        let has = |key: &str, value: &str| {
            stack.tags().iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value))
        };
        templates::tags(self.template).iter().all(|(key, value)| has(key, value))
    }
}

/// Sixteen hexadecimal digits.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A token that makes AWS take repetitions of one call for one call.
fn token(mark: &str) -> Result<String> {
    let mut bits = [0; 8];
    getrandom::fill(&mut bits).map_err(|error| Error::new(format!("the system gives no random numbers: {error}")))?;
    Ok(format!("{mark}-{:016x}", u64::from_be_bytes(bits)))
}

/// The stack of this name, or of this id, unless it is gone.
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
    // Until something is made, there is only the name, without tags.
    if Move::from(stack.stack_status()) == Move::Create || is_tagged(stack, deployment) {
        return Ok(());
    }
    let name = stack.stack_name().unwrap_or_default();
    let problem =
        format!("there is a stack `{name}` already, and it is not part of a runvoy deployment `{deployment}`");
    Err(Error::new(problem).hint("choose another name with `--stack-name`").exit(exit::REFUSED))
}

fn is_tagged(stack: &Stack, deployment: &str) -> bool {
    stack.tags().iter().any(|tag: &Tag| tag.key() == Some(infra::TAG) && tag.value() == Some(deployment))
}

/// CloudFormation has no error code of its own for a stack that does not exist.
fn is_missing(message: &str) -> bool {
    message.contains("does not exist")
}

/// Makes the stack what it should be, from whatever state it is in. What runs there already is seen through first, and is
/// the end of it if it leads to just that; a stack that is as it should be is only looked at.
///
/// `guard` sees the changes before they are made, and may refuse them. Where they take several updates, it sees them all
/// before the first.
///
/// # Errors
/// What the guard refuses; and what fails, with a [`Card`](super::failure::Card) that tells why.
pub async fn deploy(
    aws: &Aws,
    wanted: &Wanted<'_>,
    guard: Guard<'_>,
    learned: &Learned,
    step: &Step,
    progress: &Progress,
) -> Result<Deployed> {
    let descriptions = templates::descriptions(wanted.template)?;
    let mut changed = false;
    let (mut rounds, mut staged) = (0, 0);
    let mut allowed: Option<Vec<Change>> = None;
    while rounds < ROUNDS {
        let settled = settle::settle(aws, wanted, &descriptions, step, progress).await?;
        changed |= settled.changed;
        let stack = settled.stack;
        let deployed_template = match &stack {
            Some(stack) => Some(template(aws, stack.stack_id().unwrap_or(&wanted.name)).await?),
            None => None,
        };
        let mut stages = Vec::new();
        if let (Some(stack), Some(deployed)) = (&stack, &deployed_template) {
            if status::is_sound(stack.stack_status()) && wanted.matches(stack) && is_same(deployed, wanted.template) {
                return Ok(Deployed::of(stack, changed));
            }
            stages = changes::stages(deployed, wanted.template)?;
        }
        if let (Some(stack), Some(stage), true) = (&stack, stages.first(), allowed.is_some()) {
            let place = (staged + 1, staged + stages.len());
            if staged::run_first(aws, wanted, stack, stage, place, learned, progress).await? {
                (staged, changed) = (staged + 1, true);
            } else {
                rounds += 1;
            }
            continue;
        }
        rounds += 1;
        let set = match change_set::make(aws, wanted, stack.as_ref(), &descriptions).await? {
            Made::Ready(set) => set,
            Made::Superfluous => return done(aws, wanted, changed).await,
            Made::Overtaken => continue,
        };
        let changes = changes::of_change_set(&set.changes, deployed_template.as_deref(), wanted.template)?;
        if !allowed.as_ref().is_some_and(|allowed| changes::covers(allowed, &changes)) {
            if let Err(refusal) = guard(&changes, &stages) {
                change_set::delete(aws, &set.id).await?;
                return Err(refusal);
            }
            allowed = Some(changes.clone());
        }
        if !stages.is_empty() {
            // It was only to see what AWS makes of it all.
            change_set::delete(aws, &set.id).await?;
            continue;
        }
        if staged > 0 {
            step.detail(&format!("{0} of {0}, and the last", staged + 1));
        }
        step.expect(estimate(wanted.template, stack.is_none(), &changes, learned)?);
        if run(aws, wanted, &set, &descriptions, step).await? {
            return done(aws, wanted, true).await;
        }
        changed = true;
    }
    let problem = format!("stack `{}` is being changed by somebody else all the time", wanted.name);
    Err(Error::new(problem).hint("wait until that is over, then run the same command again"))
}

fn is_same(deployed: &str, wanted: &str) -> bool {
    templates::returned(deployed) == templates::returned(wanted)
}

fn estimate(template: &str, is_new: bool, changes: &[Change], learned: &Learned) -> Result<Estimate> {
    if is_new {
        return Estimate::create(template, learned);
    }
    let ids: BTreeSet<_> = changes.iter().map(|change| change.logical.clone()).collect();
    Estimate::update(template, &ids, learned)
}

/// Executes a change set and sees it through. False if it had been executed before: the stack tells what became of it.
async fn run(
    aws: &Aws,
    wanted: &Wanted<'_>,
    set: &ChangeSet,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
) -> Result<bool> {
    let since = Since::After(watch::newest(aws, &set.stack).await?);
    if change_set::execute(aws, wanted, set).await? == Executed::Before {
        return Ok(false);
    }
    let end = watch::follow(aws, &set.stack, since, descriptions, step).await?;
    let operation = Operation { stack: &wanted.name, id: &set.stack, deployment: wanted.deployment, descriptions };
    operation.expect(aws, end, &[StackStatus::CreateComplete, StackStatus::UpdateComplete]).await?;
    Ok(true)
}

async fn done(aws: &Aws, wanted: &Wanted<'_>, changed: bool) -> Result<Deployed> {
    let name = &wanted.name;
    let stack = find(aws, name).await?.ok_or_else(|| Error::new(format!("stack `{name}` has vanished")))?;
    Ok(Deployed::of(&stack, changed))
}

impl Deployed {
    fn of(stack: &Stack, changed: bool) -> Self {
        let pair = |output: &aws_sdk_cloudformation::types::Output| {
            Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
        };
        let outputs = stack.outputs().iter().filter_map(pair).collect();
        Self { outputs, changed }
    }
}

/// Lets AWS check a template that is small enough to be sent by itself; larger ones are checked with their change set.
pub async fn validate(aws: &Aws, what: &str, template: &str) -> Result<()> {
    if template.len() > LARGEST_BODY {
        return Ok(());
    }
    let checked = aws.cloudformation().validate_template().template_body(template).send().await;
    checked.map(drop).map_err(explain).context(format!("AWS does not accept the {what} template"))
}

/// The template that the stack was made from.
pub async fn template(aws: &Aws, name: &str) -> Result<String> {
    let reply = aws.cloudformation().get_template().stack_name(name).send().await.map_err(explain);
    Ok(reply.context(format!("can't read the template of stack `{name}`"))?.template_body.unwrap_or_default())
}

#[cfg(test)]
mod tests;
