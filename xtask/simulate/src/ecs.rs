//! ECS as far as it can be seen through five calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{cloud::Reply, sim::lock, task::Task};

/// RunTask refuses overrides of more characters than this.
const MAX_OVERRIDES: usize = 8192;

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
        let task = Task::new(body, family, state.count, now);
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
