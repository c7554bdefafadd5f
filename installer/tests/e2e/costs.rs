//! What it costs, and the settings that all share.

use std::fs;

use serde_json::{Value, json};

use crate::{
    http::{self, Reply},
    world::{ADMIN, World},
};

#[test]
fn costs_add_up_to_those_of_the_executions() {
    let world = World::get();
    let key = world.add_user("spender@example.com", "member");
    let cost = |lock: &[&str]| -> f64 {
        let id = world.run_as(&key, &[&["exec", "--detach"], lock, &["true"]].concat()).code(0).stdout;
        world.ended(id.trim())["cost_usd"].as_f64().unwrap()
    };
    let (locked, free) = (cost(&["--lock", "dear"]), cost(&[]));
    let sum = |by: &str, name: &str| -> Value {
        let costs = world.run(&["costs", "--by", by, "--since", "1d", "--json"]).code(0).json();
        assert_eq!(costs["complete"], true);
        costs["costs"].as_array().unwrap().iter().find(|cost| cost["name"] == name).cloned().unwrap_or_default()
    };
    let theirs = sum("user", "spender@example.com");
    assert_eq!(theirs["executions"], 2);
    assert!((theirs["cost_usd"].as_f64().unwrap() - locked - free).abs() < 1e-5, "{theirs} {locked} {free}");
    assert!((sum("lock", "dear")["cost_usd"].as_f64().unwrap() - locked).abs() < 1e-5);
    assert!(world.run(&["costs", "--by", "month"]).code(0).stdout.starts_with("MONTH"));
    world.run_as(&key, &["costs"]).code(1).says("role `admin`");
}

#[test]
fn settings_change_what_the_next_request_finds() {
    let world = World::get();
    let _turn = world.turn();
    // A deployment of its own: the other tests' launches read the settings of theirs.
    world.init("settings", ADMIN).code(0);
    let config: Value = serde_yaml::from_str(&fs::read_to_string(world.config()).unwrap()).unwrap();
    let profile = &config["profiles"]["settings"];
    let (endpoint, admin) = (profile["api_endpoint"].as_str().unwrap(), profile["api_key"].as_str().unwrap());
    let cli = |args: &[&str]| world.run(&[&["--profile", "settings"], args].concat()).code(0).stdout.trim().to_owned();
    let send = |method: &str, path: &str, key: &str, body: &Value| -> Reply {
        http::send(endpoint, method, path, &[("x-api-key", key)], &body.to_string())
    };
    let patch = |body: Value| send("PATCH", "/config", admin, &body);
    let (member, viewer) = (
        cli(&["admin", "add-user", "m@example.com"]),
        cli(&["admin", "add-user", "v@example.com", "--role", "viewer"]),
    );
    let changed = patch(json!({"shared_logs": true, "default_timeout": "59m"}));
    assert_eq!((changed.status, &changed.json()["default_timeout"]), (200, &json!(3540)), "{}", changed.body);
    let id = cli(&["exec", "--detach", "true"]);
    assert!(cli(&["status", &id, "--json"]).contains("3540"));
    let logs = format!("/executions/{id}/logs");
    assert_eq!(send("GET", &logs, &member, &json!(null)).status, 200);
    assert_eq!(send("GET", &logs, &viewer, &json!(null)).status, 403);
    patch(json!({"shared_logs": false, "draining": true}));
    assert_eq!(send("GET", &logs, &member, &json!(null)).status, 403);
    let refused = send("POST", "/executions", admin, &json!({"command": "true"}));
    assert_eq!((refused.status, refused.error().1.as_str()), (503, "draining"));
    assert_eq!(
        patch(json!({"draining": false, "default_timeout": null})).json(),
        json!({"draining": false, "shared_logs": false})
    );
    assert_eq!(send("POST", "/executions", admin, &json!({"command": "true"})).status, 201);
    assert_eq!(patch(json!({"drain": true})).error().3, "drain");
    assert_eq!(send("GET", "/config", &member, &json!(null)).status, 403);
    world.run(&["destroy", "--stack-name", "settings", "--yes", "--stop-running"]).code(0);
}
