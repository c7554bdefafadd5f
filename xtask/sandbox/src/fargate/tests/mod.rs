//! Local Fargate against AWS's documented semantics, with an engine that only records.

mod engine;
mod events;
mod executor;
mod idempotency;
mod images;
mod lifecycle;
mod listing;
mod orphans;
mod output;
mod refusals;
mod several;
mod stopping;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use super::{AwsReply, Fargate};
use crate::engine::EngineClient;
use engine::{Engine, Record};

/// Local Fargate on an engine of its own.
struct World {
    engine: Engine,
    fargate: Fargate,
    dir: tempfile::TempDir,
}

impl World {
    /// With a task definition `sh` that runs `/bin/sh -c SCRIPT`.
    async fn new() -> Self {
        let engine = Engine::start().await;
        let dir = tempfile::tempdir().unwrap();
        let client = EngineClient::new(engine.base.clone(), "123456789012".to_owned(), "eu-west-1".to_owned());
        let fargate = Fargate::new(client, dir.path().join("containers"));
        let world = Self { engine, fargate, dir };
        world.define("sh", json!([shell("executor", "true")]));
        world
    }

    /// Registers a task definition as the engine would answer it by `family` and by ARN.
    fn define(&self, family: &str, containers: Value) {
        let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task-definition/{family}:1");
        let definition = json!({
            "taskDefinitionArn": arn, "family": family, "revision": 1, "status": "ACTIVE", "cpu": "256", "memory": "512",
            "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "containerDefinitions": containers,
        });
        self.engine.set(|record| {
            record.definitions.insert(family.to_owned(), definition.clone());
            record.definitions.insert(arn, definition);
        });
    }

    async fn call(&self, action: &str, body: &Value) -> AwsReply {
        self.fargate.handle(action, body.to_string().as_bytes()).await.unwrap()
    }

    /// Runs `script` as task definition `sh`; returns the task's ARN.
    async fn run(&self, script: &str) -> String {
        self.launch(&request(script)).await
    }

    async fn launch(&self, request: &Value) -> String {
        let reply = self.call("RunTask", request).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["tasks"][0]["taskArn"].as_str().unwrap().to_owned()
    }

    async fn describe(&self, arn: &str) -> Value {
        let reply = self.call("DescribeTasks", &json!({ "cluster": "runvoy", "tasks": [arn] })).await;
        reply.body["tasks"][0].clone()
    }

    async fn stop(&self, arn: &str) -> Value {
        let reply = self.call("StopTask", &json!({ "cluster": "runvoy", "task": arn, "reason": "enough" })).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["task"].clone()
    }

    /// Waits until the engine's record satisfies `condition`.
    async fn until(&self, condition: impl FnMut(&Record) -> bool) {
        let mut record = self.engine.record.subscribe();
        let settled = timeout(Duration::from_secs(120), record.wait_for(condition)).await.is_ok();
        assert!(settled, "not in 120 s: {:?}", self.engine.record.borrow());
    }

    /// Waits for the task's STOPPED event and returns the task as DescribeTasks has it.
    async fn stopped(&self, arn: &str) -> Value {
        self.until(|record| states(record, arn).iter().any(|(_, last, _)| last == "STOPPED")).await;
        self.describe(arn).await
    }

    /// Waits until the container `executor` has written `line`.
    async fn wrote(&self, arn: &str, line: &str) {
        self.until(|record| {
            record.logs.get(&stream(arn, "executor")).is_some_and(|lines| lines.iter().any(|own| own == line))
        })
        .await;
    }

    fn log(&self, arn: &str, container: &str) -> Vec<String> {
        self.engine.record.borrow().logs.get(&stream(arn, container)).cloned().unwrap_or_default()
    }
}

/// A container definition that runs `/bin/sh -c SCRIPT` and logs.
fn shell(name: &str, script: &str) -> Value {
    let options = json!({ "awslogs-group": "/runvoy/executions", "awslogs-stream-prefix": "exec", "awslogs-region": "eu-west-1" });
    json!({
        "name": name, "image": "none", "entryPoint": ["/bin/sh", "-c"], "command": [script], "stopTimeout": 1,
        "logConfiguration": { "logDriver": "awslogs", "options": options },
    })
}

/// With more time to answer a SIGTERM than a busy machine takes.
fn patient(mut container: Value) -> Value {
    container["stopTimeout"] = json!(60);
    container
}

/// RunTask for `sh` with another script.
fn request(script: &str) -> Value {
    json!({
        "cluster": "runvoy",
        "taskDefinition": "sh",
        "capacityProviderStrategy": [{ "capacityProvider": "FARGATE_SPOT", "weight": 1 }],
        "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-1"], "assignPublicIp": "ENABLED" } },
        "overrides": { "containerOverrides": [{ "name": "executor", "command": [script] }] },
    })
}

/// The same of a task definition as it is.
fn plain(family: &str) -> Value {
    let mut request = request("");
    request["taskDefinition"] = json!(family);
    request["overrides"] = json!({});
    request
}

fn stream(arn: &str, container: &str) -> String {
    format!("exec/{container}/{}", arn.rsplit('/').next().unwrap())
}

/// Version, lastStatus and desiredStatus of each event about a task, in order of arrival.
fn states(record: &Record, arn: &str) -> Vec<(u64, String, String)> {
    let details = record.events.iter().map(|event| &event["detail"]).filter(|detail| detail["taskArn"] == arn);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    details.map(|it| (it["version"].as_u64().unwrap(), text(&it["lastStatus"]), text(&it["desiredStatus"]))).collect()
}

/// Whether the process whose id is in `file` still runs.
fn is_alive(file: &Path) -> bool {
    let pid = std::fs::read_to_string(file).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}
