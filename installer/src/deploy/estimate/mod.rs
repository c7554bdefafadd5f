//! How long a stack takes: the longest chain of resources that wait for each other.

mod graph;
mod learned;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use graph::Resources;
pub use learned::Learned;

use crate::error::Result;

/// How much evidence it takes until this run's own pace outweighs the usual one.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something that takes longer than usual may take a tenth longer still.
const OVERRUN: f64 = 0.1;

/// How far a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Under way for this long.
    Running(Duration),
    /// Done, after this long.
    Done(Duration),
}

/// How long the changes to one stack usually take.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Each after all those that it waits for.
    nodes: Vec<Node>,
    total: Duration,
    critical_path: Vec<String>,
}

#[derive(Debug, Clone)]
struct Node {
    logical: String,
    usual: Duration,
    /// Whether it changes at all. What stays as it is only hands the order on.
    changes: bool,
    /// Indexes of those that it waits for: all of them smaller than its own.
    waits_for: Vec<usize>,
}

impl Estimate {
    /// For a stack that is created from `template`. Fails if that is no template.
    pub fn create(template: &str, learned: &Learned) -> Result<Self> {
        let resources = Resources::read(template)?;
        Ok(Self::of(resources.order(|_, kind| Some(learned.usual(kind, "create")))))
    }

    /// For a stack that becomes `template` by changing the resources of these logical ids. Those that the template
    /// does not have are removed in the end. Fails if that is no template.
    pub fn update(template: &str, changed: &BTreeSet<String>, learned: &Learned) -> Result<Self> {
        let resources = Resources::read(template)?;
        let mut nodes =
            resources.order(|logical, kind| changed.contains(logical).then(|| learned.usual(kind, "update")));
        let waits_for: Vec<_> = (0..nodes.len()).collect();
        let removed = changed.iter().filter(|logical| !resources.contains(logical));
        nodes.extend(removed.map(|logical| Node {
            logical: logical.clone(),
            usual: learned::UNKNOWN,
            changes: true,
            waits_for: waits_for.clone(),
        }));
        Ok(Self::of(nodes))
    }

    /// For a stack of `template` that is deleted, as far as these resources are there: each goes once nothing refers to it
    /// any more. Fails if that is no template.
    pub fn remove(template: &str, there: &BTreeSet<String>, learned: &Learned) -> Result<Self> {
        let resources = Resources::read(template)?;
        let made = resources.order(|logical, kind| there.contains(logical).then(|| learned.usual(kind, "remove")));
        let last = made.len().saturating_sub(1);
        let mut nodes: Vec<_> = made.iter().rev().map(|node| Node { waits_for: vec![], ..node.clone() }).collect();
        for (index, node) in made.iter().enumerate() {
            node.waits_for.iter().for_each(|before| nodes[last - before].waits_for.push(last - index));
        }
        Ok(Self::of(nodes))
    }

    fn of(nodes: Vec<Node>) -> Self {
        let mut estimate = Self { nodes, total: Duration::ZERO, critical_path: Vec::new() };
        estimate.total = estimate.remaining(&BTreeMap::new());
        estimate.critical_path = estimate.longest_chain();
        estimate
    }

    /// How long all of it usually takes.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// How many resources change.
    pub fn resources(&self) -> usize {
        self.nodes.iter().filter(|node| node.changes).count()
    }

    /// How long a resource usually takes; none if it should not change.
    pub fn usual(&self, logical: &str) -> Option<Duration> {
        self.nodes.iter().find(|node| node.changes && node.logical == logical).map(|node| node.usual)
    }

    /// The chain of resources that takes longest, by logical ids, the first one first.
    pub fn critical_path(&self) -> &[String] {
        &self.critical_path
    }

    fn longest_chain(&self) -> Vec<String> {
        let ends = self.ends(|node, ready| ready + node.usual);
        let last = |indexes: &mut dyn Iterator<Item = usize>| indexes.max_by_key(|index| ends[*index]);
        let mut path = Vec::new();
        let mut next = last(&mut (0..self.nodes.len()));
        while let Some(index) = next {
            let node = &self.nodes[index];
            if node.changes {
                path.push(node.logical.clone());
            }
            next = last(&mut node.waits_for.iter().copied());
        }
        path.reverse();
        path
    }

    /// How long it takes from now on, given how far each resource is that was begun. What is done already tells how
    /// much faster or slower than usual this run is.
    pub fn remaining(&self, stages: &BTreeMap<&str, Stage>) -> Duration {
        let pace = self.pace(stages);
        let ends = self.ends(|node, ready| match stages.get(node.logical.as_str()) {
            Some(Stage::Done(_)) => Duration::ZERO,
            Some(Stage::Running(since)) => node.usual.mul_f64(pace).saturating_sub(*since).max(since.mul_f64(OVERRUN)),
            None => ready + node.usual.mul_f64(pace),
        });
        ends.into_iter().max().unwrap_or_default()
    }

    /// How long this run takes for what usually takes one second.
    fn pace(&self, stages: &BTreeMap<&str, Stage>) -> f64 {
        let (mut took, mut usual) = (PATIENCE, PATIENCE);
        for node in self.nodes.iter().filter(|node| node.changes) {
            if let Some(Stage::Done(seconds)) = stages.get(node.logical.as_str()) {
                took += *seconds;
                usual += node.usual;
            }
        }
        took.div_duration_f64(usual)
    }

    /// When each node ends, by what `end` makes of it and of when the last one is done that it waits for.
    fn ends(&self, end: impl Fn(&Node, Duration) -> Duration) -> Vec<Duration> {
        let mut ends: Vec<Duration> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let ready = node.waits_for.iter().map(|index| ends[*index]).max().unwrap_or_default();
            ends.push(end(node, ready));
        }
        ends
    }
}

#[cfg(test)]
mod tests;
