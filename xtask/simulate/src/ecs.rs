//! ECS and Fargate as far as they can be seen through five calls: what a task is, and what each call makes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use runvoy_api::infra::{EXECUTOR_CONTAINER, task_env};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    cloud::Reply,
    fate::Fate,
    sim::lock,
    world::{at, seconds},
};

/// DescribeTasks and ListTasks show a stopped task this long.
const MEMORY: Duration = Duration::from_secs(3600);
/// RunTask refuses overrides of more characters than this.
const MAX_OVERRIDES: usize = 8192;
const CLUSTER: &str = "arn:aws:ecs:us-east-1:123456789012:cluster/runvoy";

/// A task.
#[derive(Clone)]
pub struct Task {
    pub arn: String,
    pub family: String,
    pub started_by: String,
    pub lock: Option<String>,
    pub fence: Option<i64>,
    pub command: String,
    pub limit: Duration,
    pub secret: Option<String>,
    pub fate: Fate,
    request: Value,
    pub status: &'static str,
    pub version: i64,
    /// From when on calls see it.
    pub visible: Duration,
    pub pull_started: Option<Duration>,
    pub started: Option<Duration>,
    pub execution_stopped: Option<Duration>,
    pub stopped: Option<Duration>,
    pub stop_code: Option<&'static str>,
    pub stopped_reason: Option<String>,
    /// The executor's; it counts once the task has stopped.
    pub exit: Option<i32>,
    pub container_reason: Option<&'static str>,
    /// Whether its containers are shown.
    pub listed: bool,
    /// Whether ECS does not remember it for its hour.
    pub forgotten: bool,
    pub stop: Arc<Notify>,
}

/// All tasks and task definitions.
#[derive(Default)]
pub struct Ecs {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tasks: BTreeMap<String, Task>,
    families: BTreeSet<String>,
    count: u64,
}

impl Task {
    /// Whether it can still do anything.
    pub fn is_live(&self) -> bool {
        self.status != "STOPPED"
    }

    /// Whether its end has been asked for or has come.
    pub fn is_stopping(&self) -> bool {
        self.stop_code.is_some()
    }

    fn seen(&self, now: Duration) -> bool {
        let gone = |stopped| self.forgotten || now >= stopped + MEMORY;
        now >= self.visible && !self.stopped.is_some_and(gone)
    }

    /// As DescribeTasks shows it (times in seconds) or as an event does (times as text).
    pub fn show(&self, event: bool) -> Value {
        let mut container = json!({"name": EXECUTOR_CONTAINER, "lastStatus": self.status});
        if !self.is_live() {
            container["exitCode"] = json!(self.exit);
            container["reason"] = json!(self.container_reason);
        }
        let mut shown = json!({
            "taskArn": self.arn, "clusterArn": CLUSTER, "startedBy": self.started_by, "lastStatus": self.status,
            "desiredStatus": if self.is_stopping() { "STOPPED" } else { "RUNNING" }, "version": self.version,
            "containers": if self.listed { vec![container] } else { vec![] },
        });
        let times = [
            ("pullStartedAt", self.pull_started),
            ("startedAt", self.started),
            ("executionStoppedAt", self.execution_stopped),
            ("stoppedAt", self.stopped),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                shown[name] = if event { json!(at(time)) } else { json!(seconds(time)) };
            }
        }
        if let Some(code) = self.stop_code {
            shown["stopCode"] = json!(code);
            shown["stoppedReason"] = json!(self.stopped_reason);
        }
        shown
    }
}

impl Ecs {
    /// Every task there ever was, in order.
    pub fn tasks(&self) -> Vec<Task> {
        lock(&self.state).tasks.values().cloned().collect()
    }

    /// One task.
    pub fn task(&self, arn: &str) -> Option<Task> {
        lock(&self.state).tasks.get(arn).cloned()
    }

    /// Changes a task; returns it as it is then.
    pub fn update(&self, arn: &str, change: impl FnOnce(&mut Task)) -> Option<Task> {
        let mut state = lock(&self.state);
        let task = state.tasks.get_mut(arn)?;
        change(task);
        task.version += 1;
        Some(task.clone())
    }

    /// RunTask: the task, and whether it is new.
    pub fn run(&self, body: &Value, now: Duration) -> Result<(Task, bool), Reply> {
        let invalid = |message: &str| Reply::error(400, "InvalidParameterException", message);
        if body["overrides"].to_string().chars().count() > MAX_OVERRIDES {
            return Err(invalid("Task override length exceeds the limit of 8192."));
        }
        let mut state = lock(&self.state);
        let token = body["clientToken"].as_str().unwrap_or_default();
        if let Some(known) = state.tasks.values().find(|task| task.request["clientToken"] == token) {
            return if known.request == *body { Ok((known.clone(), false)) } else { Err(conflict(&known.arn)) };
        }
        let family = body["taskDefinition"].as_str().unwrap_or_default();
        if !state.families.contains(family) {
            return Err(Reply::error(400, "ClientException", "TaskDefinition not found."));
        }
        state.count += 1;
        let task = new(body, family, state.count, now);
        state.tasks.insert(task.arn.clone(), task.clone());
        Ok((task, true))
    }

