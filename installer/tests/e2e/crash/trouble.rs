//! No crash, but AWS's bad days: replies that are lost, tables that don't answer, events that never come.

use std::fs;

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::{Value, json};

use super::{
    act::{Act, exit_code},
    stage::Stage,
};
use crate::{http, site::Site};

#[test]
fn a_lost_reply_starts_nothing_twice() {
    let stage = Stage::get();
    let _turn = stage.turn();
    for (service, action) in [("dynamodb", "TransactWriteItems"), ("ecs", "RunTask"), ("dynamodb", "UpdateItem")] {
        println!("the reply to {action} is lost");
        let act = Act::new(stage, &format!("lost-{action}"));
        // The first RunTask finds no task definition.
        let nth = if action == "RunTask" { 2 } else { 1 };
        let lost = stage.site.sandbox.script().on(Match::function(service, action).nth(nth), Effect::LoseReply);
        let id = act.started();
        assert_eq!(lost.fired(), 1);
        stage.site.sandbox.script().clear();
        assert_eq!(exit_code(&act.comes_to_its_end(&id)), Some("7"));
        act.is_over(&id);
    }
}

/// What DynamoDB says when another transaction is at work on the same row.
fn conflict() -> Effect {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict]",
        "CancellationReasons": [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}],
    });
    Effect::Reply { status: 400, content_type: "application/x-amz-json-1.0".to_owned(), body: body.to_string() }
}

#[test]
fn conflicts_are_waited_out_and_never_told_as_a_held_lock() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let script = stage.site.sandbox.script();
    let act = Act::new(stage, "conflict");
    script.on(Match::function("dynamodb", "TransactWriteItems").times(3), conflict());
    let id = act.started();
    script.clear();
    act.comes_to_its_end(&id);
    act.is_over(&id);

    let act = Act::new(stage, "conflict-for-ever");
    script.on(Match::function("dynamodb", "TransactWriteItems").always(), conflict());
    let (status, code, ..) = act.start().error();
    assert_eq!((status, code.as_str()), (503, "unavailable"));
    script.clear();
    assert!(stage.executions(&act.lock).is_empty(), "nothing was started");
}

#[test]
fn without_the_database_nothing_is_started() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let script = stage.site.sandbox.script();
    for action in ["BatchGetItem", "TransactWriteItems"] {
        let act = Act::new(stage, &format!("down-{action}"));
        let down = script.on(Match::function("dynamodb", action).always(), Effect::Status(500));
        let mark = stage.mark();
        let (status, code, ..) = act.start().error();
        assert_eq!((status, code.as_str()), (503, "unavailable"));
        assert!(down.fired() > 1, "it was tried again");
        script.clear();
        let calls = stage.site.sandbox.calls_since(mark);
        assert!(!calls.iter().any(|call| call.action == "RunTask"), "{calls:?}");
        assert!(stage.executions(&act.lock).is_empty() && stage.lock(&act.lock)["holder"].is_null());
        // When it is back, so is everything else.
        let id = act.started();
        act.comes_to_its_end(&id);
        act.is_over(&id);
    }
}

#[test]
fn a_look_repairs_what_no_event_told() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let act = Act::new(stage, "looked-at");
    let id = act.started();
    act.runs_now();
    let look = || stage.send("GET", &format!("/executions/{id}"), &[], &Value::Null).json();
    stage.tasks_are(&id, "RUNNING");
    assert_eq!(look()["status"], "running");
    act.go_on();
    stage.tasks_are(&id, "STOPPED");
    let seen = look();
    assert_eq!((&seen["status"], &seen["exit_code"]), (&json!("failed"), &json!(7)));
    act.is_over(&id);
}

#[test]
fn what_is_past_its_time_is_stopped_before_its_lock_comes_free() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let act = Act::new(stage, "overdue");
    let id = act.started();
    act.runs_now();
    stage.tasks_are(&id, "RUNNING");
    // Its hour, and the quarter that a task may take beside.
    stage.age_by(&id, 74);
    stage.sweep();
    assert_eq!(stage.tasks(&id)[0]["desiredStatus"], "RUNNING", "a minute is left");
    stage.age_by(&id, 76);
    stage.sweep();
    assert_eq!(stage.lock(&act.lock)["holder"]["S"], id, "nobody has seen it stopped");
    act.give_in();
    stage.tasks_are(&id, "STOPPED");
    stage.sweep();
    let row = stage.execution(&id);
    assert_eq!(row["status"]["S"], "timed_out", "{row}");
    act.is_over(&id);
}

/// Each kind of change, in a deployment whose audit table is gone.
#[test]
fn what_cannot_be_recorded_is_not_done() {
    let stage = Stage::get();
    let _turn = stage.turn();
    let site = Site::new(stage.site.sandbox, "unaudited");
    site.install();
    let (go_on, endpoint, key) = (stage.file("unaudited-go-on"), site.endpoint(), site.key());
    let wait = format!("until [ -e {go_on} ]; do sleep 0.05; done");
    site.run(&["admin", "add-user", "there@example.com"]).code(0);
    let held = site.run(&["exec", "--detach", "--lock", "held", &wait]).code(0).stdout.trim().to_owned();
    let waits = ["exec", "--detach", "--lock", "held", "--wait-lock", "10m", "true"];
    let queued = site.run(&waits).code(0).stdout.trim().to_owned();
    let running = || site.run(&["status", &held, "--json"]).code(0).json()["status"] == "running";
    crate::world::until("it runs", || running().then_some(()));
    let state = || {
        ["api-keys", "executions", "locks"].map(|table| {
            let mut rows = site.rows(table);
            rows.iter_mut().for_each(|row| drop(row.as_object_mut().unwrap().remove("last_used")));
            rows.sort_by_key(Value::to_string);
            rows
        })
    };
    let before = state();
    let audit = json!({ "TableName": "unaudited-audit", "DeletionProtectionEnabled": false });
    site.aws("dynamodb", "DynamoDB_20120810.UpdateTable", &audit);
    site.aws("dynamodb", "DynamoDB_20120810.DeleteTable", &json!({ "TableName": "unaudited-audit" }));
    let changes = [
        ("POST", "/executions".to_owned(), json!({ "command": "true" })),
        ("POST", "/executions".to_owned(), json!({ "command": "true", "lock": "held", "wait_lock": "10m" })),
        ("DELETE", format!("/executions/{held}"), json!({})),
        ("DELETE", format!("/executions/{queued}"), json!({})),
        ("DELETE", "/locks/held".to_owned(), json!({ "reason": "it hangs" })),
        ("POST", "/users".to_owned(), json!({ "email": "new@example.com" })),
        ("PATCH", "/users/there@example.com".to_owned(), json!({ "role": "admin" })),
        ("POST", "/users/there@example.com/rotate".to_owned(), json!({})),
        ("DELETE", "/users/there@example.com".to_owned(), json!({})),
        ("PATCH", "/config".to_owned(), json!({ "draining": true })),
    ];
    for (method, path, body) in changes {
        let reply = http::send(&endpoint, method, &path, &[("x-api-key", &key)], &body.to_string());
        assert_eq!((reply.status, reply.error().1.as_str()), (503, "unavailable"), "{method} {path}: {}", reply.body);
        assert_eq!(state(), before, "{method} {path}");
    }
    fs::write(go_on, "").unwrap();
    // Its rules are on: what it still does is not to be told from what the next test makes the functions do.
    for id in [held, queued] {
        let status = || site.run(&["status", &id, "--json"]).code(0).json()["status"].clone();
        crate::world::until("it is over", || {
            ["completed", "failed"].map(Value::from).contains(&status()).then_some(())
        });
    }
}
