//! Follows a stack's events until it comes to rest.

mod view;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_sdk_cloudformation::{
    error::ProvideErrorMetadata as _,
    types::{Stack, StackEvent, StackStatus},
};
use tokio::time::sleep;

use super::{failure::Cause, progress::Step, status::Move};
use crate::{
    aws::{Aws, explain},
    error::{Error, Result, ResultExt as _},
};
use view::View;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(2500);
/// After so long without news the stack itself is asked: its last event may be missing.
const QUIET: Duration = Duration::from_secs(15);
/// So often may a stack rest without a single event of what was begun, before that is believed.
const SILENT_CHECKS: u32 = 4;
/// A failed creation may delete itself: so long after it came to rest, it does not.
const GRACE: Duration = Duration::from_secs(5);
/// How long AWS may be out of reach before we stop watching what goes on there.
const UNREACHABLE: Duration = Duration::from_secs(600);
/// What no repetition cures.
const FINAL_CODES: [&str; 3] = ["AccessDenied", "AccessDeniedException", "ValidationError"];

/// From where on events are news.
pub(super) enum Since<'a> {
    /// After this one; from the first if there is none.
    After(Option<String>),
    /// From the beginning of the operation that runs, of whose first event this is told.
    Beginning(&'a (dyn Fn(&StackEvent) + Sync)),
}

/// Where a stack came to rest, and what went wrong first if anything did.
pub(super) struct End {
    /// Where.
    pub status: StackStatus,
    /// What AWS says about it.
    pub reason: Option<String>,
    /// What caused it, as far as events tell.
    pub cause: Option<Cause>,
    /// The token that the operation was begun with.
    pub token: Option<String>,
}

/// The newest event's id: what comes after it is news.
pub(super) async fn newest(aws: &Aws, stack: &str) -> Result<Option<String>> {
    let page = aws.cloudformation().describe_stack_events().stack_name(stack).send().await.map_err(explain);
    let page = page.context("can't read the stack's events")?;
    Ok(page.stack_events().first().and_then(StackEvent::event_id).map(str::to_owned))
}

/// Shows in `step` what happens to the stack of this id, until it comes to rest.
///
/// # Errors
/// When AWS refuses to say, or can't be reached for ten minutes: what goes on there goes on all the same.
pub(super) async fn follow(
    aws: &Aws,
    stack: &str,
    mut since: Since<'_>,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
) -> Result<End> {
    let mut view = View::new(stack, descriptions);
    let (mut pause, mut quiet_since, mut heard) = (FIRST_PAUSE, Instant::now(), Instant::now());
    let mut checks = 0;
    loop {
        match news(aws, stack, &since).await {
            Ok(events) => {
                heard = Instant::now();
                if let (Since::Beginning(tell), Some(first)) = (&since, events.first()) {
                    tell(first);
                }
                if let Some(newest) = events.last() {
                    since = Since::After(newest.event_id().map(str::to_owned));
                    (pause, quiet_since) = ((pause / 2).max(FIRST_PAUSE), Instant::now());
                }
                events.iter().filter_map(|event| view.take(event)).for_each(|change| step.resource(&change));
            }
            Err(lost) if lost.is_final || heard.elapsed() > UNREACHABLE => {
                let hint = "what AWS has begun goes on; the same command finds it there";
                return Err(lost.error.context("can't read the stack's events").hint(hint));
            }
            Err(lost) => step.detail(&format!("AWS does not answer, trying on ({})", lost.error.message())),
        }
        if at_rest(view.status.as_ref(), quiet_since.elapsed()) {
            return Ok(end(view));
        }
        if quiet_since.elapsed() > QUIET {
            quiet_since = Instant::now();
            checks += 1;
            if let Some(stack) = resting(aws, stack).await
                && (view.status.is_some() || checks >= SILENT_CHECKS)
            {
                view.status = stack.stack_status().cloned();
                view.reason = view.reason.or(stack.stack_status_reason);
                return Ok(end(view));
            }
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

fn end(view: View<'_>) -> End {
    let status = view.status.unwrap_or_else(|| StackStatus::from("UNKNOWN"));
    End { status, reason: view.reason, cause: view.causes.first(), token: view.token }
}

/// Whether nothing more is to come. A failed creation passes through several states of rest on its way.
fn at_rest(status: Option<&StackStatus>, quiet: Duration) -> bool {
    use StackStatus as S;
    match status {
        None => false,
        status if Move::from(status) == Move::Wait => false,
        Some(S::CreateFailed | S::RollbackComplete | S::RollbackFailed | S::UpdateFailed) => quiet > GRACE,
        Some(_) => true,
    }
}

/// The stack, if it rests.
async fn resting(aws: &Aws, id: &str) -> Option<Stack> {
    let reply = aws.cloudformation().describe_stacks().stack_name(id).send().await.ok()?;
    let stack = reply.stacks?.into_iter().next()?;
    (Move::from(stack.stack_status()) != Move::Wait).then_some(stack)
}

/// A question that AWS did not answer.
struct Lost {
    error: Error,
    is_final: bool,
}

/// The events of interest, oldest first. No page is read that has nothing new.
async fn news(aws: &Aws, stack: &str, since: &Since<'_>) -> Result<Vec<StackEvent>, Lost> {
    let mut events = Vec::new();
    let mut pages = aws.cloudformation().describe_stack_events().stack_name(stack).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            let is_final = error.code().is_some_and(|code| FINAL_CODES.contains(&code));
            Lost { error: Error::from(explain(error)), is_final }
        })?;
        events.extend(page.stack_events.unwrap_or_default());
        let known = match since {
            Since::After(last) => events.iter().position(|event| last.is_some() && event.event_id() == last.as_deref()),
            Since::Beginning(_) => view::beginning(&events, stack).map(|index| index + 1),
        };
        if let Some(known) = known {
            events.truncate(known);
            break;
        }
    }
    events.reverse();
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_creation_is_given_the_time_to_delete_itself() {
        let soon = Duration::from_millis(300);
        assert!(at_rest(Some(&StackStatus::CreateComplete), soon));
        assert!(at_rest(Some(&StackStatus::DeleteComplete), soon));
        assert!(!at_rest(Some(&StackStatus::RollbackComplete), soon));
        assert!(at_rest(Some(&StackStatus::RollbackComplete), GRACE * 2));
        assert!(!at_rest(Some(&StackStatus::DeleteInProgress), GRACE * 2));
        assert!(!at_rest(None, GRACE * 2));
    }
}
