//! The functions killed with `kill -9` before and after each AWS call that they make. Whoever asked asks again, the sweep
//! comes round, and everything is as it should be: one execution, ended once, no task without an owner, the lock free.

mod act;
mod stage;
mod tasks;
mod trouble;

use serde_json::{Value, json};

use self::{
    act::{Act, exit_code},
    stage::{Place, Stage},
};
use crate::{
    http::Reply,
    world::{Ran, until},
};

/// The place of an effect: after it there is one.
fn comes_to(places: &[Place], action: &str, nth: usize) -> usize {
    places.iter().position(|place| place.action == action && place.nth == nth && place.after).unwrap()
}

#[test]
fn a_launch_is_killed_at_each_call() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let mark = stage.cold();
    let model = Act::new(stage, "launch");
    let id = model.started();
    let places = stage.places(mark);
    let actions: Vec<_> = places.iter().filter(|place| place.after).map(|place| place.action.as_str()).collect();
    let launch = ["BatchGetItem", "TransactWriteItems", "RunTask", "RegisterTaskDefinition", "RunTask", "UpdateItem"];
    assert_eq!(actions, [&launch[..], &["GetSecretValue"]].concat());
    assert_eq!(exit_code(&model.comes_to_its_end(&id)), Some("7"));
    model.is_over(&id);

    let (on_record, has_task) = (comes_to(&places, "TransactWriteItems", 1), comes_to(&places, "RunTask", 2));
    for (index, place) in places.iter().enumerate() {
        println!("a launch, killed at {place:?}");
        let act = Act::new(stage, &format!("launch-{index}"));
        stage.cold();
        let broken = stage.killed(place, || act.start());
        assert_eq!(broken.status, 502, "{}", broken.body);
        let id = act.started();
        let row = act.comes_to_its_end(&id);
        let cut_short = (on_record..has_task).contains(&index);
        assert_eq!(exit_code(&row), (!cut_short).then_some("7"), "{row}");
        if cut_short {
            let reason = "the launch was cut short before its task was started";
            assert_eq!((&row["status"]["S"], &row["reason"]["S"]), (&json!("failed"), &json!(reason)));
        }
        act.is_over(&id);
    }
}

#[test]
fn the_cli_tells_how_a_killed_launch_ended() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let place = |action: &str, nth| {
        let service = if action == "RunTask" { "ecs" } else { "dynamodb" };
        Place { service: service.to_owned(), action: action.to_owned(), nth, after: true }
    };
    for (name, place, code) in [("cli-cut", place("TransactWriteItems", 1), 125), ("cli-ran", place("RunTask", 2), 7)] {
        let act = Act::new(stage, name);
        stage.cold();
        let text = |field: &str| act.body[field].as_str().unwrap();
        let mut exec = stage.site.command(&["exec", "--lock", &act.lock, "--image", text("image"), text("command")]);
        let running = stage.killed(&place, || exec.spawn().unwrap());
        let id = until("it is on record", || stage.executions(&act.lock).pop());
        act.comes_to_its_end(id["execution_id"]["S"].as_str().unwrap());
        let ran = Ran::from(running.wait_with_output().unwrap()).code(code);
        assert_eq!(stage.executions(&act.lock).len(), 1, "{}", ran.stderr);
        assert_eq!(act.runs(), usize::from(code == 7));
    }
}

#[test]
fn a_stop_is_killed_at_each_call() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let stop = |id: &str| stage.send("DELETE", &format!("/executions/{id}"), &[], &Value::Null);
    killed_at_each_end(stage, "stop", &|_, id| stop(id), &|id| stage.audited("execution.stop", id));
}

#[test]
fn a_forced_release_is_killed_at_each_call() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let release =
        |act: &Act<'_>| stage.send("DELETE", &format!("/locks/{}", act.lock), &[], &json!({ "reason": "it hangs" }));
    let locks = |id: &str| stage.audited("lock.release", stage.execution(id)["lock_name"]["S"].as_str().unwrap());
    killed_at_each_end(stage, "release", &|act, _| release(act), &locks);
}

