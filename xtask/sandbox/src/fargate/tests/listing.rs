use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::{World, request};

async fn list(world: &World, filters: Value) -> Vec<Value> {
    let mut call = filters;
    call["cluster"] = json!("runvoy");
    let reply = world.call("ListTasks", &call).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["taskArns"].as_array().unwrap().clone()
}

#[tokio::test]
async fn filters_select_and_running_is_the_default() {
    let world = World::new().await;
    let mut call = request("sleep 1000");
    call["startedBy"] = json!("exec_1");
    let running = json!(world.launch(&call).await);
    let over = world.run("true").await;
    world.stopped(&over).await;
    assert_eq!(list(&world, json!({})).await, std::slice::from_ref(&running));
    assert_eq!(list(&world, json!({ "desiredStatus": "STOPPED" })).await, [json!(over)]);
    assert_eq!(list(&world, json!({ "family": "sh" })).await, std::slice::from_ref(&running));
    assert_eq!(list(&world, json!({ "family": "s" })).await, Vec::<Value>::new());
    assert_eq!(list(&world, json!({ "startedBy": "exec_1" })).await, [running]);
    assert_eq!(list(&world, json!({ "startedBy": "exec_2" })).await, Vec::<Value>::new());
    assert_eq!(list(&world, json!({ "launchType": "EC2" })).await, Vec::<Value>::new());
    world.fargate.shutdown().await;
}

#[tokio::test]
async fn started_by_bears_no_other_filter() {
    let world = World::new().await;
    for other in ["family", "desiredStatus", "launchType", "serviceName"] {
        let call = json!({ "cluster": "runvoy", "startedBy": "exec_1", other: "RUNNING" });
        let reply = world.call("ListTasks", &call).await;
        assert_eq!((reply.status, &reply.body["__type"]), (400, &json!("InvalidParameterException")), "{other}");
        assert_eq!(reply.body["message"], "cannot specify startedBy with other arguments");
    }
}

#[tokio::test]
async fn pages_hold_no_more_than_asked_for() {
    let world = World::new().await;
    let mut call = request("sleep 1000");
    call["count"] = json!(5);
    world.launch(&call).await;
    let (mut seen, mut ask) = (Vec::new(), json!({ "cluster": "runvoy", "maxResults": 2 }));
    loop {
        let reply = world.call("ListTasks", &ask).await;
        let page = reply.body["taskArns"].as_array().unwrap();
        assert!(page.len() <= 2);
        seen.extend(page.iter().cloned());
        match &reply.body["nextToken"] {
            Value::Null => break,
            token => ask["nextToken"] = token.clone(),
        }
    }
    assert_eq!(seen, list(&world, json!({})).await);
    assert_eq!(seen.len(), 5);
    world.fargate.shutdown().await;
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let world = World::new().await;
    let arn = world.run("true").await;
    let unknown = "arn:aws:ecs:eu-west-1:123456789012:task/runvoy/00000000000000000000000000000000";
    let call = json!({ "cluster": "runvoy", "tasks": [unknown, arn, "1111"] });
    let reply = world.call("DescribeTasks", &call).await;
    assert_eq!(reply.body["tasks"].as_array().unwrap().len(), 1);
    let failures = json!([
        { "arn": unknown, "reason": "MISSING" },
        { "arn": "arn:aws:ecs:eu-west-1:123456789012:task/runvoy/1111", "reason": "MISSING" },
    ]);
    assert_eq!(reply.body["failures"], failures);
    let elsewhere = world.call("DescribeTasks", &json!({ "cluster": "nowhere", "tasks": [arn] })).await;
    assert_eq!(elsewhere.body["__type"], "ClusterNotFoundException");
}

#[tokio::test]
async fn a_stopped_task_is_visible_for_an_hour() {
    let world = World::new().await;
    let arn = world.run("true").await;
    world.stopped(&arn).await;
    let id = arn.rsplit('/').next().unwrap();
    let age = |minutes: i64| {
        world.fargate.inner.store.update(id, |task| {
            task.times.retain(|(name, _)| *name != "stoppedAt");
            task.times.push(("stoppedAt", OffsetDateTime::now_utc() - Duration::minutes(minutes)));
        });
    };
    age(59);
    assert_eq!(world.describe(&arn).await["lastStatus"], "STOPPED");
    age(61);
    assert_eq!(world.describe(&arn).await, Value::Null);
}
