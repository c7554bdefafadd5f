//! What the events missed, and what they said twice.

use runvoy_api::{
    id::{ExecutionId, rfc3339},
    infra::SWEEP_DETAIL_TYPE,
};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::world::{ADMIN, World};

fn sweep(world: &World) {
    let reply = world.invoke("runvoy-events", &json!({ "detail-type": SWEEP_DETAIL_TYPE }));
    assert_eq!(reply, Value::Null, "the sweep failed");
}

/// Puts an execution on record that was accepted this long ago, with a lock that it holds.
fn accepted(world: &World, ago: Duration, lock: &str, task_arn: Option<&str>) -> String {
    let started = OffsetDateTime::now_utc() - ago;
    let id = ExecutionId::new(started, [1, 2, u8::try_from(lock.len()).unwrap()]);
    let mut row = json!({
        "execution_id": {"S": id.as_str()}, "started_at": {"S": id.started_at()}, "status": {"S": "starting"},
        "user_email": {"S": ADMIN}, "command": {"S": "true"}, "image": {"S": "alpine"}, "cpu": {"N": "256"},
        "memory": {"N": "512"}, "timeout_seconds": {"N": "60"}, "spot": {"BOOL": false}, "family": {"S": "runvoy-gone"},
        "run_task": {"S": "{}"}, "lock_name": {"S": lock}, "lock_fence": {"N": "7"}, "schema": {"N": "1"},
    });
    if let Some(arn) = task_arn {
        row["task_arn"] = json!({ "S": arn });
    }
    let lock = json!({
        "lock_name": {"S": lock}, "holder": {"S": id.as_str()}, "fence": {"N": "7"}, "user_email": {"S": ADMIN},
        "acquired_at": {"S": id.started_at()}, "expires_at": {"S": rfc3339(started + Duration::HOUR)},
    });
    // The lock first: a sweep that comes in between would end the execution, and the lock would stay.
    for (table, item) in [("runvoy-locks", lock), ("runvoy-executions", row)] {
        world.aws("dynamodb", "DynamoDB_20120810.PutItem", &json!({ "TableName": table, "Item": item }));
    }
    id.to_string()
}

fn lock_row(world: &World, name: &str) -> Value {
    let key = json!({ "TableName": "runvoy-locks", "Key": { "lock_name": {"S": name} }, "ConsistentRead": true });
    world.aws("dynamodb", "DynamoDB_20120810.GetItem", &key)["Item"].clone()
}

#[test]
fn a_launch_that_was_cut_short_ends_and_frees_its_lock() {
    let world = World::get();
    let id = accepted(world, Duration::minutes(31), "cut-short", None);
    sweep(world);
    let record = world.run(&["status", &id, "--json"]).code(0).json();
    assert_eq!(record["status"], "failed");
    assert_eq!(record["exit_code"], Value::Null);
    assert!(record["reason"].as_str().unwrap().contains("cut short"), "{record}");
    let lock = lock_row(world, "cut-short");
    assert_eq!((&lock["holder"], &lock["fence"]["N"]), (&Value::Null, &json!("7")), "the fence survives");
    let fence = world.run(&["exec", "--lock", "cut-short", "echo \"$RUNVOY_LOCK_FENCE\""]).code(0).stdout;
    assert!(fence.trim().parse::<u64>().unwrap() > 7);
}

#[test]
fn a_fresh_launch_is_left_alone() {
    let world = World::get();
    let id = accepted(world, Duration::minutes(2), "under-way", None);
    sweep(world);
    assert_eq!(world.run(&["status", &id, "--json"]).code(0).json()["status"], "starting");
    assert_eq!(lock_row(world, "under-way")["holder"]["S"], id.as_str());
}

#[test]
fn how_far_a_task_has_come_is_told_and_never_goes_back() {
    let world = World::get();
    let id = accepted(world, Duration::minutes(2), "on-its-way", None);
    for (status, version, told) in
        [("PENDING", 2, "PENDING"), ("PROVISIONING", 1, "PENDING"), ("PENDING", 2, "PENDING")]
    {
        let detail = json!({"taskArn": "arn:aws:ecs:us-east-1:0:task/runvoy/0", "startedBy": id, "lastStatus": status,
            "version": version, "containers": []});
        let event = json!({ "detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": detail });
        assert_eq!(world.invoke("runvoy-events", &event), Value::Null);
        assert_eq!(world.run(&["logs", &id, "--json"]).code(0).json()["task_status"], told);
    }
}

#[test]
fn what_ecs_has_forgotten_is_lost_not_completed() {
    let world = World::get();
    let account = world.sandbox().engine().account();
    let arn = format!("arn:aws:ecs:us-east-1:{account}:task/runvoy/00000000000000000000000000000000");
    let id = accepted(world, Duration::minutes(90), "forgotten", Some(&arn));
    sweep(world);
    let record = world.run(&["status", &id, "--json"]).code(0).json();
    assert_eq!((&record["status"], &record["exit_code"]), (&json!("lost"), &Value::Null));
    assert_eq!(lock_row(world, "forgotten")["holder"], Value::Null);
    world.run(&["logs", "-f", &id]).code(0);
}

#[test]
fn events_may_come_again_late_and_out_of_order() {
    let world = World::get();
    let id = world.run(&["exec", "--detach", "--lock", "told-twice", "exit 5"]).code(0).stdout.trim().to_owned();
    let before = world.ended(&id);
    let event = |status: &str, version: u32, exit_code: Option<u32>| {
        let detail = json!({
            "taskArn": before["task_arn"], "startedBy": id, "lastStatus": status, "version": version,
            "stopCode": "EssentialContainerExited", "containers": [{"name": "executor", "exitCode": exit_code}],
            "startedAt": "2026-01-01T00:00:00.5Z", "stoppedAt": "2026-01-01T00:00:01Z",
        });
        json!({ "detail-type": "ECS Task State Change", "source": "aws.ecs", "detail": detail })
    };
    for event in [event("RUNNING", 2, None), event("STOPPED", 9, Some(0)), event("STOPPED", 9, Some(0))] {
        assert_eq!(world.invoke("runvoy-events", &event), Value::Null);
    }
    let mut after = world.run(&["status", &id, "--json"]).code(0).json();
    // Each look gives a link of its own.
    after["log_url"] = before["log_url"].clone();
    assert_eq!(after, before);
    // A task that nobody started through us, or that is on no record, is nobody's.
    for started_by in [json!(null), json!("ecs-svc/1"), json!("exec_20200101000000_000000")] {
        let mut stranger = event("STOPPED", 3, Some(0));
        stranger["detail"]["startedBy"] = started_by;
        assert_eq!(world.invoke("runvoy-events", &stranger), Value::Null);
    }
}
