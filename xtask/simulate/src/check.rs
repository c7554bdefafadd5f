//! The checker: sees each write as it takes effect, row by row, and each task as it starts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use runvoy_api::{
    infra::{AUDIT, EXECUTIONS, LOCKS, TABLES},
    status::Status,
};
use serde_json::{Value, json};

use crate::{
    cloud::{Call, Reply},
    dynamo::{STACK, number, text},
    faults::Fault,
    invariant::{Invariant, Violation},
    rules,
    sim::{Id, lock},
    task::Task,
    world::World,
};

/// What the checker remembers between steps.
#[derive(Default)]
pub struct Checker {
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// When each execution's row was last written.
    pub written: BTreeMap<String, Duration>,
    /// When each job last read what a launch decides on.
    pub read: BTreeMap<Id, Duration>,
    /// From when on a user's key, or everybody's, must start nothing.
    pub refused: BTreeMap<String, Duration>,
    /// In which order executions came to wait.
    pub waiting: BTreeMap<String, usize>,
    /// Who held each lock before, for telling late releases.
    pub held: BTreeMap<String, Vec<String>>,
}

/// A row before and after a write.
pub struct Change {
    pub table: &'static str,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl Checker {
    /// Notes what did not hold.
    pub fn violated(&mut self, invariant: Invariant, what: String) {
        self.violations.push(Violation { invariant, what });
    }

    /// A task has started: its lock must be its execution's, and nobody else's.
    pub fn task_started(&mut self, world: &World, task: &Task) {
        let tasks = world.ecs.tasks();
        let others = || tasks.iter().filter(|other| other.arn != task.arn);
        if let Some(other) = others().find(|other| other.started_by == task.started_by) {
            let what = format!("`{}` has two tasks: {} and {}", task.started_by, other.arn, task.arn);
            self.violated(Invariant::OnceOnly, what);
        }
        let Some(name) = &task.lock else { return };
        if let Some(other) = others().find(|other| other.is_live() && other.lock.as_ref() == Some(name)) {
            let what =
                format!("`{}` starts under the lock `{name}` while `{}` runs", task.started_by, other.started_by);
            self.violated(Invariant::MutualExclusion, what);
        }
        let row = lock_row(world, name).unwrap_or_default();
        let (holder, fence) = (text(&row, "holder"), number(&row, "fence"));
        if holder != Some(&task.started_by) || fence != task.fence {
            let what = format!(
                "`{}` starts with fence {:?}; `{name}` is {holder:?}'s, fence {fence:?}",
                task.started_by, task.fence
            );
            self.violated(Invariant::RunsUnderItsLock, what);
        }
    }
}

/// The row of a lock.
pub fn lock_row(world: &World, name: &str) -> Option<Value> {
    world.dynamo.row(&LOCKS.name(STACK), &json!({LOCKS.partition: {"S": name}}))
}

/// The row of an execution.
pub fn execution_row(world: &World, id: &str) -> Option<Value> {
    let id: runvoy_api::id::ExecutionId = id.parse().ok()?;
    let key = json!({EXECUTIONS.partition: {"S": id.as_str()}, "started_at": {"S": id.started_at()}});
    world.dynamo.row(&EXECUTIONS.name(STACK), &key)
}

/// Whether the row is one of an execution that has ended.
pub fn is_over(row: &Value) -> bool {
    text(row, "status").and_then(|status| status.parse::<Status>().ok()).is_some_and(Status::is_terminal)
}

/// Lets a write take effect and looks at all that it changed.
pub fn written(world: &Arc<World>, call: &Call) -> Reply {
    let touched = touched(&call.body);
    let read = |(table, key): &(&'static str, Value)| world.dynamo.row(&format!("{STACK}-{table}"), key);
    let before: Vec<_> = touched.iter().map(read).collect();
    let reply = world.dynamo.call(&call.action, call.body.clone());
    if reply.status != 200 {
        return reply;
    }
    let change =
        |(of, before): (&(&'static str, Value), Option<Value>)| Change { table: of.0, after: read(of), before };
    let changes: Vec<_> = touched.iter().zip(before).map(change).collect();
    let changes: Vec<_> = changes.into_iter().filter(|change| change.before != change.after).collect();
    let audited = changes.iter().any(|change| change.table == AUDIT.suffix);
    let mut checker = lock(&world.checker);
    for change in &changes {
        rules::changed(&mut checker, world, change, audited);
    }
    reply
}

/// The rows that a request names: table suffix, which is what a [`Change`] is told apart by, and key.
fn touched(body: &Value) -> Vec<(&'static str, Value)> {
    let single = [body.clone()];
    let items = body["TransactItems"].as_array().map_or(&single[..], Vec::as_slice);
    let of = |item: &Value| {
        let write = ["Put", "Update", "Delete"].iter().map(|kind| &item[*kind]).find(|write| write.is_object());
        let write = write.unwrap_or(item);
        let table = TABLES.iter().find(|table| write["TableName"] == table.name(STACK))?;
        let whole = if write["Key"].is_object() { &write["Key"] } else { &write["Item"] };
        let key: serde_json::Map<_, _> = [Some(table.partition), table.sort]
            .into_iter()
            .flatten()
            .map(|name| (name.to_owned(), whole[name].clone()))
            .collect();
        Some((table.suffix, Value::Object(key)))
    };
    items.iter().filter_map(of).collect()
}

/// Takes out of an index's reply what was written within the last second.
pub fn hide_new(world: &World, reply: &mut Value) {
    let written = &lock(&world.checker).written;
    let now = world.sim.now();
    let new = |item: &Value| {
        let at = text(item, EXECUTIONS.partition).and_then(|id| written.get(id));
        at.is_some_and(|at| now - *at < Duration::from_secs(1))
    };
    if let Some(items) = reply["Items"].as_array_mut() {
        items.retain(|item| !new(item));
    }
}

/// Counts an end that is reported once more after its lock has gone to somebody else.
pub fn ended_again(world: &World, task: &Task) {
    let held = &lock(&world.checker).held;
    let of = task.lock.as_ref().and_then(|name| held.get(name));
    if of.is_some_and(|held| held.contains(&task.started_by) && held.last() != Some(&task.started_by)) {
        world.faults.note(Fault::OldHolderReleases);
    }
}
