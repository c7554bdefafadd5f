//! The API as any client meets it.

use runvoy_sandbox::proxy::Caller;
use serde_json::{Value, json};

use crate::{
    http::{self, Reply},
    world::World,
};

fn post(world: &World, path: &str, body: &str) -> Reply {
    let headers = [("x-api-key", world.admin_key.as_str()), ("content-type", "application/json")];
    http::send(&world.endpoint, "POST", path, &headers, body)
}

fn get(world: &World, path: &str) -> Reply {
    http::send(&world.endpoint, "GET", path, &[("x-api-key", &world.admin_key)], "")
}

#[test]
fn bad_requests_are_refused_by_field() {
    let world = World::get();
    let cases: [(Value, &str); 11] = [
        (json!({"command": ""}), "command"),
        (json!({"command": "x".repeat(300 * 1024)}), "command"),
        (json!({"command": "a\0b"}), "command"),
        (json!({}), "command"),
        (json!({"command": "true", "lokc": "prod"}), "lokc"),
        (json!({"command": "true", "lock": "in\u{7}fra"}), "lock"),
        (json!({"command": "true", "timeout": -1}), "timeout"),
        (json!({"command": "true", "timeout": "soon"}), "timeout"),
        (json!({"command": "true", "cpu": 3}), "cpu"),
        (json!({"command": "true", "image": "a b"}), "image"),
        (json!({"command": "true", "env": {"RUNVOY_LOCK_FENCE": "1"}}), "env"),
    ];
    for (body, field) in cases {
        let (status, code, message, named) = post(world, "/api/v1/executions", &body.to_string()).error();
        assert_eq!((status, code.as_str(), named.as_str()), (400, "invalid_request", field), "{message}");
        assert!(message.contains(field), "{message}");
    }
    let (status, code, ..) = post(world, "/api/v1/executions", "{not json").error();
    assert_eq!((status, code.as_str()), (400, "invalid_request"));
    let (status, code, ..) = post(world, "/api/v1/executions", &"x".repeat(2 * 1024 * 1024)).error();
    assert_eq!((status, code.as_str()), (413, "too_large"));
    for query in
        ["limit=-1", "limit=abc", "limit=0", "status=paused", "since=yesterday", "cursor=%21", "user=", "usre=a"]
    {
        assert_eq!(get(world, &format!("/api/v1/executions?{query}")).status, 400, "{query}");
    }
}

#[test]
fn keys_travel_in_either_header_and_malformed_ones_reach_no_table() {
    let world = World::get();
    let whoami = |name: &str, value: &str| http::send(&world.endpoint, "GET", "/api/v1/whoami", &[(name, value)], "");
    assert_eq!(whoami("x-api-key", &world.admin_key).status, 200);
    assert_eq!(whoami("authorization", &format!("Bearer {}", world.admin_key)).status, 200);
    let unknown = format!("sk_live_{}", "0".repeat(64));
    let answers: Vec<_> = [("x-api-key", unknown.as_str()), ("x-api-key", "sk_live_nonsense"), ("accept", "*/*")]
        .iter()
        .map(|(name, value)| whoami(name, value).error())
        .collect();
    // One answer for all: nothing to tell an unknown key from a malformed one by.
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 401), "{answers:?}");
}

#[test]
fn paths_answer_with_and_without_prefix_and_stage() {
    let world = World::get();
    for path in ["/health", "/api/v1/health", "/prod/health", "/prod/api/v1/health"] {
        let reply = get(world, path);
        assert_eq!((reply.status, reply.json()["status"].as_str()), (200, Some("ok")), "{path}");
        assert_eq!(reply.header("x-request-id").len(), 16);
    }
    assert_eq!(get(world, "/greet/you").json()["message"], "hello, you");
    assert_eq!(get(world, "/nowhere").error().1, "not_found");
    assert_eq!(post(world, "/health", "").error().1, "method_not_allowed");
    assert_eq!(get(world, "/api/v1/executions/exec_20200101000000_000000").error().1, "not_found");
    assert_eq!(get(world, "/api/v1/executions/..%2F..%2Fx").error().1, "not_found");
}

