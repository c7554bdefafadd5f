//! Waiting for a lock, and taking one away.

use std::{fs, path::PathBuf};

use runvoy_api::infra::SWEEP_DETAIL_TYPE;
use serde_json::{Value, json};

use crate::world::{ADMIN, Running, World, line, until};

/// An execution that holds the lock until its file appears.
fn hold(world: &World, lock: &str) -> (Running, String, PathBuf) {
    let go_on = world.file(&format!("{lock}-go-on"));
    let command = format!("echo held; until [ -e {} ]; do sleep 0.05; done", go_on.display());
    let mut holder = world.spawn(&["exec", &command, "--lock", lock]);
    let id = holder.execution_id();
    assert_eq!(line(&mut holder.stdout), "held\n");
    (holder, id, go_on)
}

fn queued(world: &World, lock: &str, wait: &str, command: &str) -> String {
    let ran = world.run(&["exec", "--detach", "--lock", lock, "--wait-lock", wait, command]).code(0);
    ran.clone().says("waits for its lock, place");
    ran.stdout.trim().to_owned()
}

fn record(world: &World, id: &str) -> Value {
    world.run(&["status", id, "--json"]).code(0).json()
}

fn lock_of(world: &World, name: &str) -> Value {
    let list = world.run(&["locks", "list", "--json"]).code(0).json();
    list["locks"].as_array().unwrap().iter().find(|lock| lock["lock_name"] == name).cloned().unwrap_or_default()
}

