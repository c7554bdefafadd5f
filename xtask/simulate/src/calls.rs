//! One AWS call: it takes time, something may go wrong before or after it takes effect, and the checker sees what it changed.

use std::{future, sync::Arc, time::Duration};

use aws_smithy_runtime_api::client::result::ConnectorError;
use serde_json::{Value, json};

use crate::{
    check,
    cloud::{Call, Reply},
    ecs,
    faults::Fault,
    lambda, plant,
    sim::lock,
    trace,
    world::World,
};

/// Longer than a launch may take, and shorter than Lambda lets a function live.
const FREEZE: Duration = Duration::from_secs(25);
/// Longer than an answer of the API may have taken when it begins a launch.
const SLOW: Duration = Duration::from_secs(16);

type Answer = Result<Reply, ConnectorError>;

/// Answers a call as AWS might.
pub async fn answer(world: &Arc<World>, mut call: Call) -> Answer {
    world.sim.pause(world.sim.between(1, 40)).await;
    if let Some(fault) = before(world, &call) {
        return settle(world, &call, fault).await;
    }
    if let Some(plant) = world.plant {
        plant::edit(plant, &mut call);
    }
    let reply = effect(world, &call);
    world.say(|| trace::call(&call, &reply));
    let fault = after(world, &call, &reply);
    match call.action.as_str() {
        "TransactWriteItems" => stand_still(world, Fault::Frozen, FREEZE),
        "GetItem" | "BatchGetItem" => stand_still(world, Fault::Slow, SLOW),
        _ => {}
    }
    world.sim.pause(world.sim.between(1, 40)).await;
    match fault {
        Some(fault) => settle(world, &call, fault).await,
        None => Ok(reply),
    }
}

/// Lets so much time pass for the function alone that made this call, if it is to be so.
fn stand_still(world: &World, fault: Fault, time: Duration) {
    if let Some(id) = world.sim.current()
        && world.faults.hit(&world.sim, fault)
    {
        world.say(|| fault.words().to_owned());
        world.sim.freeze(id, time);
    }
}

/// What a fault makes of a call.
enum Instead {
    Reply(Fault, Reply),
    /// The reply is lost on its way.
    Lost(Fault),
    /// The function's process is no more.
    Crash(Fault),
}

async fn settle(world: &Arc<World>, call: &Call, instead: Instead) -> Answer {
    match instead {
        Instead::Reply(fault, reply) => {
            world.say(|| format!("{}: {}", trace::name(call), fault.words()));
            Ok(reply)
        }
        Instead::Lost(fault) => {
            world.say(|| format!("{}: {}", trace::name(call), fault.words()));
            world.sim.pause(Duration::from_secs(1)).await;
            Err(ConnectorError::io("connection reset".into()))
        }
        Instead::Crash(fault) => {
            world.say(|| format!("{}: {}", trace::name(call), fault.words()));
            if let Some(id) = world.sim.current() {
                world.sim.kill(id);
            }
            future::pending().await
        }
    }
}

fn is_dynamo(call: &Call) -> bool {
    call.service.starts_with("DynamoDB")
}

fn is_write(call: &Call) -> bool {
    matches!(call.action.as_str(), "TransactWriteItems" | "UpdateItem")
}

/// What goes wrong before anything happened.
fn before(world: &World, call: &Call) -> Option<Instead> {
    let hit = |fault| world.faults.hit(&world.sim, fault);
    let refused = |fault, status, kind, message| Some(Instead::Reply(fault, Reply::error(status, kind, message)));
    if is_dynamo(call) && world.sim.now() < *lock(&world.dynamo_down) {
        world.faults.note(Fault::DynamoDown);
        return refused(Fault::DynamoDown, 500, "InternalServerError", "The request processing has failed.");
    }
    if call.action == "RunTask" {
        if hit(Fault::CrashBeforeRunTask) {
            return Some(Instead::Crash(Fault::CrashBeforeRunTask));
        }
        if hit(Fault::DisguisedThrottle) {
            return refused(Fault::DisguisedThrottle, 400, "InvalidParameterException", "Rate exceeded");
        }
        // A token that stands for a task is answered with that task.
        if !world.ecs.knows(&call.body) && hit(Fault::RunTaskFailures) {
            let failure = json!({"reason": "RESOURCE:ENI", "detail": "no capacity"});
            let reply = Reply::ok(json!({"tasks": [], "failures": [failure]}));
            return Some(Instead::Reply(Fault::RunTaskFailures, reply));
        }
    }
    if call.action == "RegisterTaskDefinition" && hit(Fault::ConcurrentRegistration) {
        let message = "Too many concurrent attempts to create a new revision of the specified family.";
        return refused(Fault::ConcurrentRegistration, 400, "ClientException", message);
    }
    if call.action == "TransactWriteItems" {
        if audits(call) && hit(Fault::AuditWriteFails) {
            return Some(Instead::Reply(Fault::AuditWriteFails, cancelled(call, "ThrottlingError", is_audit)));
        }
        if hit(Fault::TransactionTrouble) {
            return Some(Instead::Reply(Fault::TransactionTrouble, cancelled(call, "TransactionConflict", |_| true)));
        }
    }
    if hit(Fault::Throttled) {
        return refused(Fault::Throttled, 400, "ThrottlingException", "Rate exceeded");
    }
    if hit(Fault::ServerError) {
        return refused(Fault::ServerError, 500, "ServerException", "Service Unavailable. Please try again later.");
    }
    hit(Fault::CrashAtCall).then_some(Instead::Crash(Fault::CrashAtCall))
}

