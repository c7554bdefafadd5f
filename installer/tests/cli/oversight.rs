//! `runvoy audit`, `runvoy costs`, `runvoy locks release`.

use serde_json::{Value, json};

use crate::{
    Machine,
    server::{Reply, Server, error, ok},
};

fn entry(action: &str) -> Value {
    json!({"at": "2026-01-31T12:00:00Z", "actor": "a@example.com", "action": action, "target": "prod",
        "source_ip": "192.0.2.1", "result": "done", "details": {"reason": "it hangs", "lock": null}})
}

#[test]
fn the_trail_is_paged_and_shown_as_a_table() {
    let first = "GET /audit?since=2026-01-01T00%3A00%3A00Z&limit=2&user=a%40example.com";
    let second = "GET /audit?since=2026-01-01T00%3A00%3A00Z&limit=1&user=a%40example.com&cursor=2026-01-30U";
    let server = Server::script([
        (first, vec![ok(json!({"entries": [entry("lock.release")], "cursor": "2026-01-30U"}))]),
        (second, vec![ok(json!({"entries": [entry("user.add")]}))]),
    ]);
    let machine = Machine::using(&server);
    let args = ["audit", "--since", "2026-01-01", "--user", "a@example.com", "--limit", "2"];
    let ran = machine.run(&args).code(0);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stdout);
    assert!(lines[1].contains("lock.release") && lines[1].ends_with("reason=it hangs"), "{}", ran.stdout);
    let json: Value = serde_json::from_str(&machine.run(&[&args[..], &["--json"]].concat()).code(0).stdout).unwrap();
    assert_eq!(json["entries"].as_array().unwrap().len(), 2);
    machine.run(&["audit", "--since", "yesterday"]).code(2).says("`yesterday` is not a time");
}

#[test]
fn costs_are_added_up_by_what_is_asked_for() {
    let costs = json!({"by": "lock", "since": "2026-01-01T00:00:00Z", "complete": false, "costs": [
        {"name": "prod", "executions": 3, "seconds": 65, "cost_usd": 0.5, "estimated": true},
        {"name": "", "executions": 1, "seconds": 5, "cost_usd": 0.0012, "estimated": false}]});
    let server = Server::script([("GET /costs?by=lock", vec![ok(costs)])]);
    let ran = Machine::using(&server).run(&["costs", "--by", "lock"]).code(0);
    let ran = ran.says("is an estimate").says("these are not all");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[1].starts_with("prod") && lines[1].contains("~$0.50"), "{}", ran.stdout);
    assert!(lines[2].starts_with("-   ") && !lines[2].contains('~'), "{}", ran.stdout);
    Machine::using(&server).run(&["costs", "--by", "colour"]).code(2).says("user, lock, month");
}

#[test]
fn a_release_waits_until_the_holder_has_stopped() {
    let lock = json!({"lock_name": "a/b", "execution_id": "exec_1", "user_email": "a@example.com", "fence": 7,
        "acquired_at": "2026-01-31T12:00:00Z", "expires_at": "2026-01-31T13:00:00Z"});
    let server = Server::script([
        ("DELETE /locks/a%2Fb", vec![Reply::Json(202, json!({"lock": lock, "released": false}))]),
        ("GET /locks", vec![ok(json!({"locks": [lock]})), ok(json!({"locks": []}))]),
    ]);
    let machine = Machine::using(&server);
    let ran = machine.run(&["locks", "release", "a/b", "--reason", "it hangs"]).code(0).stdout("");
    ran.says("stopping `exec_1` of a@example.com").says("is not held by `exec_1` any more");
    assert_eq!(server.lines(), ["DELETE /locks/a%2Fb", "GET /locks", "GET /locks"]);
    assert_eq!(server.requests()[0].body, r#"{"reason":"it hangs"}"#);
    machine.run(&["locks", "release", "a/b"]).code(2).says("--reason");
    let refused = Server::script([("DELETE /locks/x", vec![error(404, "not_found", "there is no held lock `x`")])]);
    Machine::using(&refused).run(&["locks", "release", "x", "--reason", "r"]).code(1).says("no held lock");
}
