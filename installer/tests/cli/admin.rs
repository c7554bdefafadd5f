//! `runvoy admin …`.

use serde_json::{Value, json};

use crate::{
    Machine, key,
    server::{Reply, Server, error, ok},
};

#[test]
fn a_new_key_is_alone_on_stdout() {
    let added = json!({"email": "bob@example.com", "role": "viewer", "api_key": key('b')});
    let server = Server::script([("POST /users", vec![Reply::Json(201, added.clone())])]);
    let machine = Machine::using(&server);
    let ran = machine.run(&["admin", "add-user", "bob@example.com", "--role", "viewer"]).code(0);
    let ran = ran.stdout(&format!("{}\n", key('b')));
    ran.never_says("sk_live_").says("bob@example.com").says("runvoy configure --endpoint http://127.0.0.1");
    let body: Value = serde_json::from_str(&server.requests()[0].body).unwrap();
    assert_eq!(body, json!({"email": "bob@example.com", "role": "viewer"}));

    let ran = machine.run(&["admin", "add-user", "bob@example.com", "--json"]).code(0);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), added);
    assert_eq!(server.requests()[1].body, r#"{"email":"bob@example.com"}"#);
}

#[test]
fn an_unknown_role_is_a_usage_error() {
    let ran = Machine::new().run(&["admin", "add-user", "bob@example.com", "--role", "root"]).code(2);
    ran.says("viewer, member, admin");
}

#[test]
fn users_are_listed_with_their_keys_state() {
    let users = json!({"users": [
        {"email": "alice@example.com", "role": "admin", "created_at": "2025-10-26T14:32:10Z", "last_used": "2025-10-26T14:32:10Z"},
        {"email": "bob@example.com", "role": "member", "created_at": "2025-10-26T14:32:10Z", "revoked": true}]});
    let server = Server::script([("GET /users", vec![ok(users)])]);
    let ran = Machine::using(&server).run(&["admin", "list-users"]).code(0);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines[1].starts_with("alice@example.com  admin   active   "), "{}", ran.stdout);
    assert!(lines[2].starts_with("bob@example.com    member  revoked  "), "{}", ran.stdout);
    assert!(lines[2].ends_with("never"), "{}", ran.stdout);
}

#[test]
fn revoking_names_the_user_in_the_path() {
    let user =
        json!({"email": "a+b@example.com", "role": "member", "created_at": "2025-10-26T14:32:10Z", "revoked": true});
    let server = Server::script([("DELETE /users/a%2Bb%40example.com", vec![ok(user)])]);
    Machine::using(&server).run(&["admin", "revoke-user", "a+b@example.com"]).code(0).stdout("").says("is revoked");
    let missing = error(404, "not_found", "no user `x@example.com`");
    let server = Server::script([("DELETE /users/x%40example.com", vec![missing])]);
    Machine::using(&server).run(&["admin", "revoke-user", "x@example.com"]).code(1).says("no user `x@example.com`");
}

#[test]
fn a_rotated_key_is_alone_on_stdout() {
    let rotated = json!({"email": "bob@example.com", "role": "member", "api_key": key('c')});
    let server = Server::script([("POST /users/bob%40example.com/rotate", vec![ok(rotated)])]);
    let ran = Machine::using(&server).run(&["admin", "rotate-key", "bob@example.com"]).code(0);
    ran.stdout(&format!("{}\n", key('c'))).never_says("sk_live_").says("the old one is refused");
}

#[test]
fn policies_are_read_from_json_and_yaml_and_checked_first() {
    let user = json!({"email": "b@example.com", "role": "auditor", "created_at": "2025-10-26T14:32:10Z"});
    let server = Server::script([("PATCH /users/b%40example.com", vec![ok(user)])]);
    let machine = Machine::using(&server);
    let set = |policy: &str| machine.run_with_stdin(&["admin", "set-policy", "b@example.com", "-"], policy);
    set(r#"{"locks": ["staging*"], "max_timeout": "30m"}"#).code(0).stdout("").says("bound by this policy");
    set("require_lock: true\nimages: [alpine]\n").code(0);
    machine.run(&["admin", "set-policy", "b@example.com", "--none"]).code(0).says("no policy any more");
    machine.run(&["admin", "set-role", "b@example.com", "viewer"]).code(0).says("viewer");
    let bodies: Vec<Value> =
        server.requests().iter().map(|request| serde_json::from_str(&request.body).unwrap()).collect();
    let expected = [
        json!({"policy": {"locks": ["staging*"], "max_timeout": 1800}}),
        json!({"policy": {"images": ["alpine"], "require_lock": true}}),
        json!({"policy": null}),
        json!({"role": "viewer"}),
    ];
    assert_eq!(bodies, expected);
    set(r#"{"lock": ["a"]}"#).code(2).says("unknown field `lock`");
    set(r#"{"commands": ["make"]}"#).code(2).says("`commands` needs `images`");
    assert_eq!(server.requests().len(), 4, "nothing is sent that is wrong");
}