/// What goes wrong once it is done.
fn after(world: &World, call: &Call, reply: &Reply) -> Option<Instead> {
    let hit = |fault| reply.status == 200 && world.faults.hit(&world.sim, fault);
    if call.action == "RunTask" {
        if hit(Fault::CrashAfterRunTask) {
            return Some(Instead::Crash(Fault::CrashAfterRunTask));
        }
        if hit(Fault::TokenConflict) {
            let arn = reply.body["tasks"][0]["taskArn"].as_str().unwrap_or_default();
            return Some(Instead::Reply(Fault::TokenConflict, ecs::conflict(arn)));
        }
        if hit(Fault::RunTaskReplyLost) {
            return Some(Instead::Lost(Fault::RunTaskReplyLost));
        }
    }
    if call.action == "TransactWriteItems" && hit(Fault::TransactionTrouble) {
        let message = "The transaction with the given request token is already in progress.";
        let reply = Reply::error(400, "TransactionInProgressException", message);
        return Some(Instead::Reply(Fault::TransactionTrouble, reply));
    }
    if is_dynamo(call) && is_write(call) && hit(Fault::WriteReplyLost) {
        return Some(Instead::Lost(Fault::WriteReplyLost));
    }
    hit(Fault::CrashAtCall).then_some(Instead::Crash(Fault::CrashAtCall))
}

fn audits(call: &Call) -> bool {
    call.body["TransactItems"].as_array().into_iter().flatten().any(is_audit)
}

fn is_audit(item: &Value) -> bool {
    item["Put"]["TableName"].as_str().is_some_and(|table| table.ends_with("-audit"))
}

/// A transaction that DynamoDB gave up, because of these items.
fn cancelled(call: &Call, code: &str, because: impl Fn(&Value) -> bool) -> Reply {
    let reason = |item: &Value| json!({"Code": if because(item) { code } else { "None" }});
    let reasons: Vec<_> = call.body["TransactItems"].as_array().into_iter().flatten().map(reason).collect();
    let mut reply = Reply::error(400, "TransactionCanceledException", "Transaction cancelled");
    reply.body["CancellationReasons"] = json!(reasons);
    reply
}

/// The call itself.
fn effect(world: &Arc<World>, call: &Call) -> Reply {
    let now = world.sim.now();
    match call.action.as_str() {
        "RunTask" => run_task(world, &call.body),
        "DescribeTasks" => world.ecs.describe(&call.body, now),
        "ListTasks" => world.ecs.list(&call.body, now),
        "StopTask" => world.ecs.stop(&call.body, now),
        "RegisterTaskDefinition" => world.ecs.register(&call.body),
        "GetSecretValue" => Reply::ok(json!({"Name": "jwt", "SecretString": "a secret of 32 bytes or a few more"})),
        "GetLogEvents" => world.logs.get(world, &call.body),
        "BatchGetItem" => {
            lambda::has_read(world);
            read(world, call)
        }
        _ if is_write(call) => check::written(world, call),
        _ => read(world, call),
    }
}

fn run_task(world: &Arc<World>, body: &Value) -> Reply {
    match world.ecs.run(body, world.sim.now()) {
        Ok((mut task, new)) => {
            if new {
                if world.faults.hit(&world.sim, Fault::TaskMissing) {
                    let visible = world.sim.now() + Duration::from_secs(60);
                    let changed = world.ecs.update(&task.arn, |task| task.visible = visible);
                    task = changed.unwrap_or(task);
                }
                world.started(task.clone());
            }
            Reply::ok(json!({"tasks": [task.show(false)], "failures": []}))
        }
        Err(refusal) => refusal,
    }
}

/// Reads by index are late and come in pages; all others are consistent.
fn read(world: &World, call: &Call) -> Reply {
    let mut body = call.body.clone();
    let indexed = body["IndexName"].is_string();
    if indexed && world.faults.hit(&world.sim, Fault::LongHistory) {
        body["Limit"] = json!(1);
    }
    let mut reply = world.dynamo.call(&call.action, body);
    if indexed && reply.status == 200 && world.faults.hit(&world.sim, Fault::StaleIndex) {
        check::hide_new(world, &mut reply.body);
    }
    reply
}
