//! A deployment with two users, on which one fault is played.

use std::sync::{Arc, Mutex};

use runvoy_simulate::{
    bridge, check,
    dynamo::{number, text},
    faults::Fault,
    schedule,
    sim::lock,
    users::User,
    world::World,
};
use serde_json::{Value, json};

/// What a play works with.
#[derive(Clone)]
pub struct Stage {
    pub world: Arc<World>,
    pub admin: User,
    pub ann: User,
}

impl Stage {
    pub fn new() -> Self {
        Self::seeded(1)
    }

    /// With a chance of its own.
    pub fn seeded(seed: u64) -> Self {
        let world = World::new(seed, None, true).unwrap();
        let user = |name: &str, role: &str| User::new(&world, &format!("{name}@example.com"), role).unwrap();
        let (admin, ann) = (user("admin", "admin"), user("ann", "member"));
        bridge::schedule(&world);
        Self { world, admin, ann }
    }

    /// This fault takes its next so many chances.
    pub fn fault(self, fault: Fault, times: u32) -> Self {
        self.world.faults.script(fault, times);
        self
    }

    /// Plays until all is over; nothing may be broken then.
    pub fn play<T: Send + 'static, F>(&self, play: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
    {
        let result = Arc::new(Mutex::new(None));
        let (set, future) = (Arc::clone(&result), play(self.clone()));
        self.world.sim.spawn("play", 0, async move { *lock(&set) = Some(future.await) });
        self.world.run(|_| lock(&result).is_some());
        let outcome = schedule::conclude(&self.world);
        assert_eq!(outcome.violations, [], "{}", outcome.trace.join("\n"));
        lock(&result).take().expect("the play has ended")
    }

    pub fn assert_fired(&self, fault: Fault) {
        assert!(self.world.faults.fired().contains_key(&fault), "{fault:?} never happened");
    }

    /// Starts a command and returns its execution's id.
    pub async fn exec(&self, command: &str, more: Value) -> String {
        let mut request = json!({"command": command});
        request.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let response = self.ann.exec(&self.world, &request).await.expect("an answer");
        assert_eq!(response.status, 201, "{}", response.body);
        response.body["execution_id"].as_str().unwrap().to_owned()
    }

    pub async fn seconds(&self, seconds: u64) {
        self.world.sim.pause(std::time::Duration::from_secs(seconds)).await;
    }

    /// Status, exit code and reason of an execution.
    pub fn end(&self, id: &str) -> (String, Option<i64>, String) {
        let row = check::execution_row(&self.world, id).expect("it is on record");
        let own = |name| text(&row, name).unwrap_or_default().to_owned();
        (own("status"), number(&row, "exit_code"), own("reason"))
    }

    pub fn status(&self, id: &str) -> String {
        self.end(id).0
    }

    /// How many tasks were ever started.
    pub fn tasks(&self) -> usize {
        self.world.ecs.tasks().len()
    }

    /// When an execution had ended, in seconds of the run.
    pub fn ended_at(&self, id: &str) -> u64 {
        lock(&self.world.checker).written.get(id).expect("it was written").as_secs()
    }
}
