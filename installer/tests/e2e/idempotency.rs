//! One command, however often it is asked for.

use std::{fs, thread};

use runvoy_sandbox::proxy::Caller;
use serde_json::{Value, json};

use crate::{
    http::{self, Reply},
    world::World,
};

fn start(endpoint: &str, api_key: &str, key: &str, body: &Value) -> Reply {
    let headers = [("x-api-key", api_key), ("idempotency-key", key)];
    http::send(endpoint, "POST", "/api/v1/executions", &headers, &body.to_string())
}

fn id(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.json()["execution_id"].as_str().unwrap().to_owned()
}

#[test]
fn the_same_key_starts_one_command() {
    let world = World::get();
    let count = world.file("idempotent");
    let body = json!({"command": format!("echo ran >> {}", count.display()), "lock": "idempotent"});
    let send = || start(&world.endpoint, &world.admin_key, "once", &body);
    // At once, and again when it is over and the lock is free.
    let together: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| id(&thread.join().unwrap())).collect()
    });
    world.ended(&together[0]);
    let later = send();
    assert_eq!(later.json()["status"], "completed");
    let first = &together[0];
    assert!(together.iter().all(|other| other == first) && id(&later) == *first, "{together:?}");
    assert_eq!(fs::read_to_string(&count).unwrap(), "ran\n");

    let (status, code, ..) = start(&world.endpoint, &world.admin_key, "once", &json!({"command": "true"})).error();
    assert_eq!((status, code.as_str()), (422, "idempotency_key_reused"));
    // Another key, and another user's same key, are other wishes.
    assert_ne!(id(&start(&world.endpoint, &world.admin_key, "twice", &json!({"command": "true"}))), *first);
    let other = world.add_user("other-idempotent@example.com", "member");
    assert_ne!(id(&start(&world.endpoint, &other, "once", &body)), *first);
    let (status, code, _, field) = start(&world.endpoint, &other, "a b", &body).error();
    assert_eq!((status, code.as_str(), field.as_str()), (400, "invalid_request", "idempotency-key"));
}

#[test]
fn a_key_that_has_expired_counts_no_more_though_its_row_is_still_there() {
    let world = World::get();
    let body = json!({"command": "true"});
    let first = id(&start(&world.endpoint, &world.admin_key, "expires", &body));
    let scan = json!({ "TableName": "runvoy-executions", "FilterExpression": "#names = :id",
        "ExpressionAttributeNames": {"#names": "names"}, "ExpressionAttributeValues": {":id": {"S": first}} });
    let mut row = world.aws("dynamodb", "DynamoDB_20120810.Scan", &scan)["Items"][0].clone();
    assert!(row["expires_epoch"]["N"].is_string(), "{row}");
    row["expires_epoch"] = json!({"N": "1000"});
    world.aws("dynamodb", "DynamoDB_20120810.PutItem", &json!({ "TableName": "runvoy-executions", "Item": row }));
    assert_ne!(id(&start(&world.endpoint, &world.admin_key, "expires", &body)), first);
}

#[test]
fn a_launch_with_everything_takes_four_calls_when_warm() {
    let world = World::get();
    let _turn = world.turn();
    let server = world.serve(&world.client_credentials());
    let key = world.add_user("idempotent-launcher@example.com", "member");
    let body = json!({"command": "true", "lock": "counted-twice", "wait_lock": "1m"});
    let start = |attempt: &str| -> Vec<String> {
        let mark = world.mark();
        let reply = start(&server.address, &key, attempt, &body);
        let calls = world.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client);
        // Other deployments are others' business.
        let calls = calls.filter(|call| call.detail.contains("runvoy-")).map(|call| call.action).collect();
        world.ended(&id(&reply));
        calls
    };
    start("a");
    assert_eq!(start("b"), ["BatchGetItem", "TransactWriteItems", "RunTask", "UpdateItem"]);
    assert_eq!(start("b"), ["BatchGetItem", "GetItem"], "a repeat starts nothing");
}
