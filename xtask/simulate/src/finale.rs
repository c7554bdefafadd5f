//! What must hold when all is over.

use std::collections::BTreeMap;

use runvoy_api::{
    id::parse_rfc3339,
    infra::{AUDIT, EXECUTIONS, LOCKS},
};
use serde_json::Value;

use crate::{
    check::is_over,
    dynamo::text,
    faults::Fault,
    invariant::Invariant,
    sim::lock,
    world::{World, at},
};

/// What no record may hold: see [`crate::actors`].
pub const SECRET: &str = "s3cr3t";

fn executions(world: &World) -> Vec<Value> {
    let mut rows = world.dynamo.rows(&EXECUTIONS);
    rows.retain(|row| text(row, "status").is_some());
    rows
}

fn is_taken(lock: &Value) -> bool {
    text(lock, "holder").is_some() || lock["waiters"]["L"].as_array().is_some_and(|waiters| !waiters.is_empty())
}

/// Whether nothing is under way any more.
pub fn is_settled(world: &World) -> bool {
    !world.ecs.tasks().iter().any(|task| task.is_live())
        && executions(world).iter().all(is_over)
        && !world.dynamo.rows(&LOCKS).iter().any(is_taken)
}

/// Counts what comes about with time alone.
pub fn watch(world: &World) {
    let now = world.sim.now();
    let expired = |lock: &Value| text(lock, "expires_at").and_then(parse_rfc3339) < parse_rfc3339(&at(now));
    let held = world.dynamo.rows(&LOCKS).into_iter().filter(|lock| text(lock, "holder").is_some());
    held.filter(expired).for_each(|_| world.faults.note(Fault::LockExpired));
    if now < *lock(&world.sweeper_down) {
        let late = |started| now > started + std::time::Duration::from_secs(60);
        let past = |task: &crate::task::Task| task.is_live() && task.started.is_some_and(|at| late(at + task.limit));
        world.ecs.tasks().iter().filter(|task| past(task)).for_each(|_| world.faults.note(Fault::SweeperDown));
    }
}

/// Checks the end.
pub fn check(world: &World) {
    let (rows, tasks) = (executions(world), world.ecs.tasks());
    let mut checker = lock(&world.checker);
    let mut commands: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &rows {
        let (id, status) =
            (text(row, EXECUTIONS.partition).unwrap_or_default(), text(row, "status").unwrap_or_default());
        if !is_over(row) {
            checker.violated(Invariant::EveryExecutionEnds, format!("`{id}` is {status} for ever"));
        }
        // Each request of the simulation has a command of its own.
        if let Some(other) = commands.insert(text(row, "command").unwrap_or_default(), id) {
            checker.violated(Invariant::OnceOnly, format!("`{other}` and `{id}` are one request"));
        }
        let ran = tasks.iter().find(|task| task.started_by == id && task.started.is_some());
        if let Some(task) = ran.filter(|_| text(row, "task_arn").is_none()) {
            checker.violated(Invariant::NoOrphan, format!("`{id}` knows of no task, and {} ran for it", task.arn));
        }
    }
    for task in &tasks {
        if task.is_live() {
            let what = format!("{} of `{}` is {} for ever", task.arn, task.started_by, task.status);
            checker.violated(Invariant::NoOrphan, what);
        }
        if !rows.iter().any(|row| text(row, EXECUTIONS.partition) == Some(&task.started_by)) {
            checker.violated(Invariant::NoOrphan, format!("{} is of no execution", task.arn));
        }
    }
    for lock in world.dynamo.rows(&LOCKS).iter().filter(|lock| is_taken(lock)) {
        checker.violated(Invariant::EveryExecutionEnds, format!("a lock is taken for ever: {lock}"));
    }
    let records = world.dynamo.rows(&AUDIT).into_iter().chain(rows.iter().filter(|row| is_over(row)).cloned());
    if let Some(row) = records.into_iter().find(|row| row.to_string().contains(SECRET)) {
        checker.violated(Invariant::SecretsStay, format!("a secret is on record: {row}"));
    }
}
