use serde_json::json;

use super::{World, request};

#[tokio::test]
async fn one_token_is_one_task() {
    let world = World::new().await;
    let mut call = request("sleep 100");
    call["clientToken"] = json!("exec_1");
    let (first, second) = tokio::join!(world.launch(&call), world.launch(&call));
    assert_eq!(first, second);
    world.stop(&first).await;
    world.stopped(&first).await;
    assert_eq!(world.launch(&call).await, first, "a token outlives its task's run");
    call["clientToken"] = json!("exec_2");
    assert_ne!(world.launch(&call).await, first);
    world.fargate.shutdown().await;
}

#[tokio::test]
async fn the_same_token_with_other_parameters_conflicts_and_names_the_task() {
    let world = World::new().await;
    let mut call = request("true");
    call["clientToken"] = json!("exec_1");
    let arn = world.launch(&call).await;
    call["startedBy"] = json!("somebody else");
    let reply = world.call("RunTask", &call).await;
    assert_eq!((reply.status, &reply.body["__type"]), (400, &json!("ConflictException")));
    assert_eq!(reply.body["resourceIds"], json!([arn]));
    world.fargate.shutdown().await;
}

#[tokio::test]
async fn without_a_token_each_call_is_a_task() {
    let world = World::new().await;
    let mut call = request("true");
    call["count"] = json!(3);
    let reply = world.call("RunTask", &call).await;
    assert_eq!(reply.body["tasks"].as_array().unwrap().len(), 3);
    assert_eq!(reply.body["failures"], json!([]));
    assert_ne!(world.launch(&call).await, reply.body["tasks"][0]["taskArn"].as_str().unwrap());
    world.fargate.shutdown().await;
}
