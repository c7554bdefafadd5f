//! The functions killed with `kill -9` before and after each AWS call that they make. Whoever asked asks again, the sweep
//! comes round, and everything is as it should be: one execution, ended once, no task without an owner, the lock free.

mod stage;
mod trouble;

use std::{fs, path::Path};

use serde_json::{Value, json};

use self::stage::{Place, Stage};
use crate::{
    http::Reply,
    world::{Ran, until},
};

/// An execution that waits for a file and ends with code 7, and leaves a line each time it is run.
struct Act<'a> {
    stage: &'a Stage,
    lock: String,
    ran: String,
    go_on: String,
    body: Value,
}

impl<'a> Act<'a> {
    fn new(stage: &'a Stage, name: &str) -> Self {
        let (ran, go_on) = (stage.file(&format!("{name}-ran")), stage.file(&format!("{name}-go-on")));
        let command =
            format!("trap 'exit 143' TERM; echo ran >> {ran}; until [ -e {go_on} ]; do sleep 0.05; done; exit 7");
        let lock = format!("lock-{name}");
        // An image of its own has no task definition yet.
        let body = json!({ "command": command, "lock": lock, "image": format!("crash:{name}") });
        Self { stage, lock, ran, go_on, body }
    }

    fn start(&self) -> Reply {
        self.stage.send("POST", "/executions", &[("idempotency-key", &self.lock)], &self.body)
    }

    fn started(&self) -> String {
        let reply = self.start();
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.json()["execution_id"].as_str().unwrap().to_owned()
    }

    fn go_on(&self) {
        fs::write(&self.go_on, "").unwrap();
    }

    /// How often the command was run.
    fn runs(&self) -> usize {
        fs::read_to_string(&self.ran).unwrap_or_default().lines().count()
    }

    /// Waits until its command runs.
    fn runs_now(&self) {
        until("the command runs", || Path::new(&self.ran).exists().then_some(()));
    }

    /// Lets time pass and the sweep come round until the execution is over.
    fn comes_to_its_end(&self, id: &str) -> Value {
        self.stage.age(id);
        self.stage.sweep();
        if !self.stage.tasks(id).is_empty() {
            self.runs_now();
            self.stage.sweep();
            assert_eq!(self.stage.execution(id)["status"]["S"], "running", "found by the sweep");
            self.go_on();
            self.stage.tasks_are(id, "STOPPED");
            self.stage.sweep();
        }
        self.stage.execution(id)
    }

    /// What must be true in the end, whatever happened.
    fn is_over(&self, id: &str) {
        let rows = self.stage.executions(&self.lock);
        assert_eq!(rows.len(), 1, "one execution: {rows:?}");
        let row = &rows[0];
        assert_eq!(row["execution_id"]["S"], id);
        let status = row["status"]["S"].as_str().unwrap();
        assert!(["completed", "failed", "stopped", "timed_out", "lost"].contains(&status), "{row}");
        assert_eq!(self.stage.audited("execution.start", id), 1);
        let tasks = self.stage.tasks(id);
        assert!(tasks.len() <= 1 && tasks.iter().all(|task| task["lastStatus"] == "STOPPED"), "{tasks:?}");
        assert_eq!(self.runs(), tasks.len());
        let lock = self.stage.lock(&self.lock);
        assert_eq!(
            (&lock["holder"], &lock["waiters"]["L"].as_array().map_or(0, Vec::len)),
            (&Value::Null, &0),
            "{lock}"
        );
        // Whatever comes now changes nothing.
        for task in &tasks {
            assert!(self.stage.event(&self.stage.stopped_event(id, task)));
        }
        self.stage.sweep();
        assert_eq!(self.stage.execution(id), *row, "ended once");
        assert_eq!(self.started(), id, "a repeat starts nothing");
        assert_eq!(self.runs(), tasks.len());
    }
}

fn exit_code(row: &Value) -> Option<&str> {
    row["exit_code"]["N"].as_str()
}

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
