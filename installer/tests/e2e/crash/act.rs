//! One execution, and what becomes of it.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::stage::Stage;
use crate::{http::Reply, world::until};

/// An execution that waits for a file and ends with code 7, and leaves a line each time it is run. Told to stop, it waits
/// for another file: what a request sees of its task must not depend on how fast that ends.
pub struct Act<'a> {
    stage: &'a Stage,
    pub lock: String,
    ran: String,
    go_on: String,
    give_in: String,
    pub body: Value,
}

impl<'a> Act<'a> {
    pub fn new(stage: &'a Stage, name: &str) -> Self {
        let [ran, go_on, give_in] = ["ran", "go-on", "give-in"].map(|file| stage.file(&format!("{name}-{file}")));
        let wait = |file: &str| format!("until [ -e {file} ]; do sleep 0.05; done");
        let command = format!("trap '{}; exit 143' TERM; echo ran >> {ran}; {}; exit 7", wait(&give_in), wait(&go_on));
        let lock = format!("lock-{name}");
        // An image of its own has no task definition yet.
        let body = json!({ "command": command, "lock": lock, "image": format!("crash:{name}") });
        Self { stage, lock, ran, go_on, give_in, body }
    }

    pub fn start(&self) -> Reply {
        self.stage.send("POST", "/executions", &[("idempotency-key", &self.lock)], &self.body)
    }

    pub fn started(&self) -> String {
        let reply = self.start();
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.json()["execution_id"].as_str().unwrap().to_owned()
    }

    pub fn go_on(&self) {
        fs::write(&self.go_on, "").unwrap();
    }

    /// It may end now that it is told to.
    pub fn give_in(&self) {
        fs::write(&self.give_in, "").unwrap();
    }

    /// How often the command was run.
    pub fn runs(&self) -> usize {
        fs::read_to_string(&self.ran).unwrap_or_default().lines().count()
    }

    /// Waits until its command runs.
    pub fn runs_now(&self) {
        until("the command runs", || Path::new(&self.ran).exists().then_some(()));
    }

    /// Lets time pass and the sweep come round until the execution is over.
    pub fn comes_to_its_end(&self, id: &str) -> Value {
        self.stage.age(id);
        self.stage.sweep();
        if !self.stage.tasks(id).is_empty() {
            self.runs_now();
            self.stage.tasks_are(id, "RUNNING");
            self.stage.sweep();
            assert_eq!(self.stage.execution(id)["status"]["S"], "running", "found by the sweep");
            self.go_on();
            self.stage.tasks_are(id, "STOPPED");
            self.stage.sweep();
        }
        self.stage.execution(id)
    }

    /// What must be true in the end, whatever happened.
    pub fn is_over(&self, id: &str) {
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

pub fn exit_code(row: &Value) -> Option<&str> {
    row["exit_code"]["N"].as_str()
}
