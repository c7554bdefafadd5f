//! Sends `ECS Task State Change` to the targets of the engine's rules: at least once, each task's in order, and no task's
//! events wait for another's.
//!
//! The engine, like AWS, refuses PutEvents with a source `aws.ecs` from outside. So this does what EventBridge does: asks the
//! deployed rules' patterns, by the engine's own TestEventPattern, and hands the event to their targets.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::random_hex;
use super::targets;
use super::task::{Status, Task};
use crate::engine::EngineClient;

/// Between attempts while the engine does not answer.
const RETRY: Duration = Duration::from_millis(250);

/// Delivers until the queue ends.
pub(super) async fn deliver(engine: EngineClient, mut queue: mpsc::UnboundedReceiver<Task>) {
    let (mut queues, mut couriers) = (HashMap::new(), JoinSet::new());
    while let Some(task) = queue.recv().await {
        let own = queues.entry(task.id.clone()).or_insert_with(|| {
            let (own, queue) = mpsc::unbounded_channel();
            couriers.spawn(deliver_one(engine.clone(), queue));
            own
        });
        let (id, is_last) = (task.id.clone(), task.status == Status::Stopped);
        // Its courier goes on until the queue ends.
        let _ = own.send(task);
        if is_last {
            queues.remove(&id);
        }
        while couriers.try_join_next().is_some() {}
    }
}

/// Delivers one task's events.
async fn deliver_one(engine: EngineClient, mut queue: mpsc::UnboundedReceiver<Task>) {
    while let Some(task) = queue.recv().await {
        let event = envelope(&engine, &task);
        // Whoever already got it gets it again: at least once.
        while let Err(error) = route(&engine, &event).await {
            eprintln!("warning: local Fargate could not deliver an event, trying again: {error:#}");
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// The event as EventBridge hands it to a target.
fn envelope(engine: &EngineClient, task: &Task) -> Value {
    let now = OffsetDateTime::now_utc();
    let seconds = now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default();
    json!({
        "version": "0",
        "id": event_id(),
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": engine.account(),
        "time": seconds,
        "region": engine.region(),
        "resources": [task.arn],
        "detail": task.detail(),
    })
}

/// A UUID. Equal ids would only make two events look like one; without random bytes nothing here runs anyway.
fn event_id() -> String {
    let hex = random_hex::<16>().unwrap_or_else(|_| "0".repeat(32));
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

async fn route(engine: &EngineClient, event: &Value) -> Result<()> {
    for rule in rules(engine).await? {
        if rule["State"] != "ENABLED" || is_of_others(&rule, event) || !matches(engine, &rule, event).await? {
            continue;
        }
        let body = json!({ "Rule": rule["Name"] });
        let listed = call(engine, "ListTargetsByRule", &body).await?;
        for target in listed["Targets"].as_array().into_iter().flatten() {
            targets::send(engine, target, event).await;
        }
    }
    Ok(())
}

/// Whether the rule names clusters and not this task's, as all but one do where there are many deployments: then there is
/// nothing to ask the engine.
fn is_of_others(rule: &Value, event: &Value) -> bool {
    let pattern = rule["EventPattern"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let clusters = pattern.as_ref().and_then(|pattern| pattern["detail"]["clusterArn"].as_array());
    clusters.is_some_and(|named| named.iter().all(Value::is_string) && !named.contains(&event["detail"]["clusterArn"]))
}

async fn rules(engine: &EngineClient) -> Result<Vec<Value>> {
    let (mut rules, mut body) = (Vec::new(), json!({}));
    loop {
        let mut page = call(engine, "ListRules", &body).await?;
        let Value::Array(more) = page["Rules"].take() else { bail!("`ListRules` answered without rules") };
        rules.extend(more);
        if page["NextToken"].is_null() {
            return Ok(rules);
        }
        body["NextToken"] = page["NextToken"].take();
    }
}

async fn matches(engine: &EngineClient, rule: &Value, event: &Value) -> Result<bool> {
    // A rule without a pattern runs by a schedule.
    let Some(pattern) = rule["EventPattern"].as_str() else { return Ok(false) };
    let body = json!({ "EventPattern": pattern, "Event": event.to_string() });
    let reply = call(engine, "TestEventPattern", &body).await?;
    reply["Result"].as_bool().context("`TestEventPattern` answered without a result")
}

async fn call(engine: &EngineClient, action: &str, body: &Value) -> Result<Value> {
    engine.json("events", &format!("AWSEvents.{action}"), body).await
}