/// What stops a task that runs: whoever asked for it asks again only if nothing is on record.
fn killed_at_each_end(
    stage: &Stage,
    name: &str,
    ask: &(dyn Fn(&Act<'_>, &str) -> Reply + Sync),
    audited: &dyn Fn(&str) -> usize,
) {
    let running = |name: &str| {
        let act = Act::new(stage, name);
        let id = act.started();
        act.runs_now();
        stage.tasks_are(&id, "RUNNING");
        (act, id)
    };
    let over = |act: &Act<'_>, id: &str| {
        assert_eq!(stage.tasks(id)[0]["desiredStatus"], "STOPPED", "it was told to");
        act.give_in();
        stage.tasks_are(id, "STOPPED");
        stage.sweep();
        let row = stage.execution(id);
        assert_eq!(row["status"]["S"], "stopped", "{row}");
        assert_eq!(audited(id), 1);
        act.is_over(id);
    };
    let (act, id) = running(name);
    let mark = stage.cold();
    assert_eq!(ask(&act, &id).status, 202);
    let places = stage.places(mark);
    over(&act, &id);

    let on_record = comes_to(&places, "TransactWriteItems", 1);
    assert!(on_record > 2 && places.len() > on_record + 4, "{places:?}");
    for (index, place) in places.iter().enumerate() {
        println!("a {name}, killed at {place:?}");
        let (act, id) = running(&format!("{name}-{index}"));
        stage.cold();
        assert_eq!(stage.killed(place, || ask(&act, &id)).status, 502);
        if index < on_record {
            assert_eq!(ask(&act, &id).status, 202);
        } else {
            stage.sweep();
        }
        over(&act, &id);
    }
}

#[test]
fn a_handover_is_killed_at_each_call() {
    let stage = Stage::get();
    let _turn = stage.turn();
    /// One that holds the lock and is over, and one that waits: both, and the event of the first one's end.
    fn scene<'a>(stage: &'a Stage, name: &str) -> (String, Act<'a>, String, Value) {
        let mut holder = Act::new(stage, &format!("{name}-holder"));
        holder.body["lock"] = json!(format!("lock-{name}"));
        let held = holder.started();
        let mut act = Act::new(stage, name);
        act.body["wait_lock"] = json!("10m");
        let waits = act.started();
        assert_eq!(stage.execution(&waits)["status"]["S"], "queued");
        holder.go_on();
        let tasks = stage.tasks_are(&held, "STOPPED");
        let event = stage.stopped_event(&held, &tasks[0]);
        (held, act, waits, event)
    }
    let over = |held: &str, act: &Act<'_>, id: &str, row: &Value| {
        let holder = stage.execution(held);
        assert_eq!((exit_code(&holder), &holder["status"]["S"]), (Some("7"), &json!("failed")));
        assert!(["7", ""].contains(&exit_code(row).unwrap_or_default()), "{row}");
        // Both were under the lock.
        let rows = stage.executions(&act.lock);
        assert_eq!(rows.len(), 2, "{rows:?}");
        let tasks = stage.tasks(id);
        assert!(tasks.len() <= 1 && tasks.iter().all(|task| task["lastStatus"] == "STOPPED"), "{tasks:?}");
        assert_eq!((act.runs(), exit_code(row).is_some()), (tasks.len(), tasks.len() == 1));
        assert_eq!(stage.lock(&act.lock)["holder"], Value::Null);
        stage.sweep();
        assert_eq!((stage.execution(held), &stage.execution(id)), (holder, row), "each ended once");
    };
    let (held, act, id, event) = scene(stage, "handover");
    let mark = stage.cold();
    assert!(stage.event(&event));
    let places = stage.places(mark);
    let row = act.comes_to_its_end(&id);
    assert_eq!(exit_code(&row), Some("7"));
    over(&held, &act, &id, &row);

    let (has_lock, has_task) = (comes_to(&places, "TransactWriteItems", 2), comes_to(&places, "RunTask", 2));
    for (index, place) in places.iter().enumerate() {
        println!("a handover, killed at {place:?}");
        let (held, act, id, event) = scene(stage, &format!("handover-{index}"));
        stage.cold();
        assert!(!stage.killed(place, || stage.event(&event)), "the function failed");
        // AWS hands it the event again.
        assert!(stage.event(&event));
        stage.sweep();
        let row = act.comes_to_its_end(&id);
        assert_eq!(exit_code(&row).is_none(), (has_lock..has_task).contains(&index), "{row}");
        over(&held, &act, &id, &row);
    }
}