    /// Whether a request's token stands for a task already.
    pub fn knows(&self, body: &Value) -> bool {
        lock(&self.state).tasks.values().any(|task| task.request["clientToken"] == body["clientToken"])
    }

    /// RegisterTaskDefinition.
    pub fn register(&self, body: &Value) -> Reply {
        let family = body["family"].as_str().unwrap_or_default().to_owned();
        lock(&self.state).families.insert(family);
        Reply::ok(json!({"taskDefinition": {}}))
    }

    /// DescribeTasks.
    pub fn describe(&self, body: &Value, now: Duration) -> Reply {
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for arn in body["tasks"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            match self.task(arn).filter(|task| task.seen(now)) {
                Some(task) => tasks.push(task.show(false)),
                None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
            }
        }
        Reply::ok(json!({"tasks": tasks, "failures": failures}))
    }

    /// ListTasks, in one page.
    pub fn list(&self, body: &Value, now: Duration) -> Reply {
        let (family, by) = (body["family"].as_str(), body["startedBy"].as_str());
        let desired = body["desiredStatus"].as_str();
        if by.is_some() && (family.is_some() || desired.is_some()) {
            let message = "cannot specify startedBy with other arguments";
            return Reply::error(400, "InvalidParameterException", message);
        }
        let stopped = desired == Some("STOPPED");
        let wanted = |task: &&Task| {
            task.seen(now)
                && task.is_stopping() == stopped
                && family.is_none_or(|family| task.family == family)
                && by.is_none_or(|by| task.started_by == by)
        };
        let state = lock(&self.state);
        let arns: Vec<_> = state.tasks.values().filter(wanted).map(|task| &task.arn).collect();
        Reply::ok(json!({"taskArns": arns}))
    }

    /// StopTask.
    pub fn stop(&self, body: &Value, now: Duration) -> Reply {
        let arn = body["task"].as_str().unwrap_or_default();
        if !self.task(arn).is_some_and(|task| task.seen(now)) {
            return Reply::error(400, "InvalidParameterException", "The referenced task was not found.");
        }
        self.end(arn, "UserInitiated", body["reason"].as_str().unwrap_or("Task stopped by user"));
        Reply::ok(json!({"task": self.task(arn).map(|task| task.show(false))}))
    }

    /// Asks a task to end, for this reason; the first one counts.
    pub fn end(&self, arn: &str, code: &'static str, reason: &str) {
        if self.task(arn).is_some_and(|task| !task.is_stopping()) {
            let task = self.update(arn, |task| {
                task.stop_code = Some(code);
                task.stopped_reason = Some(reason.to_owned());
            });
            task.inspect(|task| task.stop.notify_one());
        }
    }
}

/// The token is another request's.
pub fn conflict(arn: &str) -> Reply {
    let mut reply = Reply::error(400, "ConflictException", "The provided client token is already in use.");
    reply.body["resourceIds"] = json!([arn]);
    reply
}

fn new(body: &Value, family: &str, count: u64, now: Duration) -> Task {
    let container = &body["overrides"]["containerOverrides"][0];
    let variable = |name: &str| {
        let all = container["environment"].as_array().into_iter().flatten();
        let mut found = all.filter(|pair| pair["name"] == name);
        found.next().and_then(|pair| pair["value"].as_str()).map(str::to_owned)
    };
    let word = |index: usize| container["command"][index].as_str().unwrap_or_default();
    Task {
        arn: format!("arn:aws:ecs:us-east-1:123456789012:task/runvoy/{count:032x}"),
        family: family.to_owned(),
        started_by: body["startedBy"].as_str().unwrap_or_default().to_owned(),
        lock: variable(task_env::LOCK_NAME),
        fence: variable(task_env::LOCK_FENCE).and_then(|fence| fence.parse().ok()),
        command: word(0).to_owned(),
        limit: Duration::from_secs(word(1).parse().unwrap_or(3600)),
        secret: variable("SECRET"),
        fate: Fate::of(word(0)),
        request: body.clone(),
        status: "PROVISIONING",
        version: 1,
        visible: now,
        pull_started: None,
        started: None,
        execution_stopped: None,
        stopped: None,
        stop_code: None,
        stopped_reason: None,
        exit: None,
        container_reason: None,
        listed: true,
        forgotten: false,
        stop: Arc::new(Notify::new()),
    }
}