#[test]
fn a_warm_launch_takes_four_calls() {
    let world = World::get();
    // A process of its own, whose calls are told from the deployed functions' by what it signs with; and nobody deploys
    // meanwhile, who would sign with the same.
    let _turn = world.turn();
    let server = world.serve(&world.client_credentials());
    // A key of its own, too: that it was used is noted once a minute, so by the first launch and not by the second.
    let key = world.add_user("launcher@example.com", "member");
    let body = json!({"command": "true", "lock": "counted"}).to_string();
    let start = || -> Vec<String> {
        let mark = world.mark();
        let reply = http::send(&server.address, "POST", "/api/v1/executions", &[("x-api-key", &key)], &body);
        assert_eq!(reply.status, 201, "{}", reply.body);
        let calls = world.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client);
        // Other deployments are others' business.
        let calls = calls.filter(|call| call.detail.contains("runvoy")).map(|call| call.action).collect();
        // Over, so that the next one finds the lock free.
        world.ended(reply.json()["execution_id"].as_str().unwrap());
        calls
    };
    let first = start();
    assert!(first.contains(&"GetSecretValue".to_owned()), "what is read once is read by the first: {first:?}");
    assert_eq!(start(), ["BatchGetItem", "TransactWriteItems", "RunTask", "UpdateItem"]);
}

#[test]
fn history_pages_without_gap_or_repeat() {
    let world = World::get();
    let key = world.add_user("pages@example.com", "member");
    let mut ids: Vec<String> =
        (0..5).map(|_| world.run_as(&key, &["exec", "--detach", "true"]).code(0).stdout.trim().to_owned()).collect();
    ids.iter().for_each(|id| drop(world.ended(id)));
    for query in ["user=pages@example.com", "all=true&lock=&user=pages@example.com", "all=true"] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(world, &format!("/executions?{}&limit=2{cursor}", query.replace("lock=&", ""))).json();
            let executions = page["executions"].as_array().unwrap();
            seen.extend(executions.iter().map(|execution| execution["execution_id"].as_str().unwrap().to_owned()));
            let Some(next) = page["cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let mut mine: Vec<_> = seen.iter().filter(|id| ids.contains(id)).cloned().collect();
        assert!(mine.is_sorted_by(|a, b| a >= b), "newest first: {mine:?}");
        mine.sort();
        ids.sort();
        assert_eq!(mine, ids, "{query}");
    }
}

#[test]
fn every_change_leaves_an_audit_record() {
    let world = World::get();
    world.add_user("audited@example.com", "viewer");
    world.run(&["admin", "revoke-user", "audited@example.com"]).code(0);
    let id = world.run(&["exec", "--detach", "sleep 600"]).code(0).stdout.trim().to_owned();
    world.run(&["stop", &id]).code(0);
    let rows = world.aws("dynamodb", "DynamoDB_20120810.Scan", &json!({ "TableName": "runvoy-audit" }));
    let actions = |target: &str| -> Vec<String> {
        let mut found: Vec<_> =
            rows["Items"].as_array().unwrap().iter().filter(|row| row["target"]["S"] == *target).collect();
        found.sort_by_key(|row| row["entry"]["S"].as_str().unwrap().to_owned());
        found.iter().for_each(|row| assert_eq!(row["actor"]["S"], crate::world::ADMIN));
        let mut actions: Vec<_> = found.iter().map(|row| row["action"]["S"].as_str().unwrap().to_owned()).collect();
        actions.sort();
        actions
    };
    assert_eq!(actions("audited@example.com"), ["user.add", "user.revoke"]);
    assert_eq!(actions(&id), ["execution.start", "execution.stop"]);
}
