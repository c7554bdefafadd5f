//! A deployment with one of everything, as the API tells it.

use runvoy_api::id::rfc3339;
use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::server::{Reply, Server, ok};

pub const ID: &str = "exec_20251026143210_a1b2c3";

fn hours_ago(hours: i64) -> String {
    rfc3339(OffsetDateTime::now_utc() - Duration::hours(hours))
}

/// A server that has one of everything.
pub fn server() -> Server {
    let (began, ended) = (hours_ago(2), hours_ago(1));
    let execution = json!({"execution_id": ID, "status": "failed", "user_email": "a@example.com", "command": "x", "image": "i",
        "lock_name": "l", "lock_fence": 1, "queue_position": 1, "wait_until": ended,
        "launched_at": began, "started_at": began, "completed_at": ended,
        "exit_code": 3, "reason": "r", "duration_seconds": 65, "cost_usd": 0.001, "cost_basis": "b", "task_arn": "t",
        "log_stream_name": "s", "cpu": 512, "memory": 1024, "timeout_seconds": 600, "spot": false});
    let page = json!({"execution_id": ID, "status": "failed", "logs": [{"timestamp": 1, "message": "m"}], "last_timestamp": 1,
        "completed": true, "exit_code": 3, "reason": "r", "queue_position": 1, "cursor": "c"});
    let user = json!({"email": "a@example.com", "role": "member", "created_at": began,
        "last_used": began, "revoked": false, "policy": []});
    let lock = json!({"lock_name": "l", "execution_id": ID, "user_email": "a@example.com", "fence": 1,
        "acquired_at": began, "expires_at": ended,
        "waiters": [{"execution_id": ID, "user_email": "a@example.com", "since": began, "until": ended}]});
    let entry = json!({"at": began, "actor": "a@example.com", "action": "lock.release", "target": "l",
        "source_ip": "192.0.2.1", "result": "success", "details": {}});
    let cost = json!({"name": "l", "executions": 1, "seconds": 65, "cost_usd": 0.001, "estimated": true});
    let costs = json!({"by": "lock", "since": "2025-10-01T00:00:00Z", "costs": [cost], "complete": true});
    let started = json!({"execution_id": ID, "status": "starting", "log_url": "https://x", "lock_fence": 1,
        "queue_position": 1});
    let added = json!({"email": "a@example.com", "role": "member", "api_key": "k"});
    Server::script([
        ("GET /executions/exec_20251026143210_a1b2c3", vec![ok(execution.clone())]),
        ("DELETE /executions/exec_20251026143210_a1b2c3", vec![ok(execution.clone())]),
        ("GET /executions/exec_20251026143210_a1b2c3/logs", vec![ok(page)]),
        ("GET /executions?limit=1", vec![ok(json!({"executions": [execution.clone()]}))]),
        ("GET /executions?limit=100", vec![ok(json!({"executions": [execution.clone()]}))]),
        ("GET /executions?limit=20&all=true", vec![ok(json!({"executions": [execution.clone()]}))]),
        ("GET /executions?limit=20", vec![ok(json!({"executions": [execution], "cursor": "c"}))]),
        ("GET /executions?limit=19&cursor=c", vec![ok(json!({"executions": []}))]),
        ("POST /executions", vec![Reply::Json(201, started)]),
        ("GET /locks", vec![ok(json!({"locks": [lock.clone()]}))]),
        ("DELETE /locks/l", vec![Reply::Json(202, json!({"lock": lock, "released": false}))]),
        ("GET /audit?since=2025-10-01T00%3A00%3A00Z&limit=50", vec![ok(json!({"entries": [entry]}))]),
        ("GET /costs?by=lock", vec![ok(costs)]),
        ("PATCH /users/a%40example.com", vec![ok(user.clone())]),
        ("POST /users/a%40example.com/rotate", vec![ok(added.clone())]),
        ("GET /whoami", vec![ok(user.clone())]),
        ("GET /users", vec![ok(json!({"users": [user]}))]),
        ("POST /users", vec![Reply::Json(201, added)]),
        ("GET /config", vec![ok(json!({"draining": false, "shared_logs": true, "default_timeout": 1800}))]),
        (
            "PATCH /config",
            vec![ok(json!({"draining": true, "shared_logs": true, "default_image": "alpine:3", "max_running": 3}))],
        ),
        ("GET /health", vec![ok(json!({"status": "ok", "version": "1.2.3", "contract": 1, "destroyed_since": began}))]),
    ])
}
