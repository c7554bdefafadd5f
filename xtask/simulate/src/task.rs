//! One task: what it is, and how ECS shows it.

use std::{sync::Arc, time::Duration};

use runvoy_api::infra::{EXECUTOR_CONTAINER, task_env};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    fate::Fate,
    world::{at, seconds},
};

/// DescribeTasks and ListTasks show a stopped task this long.
const MEMORY: Duration = Duration::from_secs(3600);
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
    pub request: Value,
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

impl Task {
    /// What RunTask makes of its request.
    pub fn new(body: &Value, family: &str, count: u64, now: Duration) -> Self {
        let container = &body["overrides"]["containerOverrides"][0];
        let variable = |name: &str| {
            let all = container["environment"].as_array().into_iter().flatten();
            let mut found = all.filter(|pair| pair["name"] == name);
            found.next().and_then(|pair| pair["value"].as_str()).map(str::to_owned)
        };
        let word = |index: usize| container["command"][index].as_str().unwrap_or_default();
        Self {
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

    /// Whether it can still do anything.
    pub fn is_live(&self) -> bool {
        self.status != "STOPPED"
    }

    /// Whether its end has been asked for or has come.
    pub fn is_stopping(&self) -> bool {
        self.stop_code.is_some()
    }

    /// Whether DescribeTasks, ListTasks and StopTask know it.
    pub fn seen(&self, now: Duration) -> bool {
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