#[test]
fn those_that_wait_are_served_in_their_order() {
    let world = World::get();
    let (holder, holder_id, go_on) = hold(world, "ordered");
    let order = world.file("order");
    let ids: Vec<String> = (1..=3)
        .map(|n| queued(world, "ordered", "10m", &format!("echo {n} $RUNVOY_LOCK_FENCE >> {}", order.display())))
        .collect();
    for (place, id) in ids.iter().enumerate() {
        let record = record(world, id);
        assert_eq!((&record["status"], &record["queue_position"]), (&json!("queued"), &json!(place + 1)));
        assert_eq!(record["task_arn"], Value::Null, "it has no task while it waits");
    }
    let lock = lock_of(world, "ordered");
    let waiters = lock["waiters"].as_array().unwrap().iter();
    let waiters: Vec<_> = waiters.map(|waiter| waiter["execution_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((lock["execution_id"].as_str(), &waiters), (Some(&*holder_id), &ids));
    // Nobody overtakes, not even one that does not wait.
    world.run(&["exec", "--lock", "ordered", "true"]).code(125).says(&holder_id).says("waiting:   3");

    fs::write(go_on, "").unwrap();
    holder.end().code(0);
    for id in &ids {
        let record = world.ended(id);
        assert_eq!((&record["status"], &record["exit_code"]), (&json!("completed"), &json!(0)));
        assert!(record["launched_at"].as_str().unwrap() >= record["started_at"].as_str().unwrap(), "{record}");
    }
    let lines = fs::read_to_string(order).unwrap();
    let lines: Vec<(u32, u64)> = lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(n, fence)| (n.parse().unwrap(), fence.parse().unwrap()))
        .collect();
    assert_eq!(lines.iter().map(|(n, _)| *n).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(lines.is_sorted_by(|a, b| a.1 < b.1), "each under a fence of its own: {lines:?}");
}

#[test]
fn a_long_command_that_waited_is_fetched_when_its_turn_comes() {
    let world = World::get();
    let (holder, _, go_on) = hold(world, "long");
    let id = queued(world, "long", "10m", &format!(": {}; exit 9", "x".repeat(10_000)));
    fs::write(go_on, "").unwrap();
    holder.end().code(0);
    let record = world.ended(&id);
    assert_eq!(record["exit_code"], 9, "{record}");
}

#[test]
fn a_follower_in_the_queue_gets_its_output_and_exit_code() {
    let world = World::get();
    let (holder, _, go_on) = hold(world, "followed");
    let mut waiting = world.spawn(&["exec", "--lock", "followed", "--wait-lock", "10m", "echo mine; exit 7"]);
    let id = waiting.execution_id();
    until("it waits", || (record(world, &id)["status"] == "queued").then_some(()));
    fs::write(go_on, "").unwrap();
    holder.end().code(0);
    assert_eq!(waiting.end().code(7).stdout, "mine\n");
}

#[test]
fn who_waits_can_be_stopped_and_leaves_no_gap() {
    let world = World::get();
    let (holder, _, go_on) = hold(world, "left");
    let (first, second) = (queued(world, "left", "10m", "echo never"), queued(world, "left", "10m", "true"));
    world.run(&["stop", &first]).code(0);
    let stopped = record(world, &first);
    assert_eq!(stopped["status"], "stopped");
    assert_eq!(stopped["reason"], format!("stopped by {ADMIN} while it waited for its lock"));
    assert_eq!(record(world, &second)["queue_position"], 1);
    world.run(&["stop", &first]).code(1).says("over already");
    fs::write(go_on, "").unwrap();
    holder.end().code(0);
    assert_eq!(world.ended(&second)["status"], "completed");
    assert_eq!(world.run(&["logs", &first]).code(0).stdout, "");
}

#[test]
fn waiting_ends_in_time_and_the_lock_stays_with_its_holder() {
    let world = World::get();
    let (holder, holder_id, go_on) = hold(world, "impatient");
    let ran = world.run(&["exec", "--lock", "impatient", "--wait-lock", "1s", "echo never"]).code(125);
    assert_eq!(ran.stdout, "");
    ran.says("waited 1 seconds for the lock `impatient`");
    assert_eq!(lock_of(world, "impatient")["execution_id"], holder_id);
    assert_eq!(lock_of(world, "impatient")["waiters"], Value::Null);
    fs::write(go_on, "").unwrap();
    holder.end().code(0);
}

#[test]
fn the_sweep_moves_a_queue_that_nobody_woke() {
    let world = World::get();
    let (holder, ..) = hold(world, "asleep");
    // Its image is its own: whoever starts it registers its task definition.
    let exec = ["exec", "--detach", "--image", "only-asleep:1", "--lock", "asleep", "--wait-lock", "10m", "true"];
    let id = world.run(&exec).code(0).stdout.trim().to_owned();
    // A lock that came free, and whoever freed it died before handing it over.
    let row = json!({ "TableName": "runvoy-locks", "Key": { "lock_name": {"S": "asleep"} },
        "UpdateExpression": "REMOVE holder" });
    world.aws("dynamodb", "DynamoDB_20120810.UpdateItem", &row);
    let reply = world.invoke("runvoy-events", &json!({ "detail-type": SWEEP_DETAIL_TYPE }));
    assert_eq!(reply, Value::Null, "the sweep failed");
    assert_eq!(world.ended(&id)["status"], "completed");
    fs::write(world.file("asleep-go-on"), "").unwrap();
    holder.end().code(0);
}

#[test]
fn a_forced_release_stops_the_holder_first() {
    let world = World::get();
    let mut holder = world.spawn(&[
        "exec",
        "--lock",
        "forced/one",
        "trap 'echo cleaned; exit 143' TERM; echo ready; sleep 60 & wait",
    ]);
    let id = holder.execution_id();
    assert_eq!(line(&mut holder.stdout), "ready\n");
    let next = queued(world, "forced/one", "10m", "true");
    let member = world.add_user("forcing@example.com", "member");
    world
        .run_as(&member, &["locks", "release", "forced/one", "--reason", "mine"])
        .code(1)
        .says("needs the role `admin`");
    world.run(&["locks", "release", "forced/one", "--reason", "it hangs"]).code(0).says("any more");
    assert_eq!(holder.end().code(143).stdout, "cleaned\n");
    let stopped = world.ended(&id);
    let reason = format!("stopped by {ADMIN}, to release the lock `forced/one`: it hangs");
    assert_eq!((&stopped["status"], stopped["reason"].as_str()), (&json!("stopped"), Some(&*reason)));
    let served = world.ended(&next);
    assert_eq!(served["status"], "completed");
    assert!(served["launched_at"].as_str().unwrap() >= stopped["completed_at"].as_str().unwrap(), "{served} {stopped}");
    world.run(&["locks", "release", "forced/one", "--reason", "again"]).code(1).says("no held lock");
    let trail = world.run(&["audit", "--since", "1h", "--limit", "1000", "--json"]).code(0).json();
    let released = trail["entries"].as_array().unwrap().iter().find(|entry| entry["action"] == "lock.release").unwrap();
    assert_eq!((&released["target"], &released["details"]["reason"]), (&json!("forced/one"), &json!("it hangs")));
}
