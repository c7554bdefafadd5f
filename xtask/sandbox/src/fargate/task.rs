//! A task's record, and how DescribeTasks and events show it.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

/// A task's or container's `lastStatus`, in the order of a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Status {
    Provisioning,
    Pending,
    Running,
    Deprovisioning,
    Stopped,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What a task's containers are told to do. It only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    Run,
    /// SIGTERM, and SIGKILL after the container's stopTimeout.
    Stop,
    /// SIGKILL at once: the sandbox ends.
    Kill,
}

/// One container of a task.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub name: String,
    pub image: String,
    pub runtime_id: String,
    pub status: Status,
    pub exit_code: Option<i32>,
    pub reason: Option<String>,
}

/// One task, as long as AWS shows it.
#[derive(Clone)]
pub(super) struct Task {
    pub id: String,
    pub arn: String,
    pub cluster_arn: String,
    pub family: String,
    pub started_by: String,
    /// What RunTask fixed for good, in the members' own names.
    pub fixed: Map<String, Value>,
    pub tags: Value,
    /// The request's token and the rest of that request.
    pub token: Option<(String, Arc<Value>)>,
    pub status: Status,
    pub stopping: bool,
    pub version: u64,
    pub containers: Vec<Container>,
    pub times: Vec<(&'static str, OffsetDateTime)>,
    pub stop_code: Option<&'static str>,
    pub stopped_reason: Option<String>,
    pub order: watch::Sender<Order>,
}

impl Task {
    pub fn desired_status(&self) -> &'static str {
        if self.stopping { "STOPPED" } else { "RUNNING" }
    }

    /// Notes that `event` (such as `startedAt`) happened now; the first time counts.
    pub fn stamp(&mut self, event: &'static str) {
        if self.time(event).is_none() {
            self.times.push((event, OffsetDateTime::now_utc()));
        }
    }

    pub fn time(&self, event: &str) -> Option<OffsetDateTime> {
        self.times.iter().find(|(name, _)| *name == event).map(|(_, time)| *time)
    }

    /// From here on the task is to stop; the first cause counts.
    pub fn stop(&mut self, code: &'static str, reason: impl Into<String>) {
        if !self.stopping {
            self.stopping = true;
            self.stop_code = Some(code);
            self.stopped_reason = Some(reason.into());
            self.stamp("stoppingAt");
        }
    }

    /// What a state-change event is about: a change in it is worth one.
    pub fn state(&self) -> (Status, bool, Vec<Status>) {
        (self.status, self.stopping, self.containers.iter().map(|container| container.status).collect())
    }

    /// The task as DescribeTasks shows it: times in epoch seconds.
    pub fn described(&self) -> Value {
        self.show(|time| json!(milliseconds(time) as f64 / 1000.0))
    }

    /// The task as an event's detail shows it: times in RFC 3339.
    pub fn detail(&self) -> Value {
        let text = |time: OffsetDateTime| {
            let whole = time.replace_millisecond(time.millisecond()).unwrap_or(time);
            json!(whole.format(&Rfc3339).unwrap_or_default())
        };
        let mut detail = self.show(text);
        detail["updatedAt"] = text(OffsetDateTime::now_utc());
        detail
    }

    fn show(&self, time: impl Fn(OffsetDateTime) -> Value) -> Value {
        let mut shown = self.fixed.clone();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("taskArn", json!(self.arn));
        put("clusterArn", json!(self.cluster_arn));
        put("lastStatus", json!(self.status.as_str()));
        put("desiredStatus", json!(self.desired_status()));
        put("version", json!(self.version));
        put("containers", self.containers.iter().map(|container| container.show(self)).collect());
        for (name, at) in &self.times {
            put(name, time(*at));
        }
        if let (Some(code), Some(reason)) = (self.stop_code, &self.stopped_reason) {
            put("stopCode", json!(code));
            put("stoppedReason", json!(reason));
        }
        Value::Object(shown)
    }
}

impl Container {
    fn show(&self, task: &Task) -> Value {
        let arn = task.arn.replacen(":task/", ":container/", 1);
        let mut shown = json!({
            "containerArn": format!("{arn}/{}", self.runtime_id),
            "taskArn": task.arn,
            "name": self.name,
            "image": self.image,
            "runtimeId": self.runtime_id,
            "lastStatus": self.status.as_str(),
            "healthStatus": "UNKNOWN",
            "networkInterfaces": [],
        });
        if let Some(code) = self.exit_code {
            shown["exitCode"] = json!(code);
        }
        if let Some(reason) = &self.reason {
            shown["reason"] = json!(reason);
        }
        shown
    }
}

fn milliseconds(time: OffsetDateTime) -> i128 {
    time.unix_timestamp_nanos() / 1_000_000
}
