//! `--json`: every field that is printed is in `docs/json.md`.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    Machine,
    server::{Reply, Server, ok},
};

const ID: &str = "exec_20251026143210_a1b2c3";

fn server() -> Server {
    let execution = json!({"execution_id": ID, "status": "failed", "user_email": "a@example.com", "command": "x", "image": "i",
        "lock_name": "l", "lock_fence": 1, "queue_position": 1, "wait_until": "2025-10-26T14:42:10Z",
        "launched_at": "2025-10-26T14:32:20Z", "started_at": "2025-10-26T14:32:10Z", "completed_at": "2025-10-26T14:33:15Z",
        "exit_code": 3, "reason": "r", "duration_seconds": 65, "cost_usd": 0.001, "cost_basis": "b", "task_arn": "t",
        "log_stream_name": "s", "cpu": 512, "memory": 1024, "timeout_seconds": 600, "spot": false});
    let page = json!({"execution_id": ID, "status": "failed", "logs": [{"timestamp": 1, "message": "m"}], "last_timestamp": 1,
        "completed": true, "exit_code": 3, "reason": "r", "queue_position": 1, "cursor": "c"});
    let user = json!({"email": "a@example.com", "role": "member", "created_at": "2025-10-26T14:32:10Z",
        "last_used": "2025-10-26T14:32:10Z", "revoked": false, "policy": []});
    let lock = json!({"lock_name": "l", "execution_id": ID, "user_email": "a@example.com", "fence": 1,
        "acquired_at": "2025-10-26T14:32:10Z", "expires_at": "2025-10-26T15:32:10Z",
        "waiters": [{"execution_id": ID, "user_email": "a@example.com", "since": "2025-10-26T14:32:10Z", "until": "2025-10-26T14:42:10Z"}]});
    let entry = json!({"at": "2025-10-26T14:32:10Z", "actor": "a@example.com", "action": "lock.release", "target": "l",
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
        (
            "GET /health",
            vec![ok(json!({"status": "ok", "version": "1.2.3", "contract": 1,
            "destroyed_since": "2026-11-21T10:08:34Z"}))],
        ),
    ])
}

fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            found.insert(name.clone());
            names(value, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

#[test]
fn every_field_is_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    let documented = fs::read_to_string(path).unwrap();
    let server = server();
    let machine = Machine::using(&server)
        .file(".runvoy.yaml", "tasks: {t: {command: x, description: d}}\n")
        .config("profiles:\n  p: {api_endpoint: 'https://p', region: eu-west-1}\n");
    for (line, code) in [
        ("status ID", 0),
        ("stop ID", 0),
        ("list", 0),
        ("logs ID", 0),
        ("exec x", 3),
        ("exec --detach x", 0),
        ("rerun ID", 3),
        ("locks list", 0),
        ("locks release l --reason r", 0),
        ("audit --since 2025-10-01", 0),
        ("costs --by lock", 0),
        ("whoami", 0),
        ("health", 0),
        ("version", 0),
        ("admin list-users", 0),
        ("admin add-user a@example.com", 0),
        ("admin set-role a@example.com admin", 0),
        ("admin set-policy a@example.com --none", 0),
        ("admin rotate-key a@example.com", 0),
        ("profile list", 0),
        ("config explain", 0),
        ("config tasks", 0),
    ] {
        let words: Vec<_> = line.replace("ID", ID).split(' ').map(str::to_owned).collect();
        // Before the first word that may be the command's.
        let at = if line.starts_with("exec") { 1 } else { words.len() };
        let args: Vec<_> = words[..at]
            .iter()
            .map(String::as_str)
            .chain(["--json"])
            .chain(words[at..].iter().map(String::as_str))
            .collect();
        let ran = machine.run(&args).code(code);
        let mut found = BTreeSet::new();
        let values = serde_json::Deserializer::from_str(&ran.stdout).into_iter::<Value>();
        values.for_each(|value| names(&value.unwrap(), &mut found));
        assert!(!found.is_empty(), "{line}");
        for name in found {
            let written = [format!("`{name}`"), format!("\"{name}\"")].iter().any(|name| documented.contains(name));
            assert!(written, "`{name}` of `runvoy {line} --json` is not in docs/json.md");
        }
        assert!(
            documented.contains(&format!(
                "`runvoy {}",
                [" ID", " x", " a@", " l ", " --"].iter().fold(line, |line, end| line.split(end).next().unwrap())
            )),
            "{line}"
        );
    }
}
