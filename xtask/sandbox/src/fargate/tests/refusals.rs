use serde_json::{Value, json};

use super::{World, request, shell};

async fn refused(world: &World, change: impl FnOnce(&mut Value)) -> (String, String) {
    let mut call = request("true");
    change(&mut call);
    let reply = world.call("RunTask", &call).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    let text = |name: &str| reply.body[name].as_str().unwrap().to_owned();
    (text("__type"), text("message"))
}

#[tokio::test]
async fn what_run_task_refuses() {
    let world = World::new().await;
    let invalid = "InvalidParameterException";
    let (kind, message) = refused(&world, |call| call["taskDefinition"] = json!("nobody")).await;
    assert_eq!((kind.as_str(), message.as_str()), ("ClientException", "TaskDefinition not found."));
    assert_eq!(refused(&world, |call| call["cluster"] = json!("nowhere")).await.0, "ClusterNotFoundException");
    let (kind, message) =
        refused(&world, |call| call["overrides"]["containerOverrides"][0]["name"] = json!("other")).await;
    assert_eq!(kind, invalid);
    assert!(message.contains("other"), "{message}");
    assert_eq!(refused(&world, |call| call["networkConfiguration"] = Value::Null).await.0, invalid);
    assert_eq!(refused(&world, |call| call["count"] = json!(11)).await.0, invalid);
    assert_eq!(refused(&world, |call| call["clientToken"] = json!("x".repeat(65))).await.0, invalid);
    assert_eq!(refused(&world, |call| call["startedBy"] = json!("x".repeat(129))).await.0, invalid);
    assert_eq!(refused(&world, |call| call["launchType"] = json!("FARGATE")).await.0, invalid);
    assert_eq!(refused(&world, |call| call["overrides"]["cpu"] = json!("300")).await.0, invalid);
    assert_eq!(refused(&world, |call| call["overrides"]["memory"] = json!("4096")).await.0, invalid);
    let stranger = json!([{ "capacityProvider": "mine" }]);
    assert_eq!(refused(&world, |call| call["capacityProviderStrategy"] = stranger).await.0, invalid);
    assert_eq!(refused(&world, |call| call["capacityProviderStrategy"] = json!([])).await.0, invalid);
    assert_eq!(refused(&world, |call| call["cluster"] = json!(7)).await.0, "SerializationException");
}

#[tokio::test]
async fn overrides_may_have_8192_characters_as_json() {
    let world = World::new().await;
    let frame = request("")["overrides"].to_string().len();
    let script = |length: usize| format!("#{}", "x".repeat(length - frame - 1));
    let arn = world.run(&script(8192)).await;
    assert_eq!(world.stopped(&arn).await["containers"][0]["exitCode"], 0);
    let (kind, _) = refused(&world, |call| *call = request(&script(8193))).await;
    assert_eq!(kind, "InvalidParameterException");
}

#[tokio::test]
async fn what_would_run_differently_here_does_not_run() {
    let world = World::new().await;
    let changes: [(&str, Value, &str); 5] = [
        ("secrets", json!([{ "name": "TOKEN", "valueFrom": "arn" }]), "secrets"),
        ("mountPoints", json!([{ "sourceVolume": "work", "containerPath": "/work" }]), "mountPoints"),
        ("dependsOn", json!([{ "containerName": "executor", "condition": "HEALTHY" }]), "HEALTHY"),
        ("dependsOn", json!([{ "containerName": "executor", "condition": "START" }]), "circular"),
        ("stopTimeout", json!(121), "120"),
    ];
    for (member, value, named) in changes {
        let mut container = shell("executor", "true");
        container[member] = value;
        world.define("odd", json!([container]));
        let (kind, message) = refused(&world, |call| call["taskDefinition"] = json!("odd")).await;
        assert_eq!(kind, "ClientException");
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn a_family_means_its_latest_active_revision() {
    let world = World::new().await;
    world.engine.set(|record| {
        // The engine answers with the newest, though it was deregistered.
        record.definitions.get_mut("sh").unwrap()["status"] = json!("INACTIVE");
    });
    let arn = world.run("true").await;
    let task = world.stopped(&arn).await;
    assert_eq!(task["taskDefinitionArn"], "arn:aws:ecs:eu-west-1:123456789012:task-definition/sh:1");
    world.engine.set(|record| {
        record.definitions.values_mut().for_each(|definition| definition["status"] = json!("INACTIVE"));
    });
    assert_eq!(refused(&world, |_| {}).await, ("ClientException".to_owned(), "TaskDefinition not found.".to_owned()));
}

#[tokio::test]
async fn other_calls_are_not_ours() {
    let world = World::new().await;
    assert_eq!(world.fargate.handle("RegisterTaskDefinition", b"{}").await, None);
}
