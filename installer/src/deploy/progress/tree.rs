//! The steps, and below each the resources of its stack, with everybody's stopwatch.

use std::time::{Duration, SystemTime};

use super::{
    Event, ResourceChange, ResourceState, StepState,
    event::{Running, UnderWay, seconds},
};
use crate::{
    deploy::estimate::{Estimate, Stage},
    ui,
};

/// All steps of this run, in the order of their beginnings.
#[derive(Default)]
pub(super) struct Tree {
    steps: Vec<Branch>,
    /// How many of the first are on the screen for good.
    settled: usize,
}

pub(super) struct Branch {
    pub(super) id: &'static str,
    pub(super) what: String,
    pub(super) detail: String,
    pub(super) began: SystemTime,
    pub(super) end: Option<End>,
    pub(super) estimate: Option<Estimate>,
    pub(super) leaves: Vec<Leaf>,
}

/// How a step ended.
pub(super) struct End {
    pub(super) state: StepState,
    pub(super) note: String,
    pub(super) at: SystemTime,
}

/// One resource.
pub(super) struct Leaf {
    pub(super) change: ResourceChange,
    began: SystemTime,
    pub(super) ended: Option<SystemTime>,
    usual: Option<Duration>,
}

/// How many resources are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) done: usize,
    pub(super) of: usize,
    /// Whether AWS takes back what it has done: something has failed.
    pub(super) undoing: bool,
}

impl Tree {
    pub(super) fn open(&mut self, id: &'static str, what: String, now: SystemTime) -> usize {
        let (detail, leaves) = (String::new(), Vec::new());
        self.steps.push(Branch { id, what, detail, began: now, end: None, estimate: None, leaves });
        self.steps.len() - 1
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// The step that [`Self::open`] gave this index.
    pub(super) fn step(&mut self, index: usize) -> &mut Branch {
        &mut self.steps[index]
    }

    /// The steps that have ended, and all before them too, since the last call: nothing changes there any more.
    pub(super) fn settle(&mut self) -> &[Branch] {
        let from = self.settled;
        self.settled += self.unsettled().iter().take_while(|step| step.end.is_some()).count();
        &self.steps[from..self.settled]
    }

    /// The other steps: from the first one that has not ended.
    pub(super) fn unsettled(&self) -> &[Branch] {
        &self.steps[self.settled..]
    }

    pub(super) fn under_way(&self, now: SystemTime) -> Vec<UnderWay> {
        self.steps.iter().filter(|step| step.end.is_none()).map(|step| step.under_way(now)).collect()
    }
}

impl Branch {
    /// Takes note of a change; none if there is nothing new in it.
    pub(super) fn resource(&mut self, change: &ResourceChange, now: SystemTime) -> Option<Event> {
        let mut change = ResourceChange { what: ui::printable(&change.what).into_owned(), ..change.clone() };
        if let ResourceState::Failed { reason } = &mut change.state {
            *reason = ui::printable(reason).into_owned();
        }
        let at = change.at.unwrap_or(now);
        let running = change.state == ResourceState::InProgress;
        let ended = (!running).then_some(at);
        let usual = self.estimate.as_ref().and_then(|estimate| estimate.usual(&change.logical));
        let usual = usual.filter(|_| !matches!(change.verb, "remove" | "undo" | "keep"));
        let known = self.leaves.iter().rposition(|leaf| leaf.change.logical == change.logical);
        let index = match known.map(|index| (index, &self.leaves[index])) {
            // AWS says twice that it has begun.
            Some((_, leaf)) if running && leaf.ended.is_none() && leaf.change.verb == change.verb => return None,
            Some((index, leaf)) if !running && leaf.ended.is_none() => {
                self.leaves[index] = Leaf { began: leaf.began, change, ended, usual };
                index
            }
            // Something else happens to it now. What failed is not forgotten over that.
            Some((index, leaf)) if !matches!(leaf.change.state, ResourceState::Failed { .. }) => {
                self.leaves[index] = Leaf { began: at, change, ended, usual };
                index
            }
            _ => {
                self.leaves.push(Leaf { began: at, change, ended, usual });
                self.leaves.len() - 1
            }
        };
        Some(self.leaves[index].event(self.id, now))
    }

    pub(super) fn event(&self, state: StepState, note: Option<String>, now: SystemTime) -> Event {
        let eta_seconds = self.eta(now).map(seconds);
        Event::Step { id: self.id, what: self.what.clone(), state, note, seconds: seconds(self.took(now)), eta_seconds }
    }

