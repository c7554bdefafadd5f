//! Leads a stack in any state to one where a change set can be made.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_cloudformation::{
    primitives::DateTime,
    types::{ResourceStatus, Stack, StackEvent, StackStatus},
};
use runvoy_api::id::rfc3339;
use time::OffsetDateTime;
use tokio::time::sleep;

use super::{Wanted, change_set, check_ours, find, remove, token};
use crate::{
    aws::{Aws, explain},
    deploy::{
        changes,
        failure::Operation,
        progress::{Progress, Step},
        status::{Move, Row},
        watch::{self, Since},
    },
    error::{Error, Result, ResultExt as _},
    exit, templates,
};

/// AWS may show a stack as busy for a moment after its events have told the end.
const LAG: Duration = Duration::from_millis(300);

/// A stack at rest.
pub(super) struct Settled {
    /// The stack, if there is more of it than a name.
    pub stack: Option<Stack>,
    /// Whether something was seen through that leads to what is wanted.
    pub changed: bool,
}

/// Waits for what is under way, removes what never worked, finishes what was left half undone.
///
/// # Errors
/// The card of a running operation that was to lead to what is wanted, and failed.
pub(super) async fn settle(
    aws: &Aws,
    wanted: &Wanted<'_>,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
    progress: &Progress,
) -> Result<Settled> {
    let name = &wanted.name;
    let (mut changed, mut continued) = (false, false);
    loop {
        let Some(stack) = find(aws, name).await? else { return Ok(Settled { stack: None, changed }) };
        check_ours(&stack, wanted.deployment)?;
        let id = stack.stack_id().ok_or_else(|| Error::new(format!("AWS gave no id of stack `{name}`")))?;
        let operation = Operation { stack: name, id, deployment: wanted.deployment, descriptions };
        match Move::from(stack.stack_status()) {
            Move::Create => {
                change_set::clean(aws, wanted).await?;
                return Ok(Settled { stack: None, changed });
            }
            Move::Update => return Ok(Settled { stack: Some(stack), changed }),
            Move::Wait => {
                tell(progress, name, stack.stack_status());
                let recognise = |first: &StackEvent| {
                    if is_ours(first.client_request_token(), wanted) {
                        progress.say(format!("stack `{name}`: going on with {}", begun(first)));
                    }
                };
                let end = watch::follow(aws, id, Since::Beginning(&recognise), descriptions, step).await?;
                if is_ours(end.token.as_deref(), wanted) {
                    operation.expect(aws, end, &[StackStatus::CreateComplete, StackStatus::UpdateComplete]).await?;
                    changed = true;
                }
                sleep(LAG).await;
            }
            Move::Recreate => {
                check_nothing_stuck(aws, &stack, wanted).await?;
                tell(progress, name, stack.stack_status());
                remove::remains(aws, &operation, step, progress).await?;
            }
            Move::FinishRollback if !continued => {
                continued = true;
                tell(progress, name, stack.stack_status());
                continue_rollback(aws, &operation, step).await?;
            }
            Move::FinishRollback | Move::Stop => return Err(stuck(&stack, name, &aws.region)),
        }
    }
}

/// Sees through what runs on a stack, wherever that leads.
pub async fn rest(aws: &Aws, stack: &Stack, template: &str, progress: &Progress) -> Result<Stack> {
    let (name, id) = (stack.stack_name().unwrap_or_default(), stack.stack_id().unwrap_or_default());
    let step = progress.step("settle", "see through what is under way");
    tell(progress, name, stack.stack_status());
    watch::follow(aws, id, Since::Beginning(&|_| {}), &templates::descriptions(template)?, &step).await?;
    sleep(LAG).await;
    step.done("");
    find(aws, id).await?.ok_or_else(|| Error::new(format!("stack `{name}` has vanished")))
}

