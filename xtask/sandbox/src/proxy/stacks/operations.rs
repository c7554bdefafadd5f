//! The operations on stacks that have passed through: what they changed, and at what pace callers see it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;

use super::members::{members, set};
use super::schedule::Schedule;
use super::template::Template;
use super::view::timestamp;
use crate::proxy::reply::element;

/// All of them, in the order in which they began.
#[derive(Default)]
pub(super) struct Operations(Mutex<Vec<Operation>>);

/// One operation.
#[derive(Clone)]
pub(super) struct Operation {
    pub stack_id: String,
    pub stack_name: String,
    /// How many events the stack had before.
    pub baseline: usize,
    pub began: OffsetDateTime,
    /// None: as fast as the engine.
    pub pace: Option<f64>,
    pub dependencies: BTreeMap<String, BTreeSet<String>>,
    /// The resources that an update is about; all, if unknown.
    pub changed: Option<BTreeSet<String>>,
    /// What DescribeStacks said before.
    pub before: String,
    /// The stack's template before.
    pub template_before: String,
    /// When it was cancelled.
    pub ended: Option<OffsetDateTime>,
    /// Whether callers see it as the rollback of a cancelled update.
    pub rolls_back: bool,
}

/// A stack of which callers see something else than what the engine says.
pub(super) struct AtWork {
    pub operation: Operation,
    pub status: String,
}

impl Operation {
    /// Reads off an update's change set which resources it is about, and off a template what they wait for.
    pub fn learn(&mut self, change_set: &str, template: Option<&str>) {
        let changes = members(change_set, "Changes");
        let changed = changes.iter().filter_map(|change| element(change, "LogicalResourceId")).map(str::to_owned);
        let is_update = element(change_set, "ChangeSetType") == Some("UPDATE");
        self.changed = is_update.then(|| changed.collect());
        self.dependencies =
            template.and_then(Template::parse).map(|template| template.dependencies()).unwrap_or_default();
    }

    /// The engine updates every resource of a stack; AWS only those that change.
    fn is_noise(&self, event: &str) -> bool {
        let field = |tag| element(event, tag).unwrap_or_default();
        let Some(changed) = &self.changed else { return false };
        let touched = matches!(field("ResourceStatus"), "UPDATE_IN_PROGRESS" | "UPDATE_COMPLETE");
        touched && field("ResourceType") != STACK && !changed.contains(field("LogicalResourceId"))
    }

    /// Its events as callers should see them at `now`, oldest first, and whether that is all of them.
    fn reveal(&self, events: &[String], now: OffsetDateTime) -> (Vec<String>, bool) {
        let events = events.iter().filter(|event| !self.is_noise(event)).cloned().collect::<Vec<_>>();
        let Some(factor) = self.pace else { return (events, true) };
        let Self { stack_id, began, dependencies, .. } = self;
        let times = Schedule { stack_id, began: *began, factor, dependencies }.times(&events);
        let end = self.ended.unwrap_or(now);
        let mut due = times.into_iter().zip(&events).filter(|(at, _)| *at <= end).collect::<Vec<_>>();
        due.sort_by_key(|(at, _)| *at);
        let all = due.len() == events.len();
        (due.into_iter().map(|(at, event)| self.seen(&set(event, "Timestamp", &timestamp(at)))).collect(), all)
    }

    /// An event as part of what callers take this operation for.
    fn seen(&self, event: &str) -> String {
        let status = element(event, "ResourceStatus").unwrap_or_default();
        match status
            .strip_prefix("UPDATE_")
            .filter(|_| self.rolls_back && element(event, "ResourceType") == Some(STACK))
        {
            Some(rest) => set(event, "ResourceStatus", &format!("UPDATE_ROLLBACK_{rest}")),
            None => event.to_owned(),
        }
    }
}

const STACK: &str = "AWS::CloudFormation::Stack";

impl Operations {
    pub fn add(&self, operation: Operation) {
        self.lock().push(operation);
    }

    /// The last operation on a stack was cancelled.
    pub fn end(&self, stack_id: &str, at: OffsetDateTime) {
        if let Some(last) = self.lock().iter_mut().rfind(|known| known.stack_id == stack_id) {
            last.ended = Some(at);
        }
    }

    /// The ids of stacks that were last changed at a pace.
    pub fn paced(&self) -> BTreeSet<String> {
        let operations = self.lock();
        operations
            .iter()
            .filter(|operation| operation.pace.is_some())
            .map(|operation| operation.stack_id.clone())
            .collect()
    }

    /// A stack's events as callers should see them, newest first as they are given, and what it is at if not all is shown.
    pub fn reveal(&self, stack_id: &str, newest_first: Vec<String>) -> (Vec<String>, Option<AtWork>) {
        let mut events = newest_first;
        events.reverse();
        let operations = self.lock().iter().filter(|known| known.stack_id == stack_id).cloned().collect::<Vec<_>>();
        let mut shown =
            events[..operations.first().map_or(events.len(), |first| first.baseline.min(events.len()))].to_vec();
        let mut at_work = None;
        for (index, operation) in operations.iter().enumerate() {
            let end = operations.get(index + 1).map_or(events.len(), |next| next.baseline.min(events.len()));
            let own = events.get(operation.baseline.min(end)..end).unwrap_or_default();
            let (revealed, all) = operation.reveal(own, OffsetDateTime::now_utc());
            let is_last = index + 1 == operations.len();
            if is_last && (!all || operation.rolls_back) {
                let own = revealed.iter().rev().find(|event| element(event, "ResourceType") == Some(STACK));
                let status = own.and_then(|event| element(event, "ResourceStatus")).unwrap_or_default().to_owned();
                at_work = Some(AtWork { operation: operation.clone(), status });
            }
            shown.extend(revealed);
        }
        shown.reverse();
        (shown, at_work)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AtWork {
    /// The stack as DescribeStacks shows it: by what it says now, or by what it said before it was deleted.
    pub fn shown(&self, stack: &str) -> String {
        let stack = set(&set(stack, "StackStatus", &self.status), "StackStatusReason", "");
        // Outputs come with the end.
        if self.status.starts_with("CREATE") { without_outputs(&stack) } else { stack }
    }
}

fn without_outputs(stack: &str) -> String {
    set(stack, "Outputs", "")
}
