//! Follows a stack's events until it comes to rest.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent, StackStatus};
use tokio::time::sleep;

use super::{
    failure::Failure,
    progress::{ResourceChange, ResourceState, Step},
    status::Move,
};
use crate::{
    aws::{Aws, explain},
    error::{Error, Result, ResultExt as _},
};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(2500);

/// Where a stack came to rest, and what went wrong first if anything did.
pub(super) struct End {
    status: StackStatus,
    reason: Option<String>,
    failure: Option<Failure>,
}

impl End {
    /// Success if this is what was `wanted`, else the failure that caused the rest.
    pub(super) fn expect(self, wanted: &[StackStatus], stack: &str) -> Result<()> {
        if wanted.contains(&self.status) {
            return Ok(());
        }
        let cause = match self.failure {
            Some(failure) => failure.into_error(),
            None => Error::new(self.reason.as_deref().unwrap_or("AWS gave no reason")),
        };
        let status = self.status.as_str();
        let error = cause.context(format!("stack `{stack}` failed and is now `{status}`"));
        Err(error.hint("fix the cause, then run the same command again"))
    }
}

/// The newest event's id: what comes after it is news.
pub(super) async fn newest(aws: &Aws, stack: &str) -> Result<Option<String>> {
    let page = aws.cloudformation().describe_stack_events().stack_name(stack).send().await.map_err(explain)?;
    Ok(page.stack_events().first().and_then(StackEvent::event_id).map(str::to_owned))
}

/// Shows what happens to the stack after the event `since`, until it comes to rest.
pub(super) async fn follow(
    aws: &Aws,
    stack: &str,
    mut since: Option<String>,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
) -> Result<End> {
    let mut view = View { stack, descriptions, step, status: None, reason: None, failure: None };
    let mut pause = FIRST_PAUSE;
    loop {
        let news = after(aws, stack, since.as_deref()).await?;
        if let Some(newest) = news.last() {
            since = newest.event_id().map(str::to_owned);
            pause = FIRST_PAUSE;
        }
        news.iter().for_each(|event| view.show(event));
        // Only the newest word on the stack counts: a failed creation passes through several states of rest.
        if let Some(status) = view.status.take_if(|status| Move::from(Some(status)) != Move::Wait) {
            let failure = match (view.failure, &view.reason) {
                (None, Some(_)) => Failure::of_stack(aws, stack, descriptions).await,
                (failure, _) => failure,
            };
            return Ok(End { status, reason: view.reason, failure });
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Sees through what somebody else began.
pub(super) async fn until_settled(
    aws: &Aws,
    stack: &str,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
) -> Result<()> {
    // What is under way began with the stack's own newest event: from there on, the view is complete.
    let events = after(aws, stack, None).await?;
    let began = events.iter().rposition(|event| is_stack(event, stack));
    if let Some(event) = began.map(|index| &events[index])
        && event.resource_status().is_some_and(|status| !status.as_str().ends_with("_IN_PROGRESS"))
    {
        return Ok(());
    }
    let since = began.and_then(|index| events[index].event_id()).map(str::to_owned);
    follow(aws, stack, since, descriptions, step).await.map(drop)
}

/// Events after `since`, oldest first.
async fn after(aws: &Aws, stack: &str, since: Option<&str>) -> Result<Vec<StackEvent>> {
    let mut events = Vec::new();
    let mut pages = aws.cloudformation().describe_stack_events().stack_name(stack).into_paginator().send();
    'pages: while let Some(page) = pages.next().await {
        let page = page.map_err(explain).context("can't read the stack's events")?;
        for event in page.stack_events.unwrap_or_default() {
            if since.is_some() && event.event_id() == since {
                break 'pages;
            }
            events.push(event);
        }
    }
    events.reverse();
    Ok(events)
}

fn is_stack(event: &StackEvent, stack: &str) -> bool {
    event.physical_resource_id() == Some(stack)
}

struct View<'a> {
    stack: &'a str,
    descriptions: &'a BTreeMap<String, String>,
    step: &'a Step,
    status: Option<StackStatus>,
    /// What AWS says about the stack's own failure.
    reason: Option<String>,
    failure: Option<Failure>,
}

impl View<'_> {
    fn show(&mut self, event: &StackEvent) {
        let Some(status) = event.resource_status().map(ResourceStatus::as_str) else { return };
        if is_stack(event, self.stack) {
            if status.ends_with("_FAILED") && self.reason.is_none() {
                self.reason = event.resource_status_reason().map(str::to_owned);
            }
            self.status = Some(StackStatus::from(status));
            return;
        }
        let logical = event.logical_resource_id().unwrap_or_default();
        let what = self.descriptions.get(logical).cloned().unwrap_or_else(|| logical.to_owned());
        let at = event.timestamp().and_then(|at| SystemTime::try_from(*at).ok());
        let state = if status.ends_with("_IN_PROGRESS") {
            ResourceState::InProgress
        } else if status.ends_with("_FAILED") {
            let failure = Failure::of_resource(event, self.descriptions);
            let reason = event.resource_status_reason().unwrap_or("AWS gave no reason").to_owned();
            let caused = failure.is_some();
            self.failure = self.failure.take().or(failure);
            if caused { ResourceState::Failed { reason } } else { ResourceState::GivenUp }
        } else if status == "DELETE_SKIPPED" {
            ResourceState::Kept
        } else {
            ResourceState::Done
        };
        let kind = event.resource_type().unwrap_or_default().to_owned();
        self.step.resource(&ResourceChange { logical: logical.to_owned(), kind, what, verb: verb(status), state, at });
    }
}

fn verb(status: &str) -> &'static str {
    match status.split('_').next() {
        _ if status == "DELETE_SKIPPED" => "keep",
        Some("CREATE") => "create",
        Some("UPDATE") => "update",
        Some("DELETE") => "remove",
        Some("IMPORT") => "adopt",
        _ => "undo",
    }
}
