//! A deployment in a sandbox of its own. Its rules are off: no event is delivered and no sweep runs but by the test, so
//! every AWS call of a function is one that the test has asked for.

use std::{
    fs,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use runvoy_api::{id::rfc3339, infra::SWEEP_DETAIL_TYPE};
use runvoy_sandbox::{
    Layout, REGION, Sandbox,
    proxy::{
        Caller,
        script::{Effect, Match},
    },
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{
    http::{self, Reply},
    site::Site,
    world::{RUNTIME, until, wait},
};

pub const STACK: &str = "crashes";

static STAGE: OnceLock<Stage> = OnceLock::new();
static SANDBOX: OnceLock<Sandbox> = OnceLock::new();

pub struct Stage {
    pub site: Site<'static>,
    pub endpoint: String,
    pub key: String,
    scratch: tempfile::TempDir,
    turn: Mutex<()>,
}

/// A place to kill a function at: one of its calls, and whether that has taken effect by then.
#[derive(Debug, Clone)]
pub struct Place {
    pub service: String,
    pub action: String,
    /// Which of the calls of this name.
    pub nth: usize,
    pub after: bool,
}

impl Stage {
    pub fn get() -> &'static Self {
        STAGE.get_or_init(|| {
            let start = || RUNTIME.block_on(Sandbox::start(&Layout::named("e2e-crash").unwrap())).unwrap();
            let site = Site::new(SANDBOX.get_or_init(start), STACK);
            site.install();
            let stage = Self {
                key: site.key(),
                endpoint: site.endpoint(),
                site,
                scratch: tempfile::tempdir().unwrap(),
                turn: Mutex::new(()),
            };
            let rules = stage.site.aws("events", "AWSEvents.ListRules", &json!({ "NamePrefix": STACK }));
            for rule in rules["Rules"].as_array().unwrap() {
                stage.site.aws("events", "AWSEvents.DisableRule", &json!({ "Name": rule["Name"] }));
            }
            stage.seldom_noted();
            stage
        })
    }

    /// The faults of one test would hit the calls of another.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn file(&self, name: &str) -> String {
        self.scratch.path().join(name).display().to_string()
    }

    /// That a key was used is noted once a minute: not while a test counts calls.
    fn seldom_noted(&self) {
        for row in self.site.rows("api-keys").iter().filter(|row| row["role"].is_object()) {
            self.update(
                "api-keys",
                &json!({ "api_key_hash": row["api_key_hash"] }),
                "last_used",
                "2999-01-01T00:00:00Z",
            );
        }
    }

    fn update(&self, table: &str, key: &Value, name: &str, value: &str) {
        let update = json!({ "TableName": format!("{STACK}-{table}"), "Key": key, "UpdateExpression": "SET #n = :v",
            "ExpressionAttributeNames": {"#n": name}, "ExpressionAttributeValues": {":v": {"S": value}} });
        self.site.aws("dynamodb", "DynamoDB_20120810.UpdateItem", &update);
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let headers = [&[("x-api-key", self.key.as_str())], headers].concat();
        http::send(&self.endpoint, method, path, &headers, &body.to_string())
    }

    /// Hands an event to the events function; whether it took it.
    pub fn event(&self, event: &Value) -> bool {
        let engine = self.site.sandbox.engine();
        let scope = format!("AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/lambda/aws4_request", engine.account());
        let path = format!("/2015-03-31/functions/{STACK}-events/invocations");
        let reply = http::send(engine.base(), "POST", &path, &[("authorization", &scope)], &event.to_string());
        reply.header("x-amz-function-error").is_empty()
    }

    pub fn sweep(&self) {
        assert!(self.event(&json!({ "detail-type": SWEEP_DETAIL_TYPE })), "the sweep failed");
    }

    /// All of the functions' processes at once, by SIGKILL. They are dead then: to one that is still dying the engine would
    /// give the next request, which would be lost with it.
    pub fn kill(&self) {
        let engine = self.site.sandbox.engine_id();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let functions: Vec<i32> = processes.filter(|pid| is_function_of(*pid, engine)).collect();
        for pid in &functions {
            // One that has just ended needs no killing.
            let _ = kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL);
        }
        until("the functions are dead", || functions.iter().all(|pid| is_dead(*pid)).then_some(()));
    }

    /// The places in the calls that the functions made since the mark: before and after each.
    pub fn places(&self, mark: u64) -> Vec<Place> {
        let calls = self.site.sandbox.calls_since(mark);
        let mine: Vec<_> = calls.iter().filter(|call| call.caller == Caller::Function).collect();
        let nth = |index: usize| {
            let same = |other: usize| {
                (&mine[other].service, &mine[other].action) == (&mine[index].service, &mine[index].action)
            };
            (0..=index).filter(|other| same(*other)).count()
        };
        let both = |index: usize| {
            [false, true].map(|after| Place {
                service: mine[index].service.clone(),
                action: mine[index].action.clone(),
                nth: nth(index),
                after,
            })
        };
        (0..mine.len()).flat_map(both).collect()
    }

    /// Kills the functions when what `act` makes them do has come to this place. Returns what `act` saw of that.
    pub fn killed<T: Send>(&self, place: &Place, act: impl FnOnce() -> T + Send) -> T {
        let effect = if place.after { Effect::HoldAfter } else { Effect::HoldBefore };
        let script = self.site.sandbox.script();
        let held = script.on(Match::function(&place.service, &place.action).nth(place.nth), effect);
        let seen = thread::scope(|scope| {
            let acting = scope.spawn(act);
            let reached = async { tokio::time::timeout(Duration::from_secs(180), held.reached()).await };
            if wait(reached).is_err() {
                // What is never reached here must not hold a call of the next test.
                script.clear();
                panic!("no call reached {place:?}");
            }
            self.kill();
            wait(held.gone());
            acting.join().unwrap()
        });
        script.clear();
        seen
    }

    /// As it is when the function has just been deployed: no process is warm.
    pub fn cold(&self) -> u64 {
        self.kill();
        self.mark()
    }

    pub fn mark(&self) -> u64 {
        self.site.mark()
    }

    /// The rows of executions under this lock.
    pub fn executions(&self, lock: &str) -> Vec<Value> {
        let rows = self.site.rows("executions").into_iter();
        rows.filter(|row| row["lock_name"]["S"] == lock).collect()
    }

    pub fn execution(&self, id: &str) -> Value {
        let rows = self.site.rows("executions").into_iter();
        rows.into_iter().find(|row| row["execution_id"]["S"] == id).unwrap()
    }

    pub fn lock(&self, name: &str) -> Value {
        let rows = self.site.rows("locks").into_iter();
        rows.into_iter().find(|row| row["lock_name"]["S"] == name).unwrap_or_default()
    }

    /// How many audit records there are of this action on this target.
    pub fn audited(&self, action: &str, target: &str) -> usize {
        let rows = self.site.rows("audit").into_iter();
        rows.filter(|row| row["action"]["S"] == action && row["target"]["S"] == target).count()
    }

    /// As if the execution had been launched half an hour ago, when one sweep alone may give a launch up.
    pub fn age(&self, id: &str) {
        self.age_by(id, 31);
    }

    /// As if it had been launched so many minutes ago.
    pub fn age_by(&self, id: &str, minutes: i64) {
        let row = self.execution(id);
        let key = json!({ "execution_id": row["execution_id"], "started_at": row["started_at"] });
        self.update(
            "executions",
            &key,
            "launched_at",
            &rfc3339(OffsetDateTime::now_utc() - time::Duration::minutes(minutes)),
        );
    }
}

/// A process of the engine's group that runs one of the stack's functions.
fn is_function_of(pid: i32, engine: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name: state, parent, group.
    let group = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(2)?.parse().ok());
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={STACK}-");
    group == Some(engine) && environ.split(|byte| *byte == 0).any(|entry| entry.starts_with(name.as_bytes()))
}

/// Gone, or a zombie without threads: what its parent takes for dead.
fn is_dead(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']) && threads <= 1)
}
