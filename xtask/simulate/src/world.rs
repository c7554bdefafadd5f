//! One deployment in one run: its AWS, its two functions, and what happened to it.

use std::{
    cell::RefCell,
    sync::{Arc, Mutex, OnceLock, Weak},
    time::Duration,
};

use anyhow::Result;
use runvoy_orchestrator::{Orchestrator, machine::Machine};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    bridge,
    check::Checker,
    cloud,
    dynamo::Dynamo,
    ecs::Ecs,
    fate,
    faults::Faults,
    logs::Logs,
    plant::Plant,
    sim::{Sim, lock},
    task::Task,
};

/// When every run begins: 2026-01-05 00:00 UTC.
const START: i64 = 1_767_571_200;

thread_local! {
    /// Whose time and chance this thread's orchestrator is given.
    static HERE: RefCell<Weak<World>> = const { RefCell::new(Weak::new()) };
}

/// All of it.
pub struct World {
    pub sim: Arc<Sim>,
    pub dynamo: Dynamo,
    pub ecs: Ecs,
    pub logs: Logs,
    pub faults: Faults,
    pub checker: Mutex<Checker>,
    /// A bug in the orchestrator, as its requests show it.
    pub plant: Option<Plant>,
    /// Until when DynamoDB does not answer.
    pub dynamo_down: Mutex<Duration>,
    /// Until when no sweep runs.
    pub sweeper_down: Mutex<Duration>,
    trace: Mutex<Option<Vec<String>>>,
    orchestrator: OnceLock<Orchestrator>,
}

impl World {
    /// A new deployment without users. With `traced`, what happens is kept as text.
    pub fn new(seed: u64, plant: Option<Plant>, traced: bool) -> Result<Arc<Self>> {
        // The SDK's jitter.
        fastrand::seed(seed);
        let world = Arc::new(Self {
            sim: Arc::new(Sim::new(seed)),
            dynamo: Dynamo::new()?,
            ecs: Ecs::default(),
            logs: Logs::default(),
            faults: Faults::default(),
            checker: Mutex::default(),
            plant,
            dynamo_down: Mutex::default(),
            sweeper_down: Mutex::default(),
            trace: Mutex::new(traced.then(Vec::new)),
            orchestrator: OnceLock::new(),
        });
        let orchestrator = Orchestrator::new(&cloud::environment, &cloud::config(&world))?;
        let _ = world.orchestrator.set(orchestrator);
        HERE.set(Arc::downgrade(&world));
        Machine { now: wall_clock, random: fill, sleep: |time| Box::pin(here().sim.pause(time)) }.install();
        Ok(world)
    }

    /// The code under test.
    pub fn orchestrator(&self) -> Orchestrator {
        self.orchestrator.get().cloned().expect("set when the world was made")
    }

    /// Adds a line to the trace.
    pub fn say(&self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut *lock(&self.trace) {
            trace.push(format!("{:>9.3}s {:<14} {}", self.sim.now().as_secs_f64(), self.sim.name(), what()));
        }
    }

    /// What has happened so far, if it was kept.
    pub fn trace(&self) -> Vec<String> {
        lock(&self.trace).clone().unwrap_or_default()
    }

    /// Whether something of this probability happens.
    pub fn draw(&self, chance: f64) -> bool {
        self.sim.draw(fastrand::Rng::f64) < chance
    }

    /// RunTask has taken effect.
    pub fn started(self: &Arc<Self>, task: Task) {
        self.say(|| format!("ECS starts task {} for {}", short(&task.arn), task.started_by));
        lock(&self.checker).task_started(self, &task);
        self.sim.spawn(format!("task {}", short(&task.arn)), 0, fate::live(Arc::clone(self), task));
    }

    /// Changes a task's state, which is an event.
    pub fn change(self: &Arc<Self>, arn: &str, change: impl FnOnce(&mut Task)) {
        if let Some(task) = self.ecs.update(arn, change) {
            self.announce(&task);
        }
    }

    /// Sends the event of a task's state.
    pub fn announce(self: &Arc<Self>, task: &Task) {
        self.say(|| format!("{} exit {:?} {:?}", task.status, task.exit, task.stop_code));
        bridge::send(self, task);
    }

    /// Lets everything run until nothing is left to do or `done` says so.
    pub fn run(&self, mut done: impl FnMut(&Self) -> bool) {
        while !done(self) && self.sim.step() {}
    }
}

fn here() -> Arc<World> {
    HERE.with_borrow(Weak::upgrade).expect("a world outlives its orchestrator's work")
}

fn wall_clock() -> OffsetDateTime {
    let sim = &here().sim;
    instant(sim.now()) + time::Duration::seconds(sim.skew())
}

fn fill(bytes: &mut [u8]) -> Result<()> {
    here().sim.draw(|rng| rng.fill(bytes));
    Ok(())
}

fn instant(time: Duration) -> OffsetDateTime {
    let start = OffsetDateTime::from_unix_timestamp(START).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    start + time
}

/// A time as an event spells it.
pub fn at(time: Duration) -> String {
    let time = instant(time);
    time.replace_millisecond(time.millisecond()).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}

/// A time as ECS's API spells it.
pub fn seconds(time: Duration) -> f64 {
    START as f64 + time.as_millis() as f64 / 1000.0
}

/// An ARN's last digits.
pub fn short(arn: &str) -> &str {
    arn.trim_start_matches("arn:aws:ecs:us-east-1:123456789012:task/runvoy/").trim_start_matches('0')
}

/// A member of a JSON object as text.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
