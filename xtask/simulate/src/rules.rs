//! The invariants on rows: each write is held against them.

use runvoy_api::infra::{API_KEYS, EXECUTIONS, KeyRow, LOCKS, Sentinel};
use serde_json::Value;

use crate::{
    check::{Change, Checker, execution_row, is_over, lock_row},
    dynamo::{number, text},
    invariant::Invariant,
    task::Task,
    world::World,
};

/// Looks at one row that a write has changed. `audited`: the same write made an audit record.
pub fn changed(checker: &mut Checker, world: &World, change: &Change, audited: bool) {
    match change.table {
        table if table == EXECUTIONS.suffix => execution(checker, world, change, audited),
        table if table == LOCKS.suffix => lock(checker, world, change),
        table if table == API_KEYS.suffix => key(checker, change, audited),
        _ => {}
    }
}

fn execution(checker: &mut Checker, world: &World, change: &Change, audited: bool) {
    let Some(after) = &change.after else { return };
    // The rows of idempotency keys have no status.
    let (Some(id), Some(_)) = (text(after, EXECUTIONS.partition), text(after, "status")) else { return };
    checker.written.insert(id.to_owned(), world.sim.now());
    let Some(before) = &change.before else {
        if !audited {
            checker.violated(Invariant::Audited, format!("`{id}` was started without an audit record"));
        }
        return started(checker, world, id, after);
    };
    if is_over(before) {
        checker.violated(Invariant::OneEnd, format!("`{id}` had ended and was written again: {before} -> {after}"));
    }
    let asked = |row: &Value| text(row, "stop_requested_by").map(str::to_owned);
    if asked(before) != asked(after) && !audited {
        checker.violated(Invariant::Audited, format!("`{id}` was stopped without an audit record"));
    }
    if is_over(after) {
        ended(checker, world, id, after);
    }
}

/// A new execution: whoever asked for it must have been let in when their key was read.
fn started(checker: &mut Checker, world: &World, id: &str, row: &Value) {
    let read = world.sim.current().and_then(|job| checker.read.get(&job)).copied();
    let refused = [text(row, "user_email").unwrap_or_default(), "*"].map(|who| checker.refused.get(who).copied());
    let refused = refused.into_iter().flatten().min();
    if let (Some(read), Some(refused)) = (read, refused)
        && read > refused
    {
        checker.violated(Invariant::RefusedStaysOut, format!("`{id}` was started after its user had been shut out"));
    }
}

/// The end of an execution: its lock is free, and what it says of its task is true.
fn ended(checker: &mut Checker, world: &World, id: &str, row: &Value) {
    if let Some(name) = text(row, "lock_name")
        && text(&lock_row(world, name).unwrap_or_default(), "holder") == Some(id)
    {
        checker.violated(Invariant::EndedHoldsNoLock, format!("`{id}` has ended and holds `{name}`"));
    }
    let exit = number(row, "exit_code");
    let task = world.ecs.tasks().into_iter().find(|task| task.started_by == id);
    let truth = task.as_ref().filter(|task| !task.is_live()).and_then(|task| task.exit).map(i64::from);
    let status = text(row, "status").unwrap_or_default();
    let invented = exit.is_some() && exit != truth;
    let withheld =
        exit.is_none() && truth.is_some() && status != "lost" && task.as_ref().is_some_and(|task| !forgot(world, task));
    if invented || withheld || (status == "completed" && truth != Some(0)) {
        let what = format!("`{id}` is {status} with exit code {exit:?}, its container's is {truth:?}");
        checker.violated(Invariant::ExitCodeTrue, what);
    }
    if let Some(task) = task.filter(Task::is_live) {
        let what = format!(
            "`{id}` has ended as {status} while its task is {}: {}",
            task.status,
            text(row, "reason").unwrap_or_default()
        );
        checker.violated(Invariant::NoOrphan, what);
    }
}

/// Whether nobody can find out any more how a task ended.
fn forgot(world: &World, task: &Task) -> bool {
    let hour = std::time::Duration::from_secs(3600);
    task.forgotten || task.stopped.is_some_and(|stopped| world.sim.now() >= stopped + hour)
}

fn lock(checker: &mut Checker, world: &World, change: &Change) {
    let empty = Value::Null;
    let (before, after) = (change.before.as_ref().unwrap_or(&empty), change.after.as_ref().unwrap_or(&empty));
    let name = text(after, LOCKS.partition).unwrap_or_default();
    queue(checker, before, after);
    let (old, new) = (text(before, "holder"), text(after, "holder"));
    let (low, high) = (number(before, "fence"), number(after, "fence"));
    let taken = new.is_some() && new != old;
    if high < low || (taken && high <= low) {
        checker.violated(Invariant::FenceGrows, format!("the fence of `{name}` goes from {low:?} to {high:?}"));
    }
    let Some(holder) = new.filter(|_| taken) else { return };
    checker.held.entry(name.to_owned()).or_default().push(holder.to_owned());
    let place = |id: &str| checker.waiting.get(id).copied();
    let overtaken = waiters(before).find(|id| place(id) < place(holder) || place(holder).is_none());
    if let Some(first) = overtaken {
        let what = format!("`{name}` goes to `{holder}` while `{first}` has waited longer");
        checker.violated(Invariant::FirstComeFirstServed, what);
    }
    if execution_row(world, holder).is_none_or(|row| is_over(&row)) {
        checker.violated(Invariant::EndedHoldsNoLock, format!("`{name}` goes to `{holder}`, which is not under way"));
    }
}

fn waiters(row: &Value) -> impl Iterator<Item = &str> {
    let list = row["waiters"]["L"].as_array().into_iter().flatten();
    list.filter_map(|entry| entry["M"]["execution_id"]["S"].as_str())
}

/// Notes who has come to wait.
fn queue(checker: &mut Checker, before: &Value, after: &Value) {
    for id in waiters(after) {
        if !waiters(before).any(|known| known == id) {
            let place = checker.waiting.len();
            checker.waiting.entry(id.to_owned()).or_insert(place);
        }
    }
}

/// Keys and settings; that a key was used is no mutation.
fn key(checker: &mut Checker, change: &Change, audited: bool) {
    let told = |row: &Option<Value>| {
        let row = row.clone().unwrap_or_default();
        [KeyRow::REVOKED, KeyRow::ROLE, KeyRow::POLICY, Sentinel::SETTINGS].map(|name| row[name].clone())
    };
    if told(&change.before) != told(&change.after) && !audited {
        checker.violated(
            Invariant::Audited,
            format!("a key or the settings changed without an audit record: {:?}", change.after),
        );
    }
}