    /// Since it began, or how long it took.
    pub(super) fn took(&self, now: SystemTime) -> Duration {
        elapsed(self.began, self.end.as_ref().map_or(now, |end| end.at))
    }

    /// How long it will take still, if that is known and nothing has failed.
    pub(super) fn eta(&self, now: SystemTime) -> Option<Duration> {
        let estimate = self.estimate.as_ref().filter(|_| self.end.is_none() && !self.has_failed())?;
        let stage = |leaf: &Leaf| match leaf.ended {
            Some(_) => Stage::Done(leaf.took(now)),
            None => Stage::Running(leaf.took(now)),
        };
        let stages = self.leaves.iter().map(|leaf| (leaf.change.logical.as_str(), stage(leaf))).collect();
        Some(estimate.remaining(&stages))
    }

    /// How far its stack is; none where there is none, or nothing to do.
    pub(super) fn tally(&self) -> Option<Tally> {
        let undoing = self.has_failed();
        let done = |leaf: &&Leaf| leaf.ended.is_some() && (!undoing || matches!(leaf.change.verb, "remove" | "undo"));
        let done = self.leaves.iter().filter(|leaf| !leaf.has_failed()).filter(done).count();
        let of = match &self.estimate {
            Some(estimate) if !undoing => estimate.resources().max(self.leaves.len()),
            _ => self.leaves.iter().filter(|leaf| !leaf.has_failed()).count(),
        };
        (of > 0).then_some(Tally { done, of, undoing })
    }

    fn has_failed(&self) -> bool {
        self.leaves.iter().any(Leaf::has_failed)
    }

    fn under_way(&self, now: SystemTime) -> UnderWay {
        let tally = self.tally();
        UnderWay {
            step: self.id,
            what: self.what.clone(),
            detail: Some(self.detail.clone()).filter(|detail| !detail.is_empty()),
            seconds: seconds(self.took(now)),
            eta_seconds: self.eta(now).map(seconds),
            done: tally.map(|tally| tally.done),
            of: tally.map(|tally| tally.of),
            resources: self.leaves.iter().filter(|leaf| leaf.ended.is_none()).map(|leaf| leaf.running(now)).collect(),
        }
    }
}

impl Leaf {
    /// Since AWS began with it, or how long it took.
    pub(super) fn took(&self, now: SystemTime) -> Duration {
        elapsed(self.began, self.ended.unwrap_or(now))
    }

    /// How many times the usual time, if that is worth a word.
    pub(super) fn overrun(&self, now: SystemTime) -> Option<u64> {
        overrun(self.took(now).as_secs_f64(), self.usual?.as_secs_f64())
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.change.state, ResourceState::Failed { .. })
    }

    /// What is done to which.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.change.verb, self.change.what)
    }

    fn running(&self, now: SystemTime) -> Running {
        Running {
            logical_id: self.change.logical.clone(),
            what: self.title(),
            seconds: seconds(self.took(now)),
            usual_seconds: self.usual.map(seconds),
        }
    }

    fn event(&self, step: &'static str, now: SystemTime) -> Event {
        let (state, reason) = match &self.change.state {
            ResourceState::InProgress => ("in-progress", None),
            ResourceState::Done => ("done", None),
            ResourceState::Failed { reason } => ("failed", Some(reason.clone())),
            ResourceState::GivenUp => ("given-up", None),
            ResourceState::Kept => ("kept", None),
        };
        Event::Resource {
            step,
            logical_id: self.change.logical.clone(),
            resource_type: self.change.kind.clone(),
            what: self.change.what.clone(),
            verb: self.change.verb,
            state,
            reason,
            seconds: seconds(self.took(now)),
            usual_seconds: self.usual.map(seconds),
        }
    }
}

/// How many times the `usual` seconds it `took`: none up to twice as long, or ten seconds longer.
pub(super) fn overrun(took: f64, usual: f64) -> Option<u64> {
    (took > 2.0 * usual && took > usual + 10.0).then(|| (took / usual.max(1.0)) as u64)
}

/// Zero where the clocks disagree: AWS's may be a little ahead of ours.
pub(super) fn elapsed(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// `1 resource`, `2 resources`.
pub(super) fn resources(count: usize) -> String {
    if count == 1 { "1 resource".into() } else { format!("{count} resources") }
}