/// Says in what state the stack was found, and what is done about it.
fn tell(progress: &Progress, name: &str, status: Option<&StackStatus>) {
    let Some(row) = status.and_then(Row::of) else {
        return progress
            .say(format!("stack `{name}` is in a state that this release does not know: waiting for its end"));
    };
    progress.say(format!("stack `{name}` is `{}` ({}): init {}", row.status, row.means, row.does));
}

/// Whether an operation was begun by a run that wanted just the same.
fn is_ours(token: Option<&str>, wanted: &Wanted<'_>) -> bool {
    token.is_some_and(|token| token.starts_with(&wanted.mark()))
}

/// What an operation's first event tells of it.
fn begun(first: &StackEvent) -> String {
    let status = first.resource_status().map_or("", ResourceStatus::as_str);
    let what = if status.starts_with("CREATE") { "creation" } else { "update" };
    let seconds = first.timestamp().map_or(0, DateTime::secs);
    let time = OffsetDateTime::from_unix_timestamp(seconds).map(rfc3339).unwrap_or_default();
    format!("the {what} that an earlier run of this command began at {time}")
}

/// Refuses a stack that none of our calls leads out of.
pub fn check_way_out(stack: &Stack, name: &str, region: &str) -> Result<()> {
    if Move::from(stack.stack_status()) == Move::Stop { Err(stuck(stack, name, region)) } else { Ok(()) }
}

fn stuck(stack: &Stack, name: &str, region: &str) -> Error {
    let status = stack.stack_status().map_or("unknown", StackStatus::as_str);
    let cause = Error::new(stack.stack_status_reason().unwrap_or("AWS gave no reason"));
    let hint = format!(
        "`aws cloudformation describe-stack-events --region {region} --stack-name {name}` shows what is in its way; \
         put that right or ask AWS's support, then run this again"
    );
    cause
        .context(format!("stack `{name}` is stuck in `{status}`, and nothing was changed"))
        .hint(hint)
        .exit(exit::REFUSED)
}

async fn continue_rollback(aws: &Aws, operation: &Operation<'_>, step: &Step) -> Result<()> {
    let Operation { id, stack: name, .. } = operation;
    let since = Since::After(watch::newest(aws, id).await?);
    let request = aws.cloudformation().continue_update_rollback().stack_name(*id);
    let request = request.client_request_token(token("runvoy-continue")?).send().await.map_err(explain);
    request.context(format!("can't finish the rollback of stack `{name}`"))?;
    let end = watch::follow(aws, id, since, operation.descriptions, step).await?;
    let stuck = end.cause.as_ref().map_or("LOGICAL-ID".to_owned(), |cause| cause.logical.clone());
    let region = &aws.region;
    operation.expect(aws, end, &[StackStatus::UpdateRollbackComplete]).await.hint(format!(
        "put right what is in the way and run this again; or leave it as it is: \
         `aws cloudformation continue-update-rollback --region {region} --stack-name {name} --resources-to-skip {stuck}`"
    ))
}

/// Refuses to go on where a deletion has stopped at something that holds data.
async fn check_nothing_stuck(aws: &Aws, stack: &Stack, wanted: &Wanted<'_>) -> Result<()> {
    let Some(id) = stack.stack_id().filter(|_| stack.stack_status() == Some(&StackStatus::DeleteFailed)) else {
        return Ok(());
    };
    let stuck = remove::stuck(aws, id).await?;
    let Some(data) = stuck.iter().find(|one| changes::kind_holds_data(&one.kind)) else { return Ok(()) };
    let problem = format!(
        "stack `{}` was being deleted, and AWS could not delete `{}` (`{}`), which holds data",
        wanted.name, data.physical, data.logical
    );
    let hint = format!("`runvoy destroy --stack-name {} --region {}` removes it", wanted.deployment, aws.region);
    Err(Error::new(problem).hint(hint).exit(exit::REFUSED))
}

/// Whether a resource is what a deletion has stopped at.
pub(super) fn is_stuck(status: Option<&ResourceStatus>) -> bool {
    status == Some(&ResourceStatus::DeleteFailed)
}
