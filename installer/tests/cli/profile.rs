//! `runvoy profile`: several deployments on one machine.

use std::fs;

use serde_json::{Value, json};

use crate::{
    Machine, key,
    server::{Server, ok},
};

fn two() -> String {
    let (a, b) = (key('a'), key('b'));
    format!(
        "theme: dark\ncurrent: prod\nprofiles:\n  prod: {{api_endpoint: 'https://p', api_key: {a}, region: eu-west-1}}\n  \
         staging: {{api_endpoint: 'https://s', api_key: {b}, extra: 1}}\n"
    )
}

#[test]
fn profiles_are_listed_without_their_keys() {
    let machine = Machine::new().config(&two());
    let table = "PROFILE  CURRENT  ENDPOINT\nprod     yes      https://p\nstaging           https://s\n";
    machine.run(&["profile", "list"]).code(0).stdout(table);
    let reply: Value = serde_json::from_str(&machine.run(&["profile", "list", "--json"]).code(0).stdout).unwrap();
    let expected = json!({"profiles": [
        {"name": "prod", "current": true, "endpoint": "https://p", "region": "eu-west-1"},
        {"name": "staging", "current": false, "endpoint": "https://s", "region": null}]});
    assert_eq!(reply, expected);
    Machine::new().run(&["profile", "list"]).code(0).stdout("").says("`runvoy configure` adds one");
}

#[test]
fn the_one_in_use_is_the_one_that_is_called() {
    let user = |email: &str| json!({"email": email, "role": "member", "created_at": "2025-10-26T14:32:10Z"});
    let prod = Server::script([("GET /whoami", vec![ok(user("p@example.com"))])]);
    let staging = Server::script([("GET /whoami", vec![ok(user("s@example.com"))])]);
    let text = two().replace("https://p", &prod.url).replace("https://s", &staging.url);
    let machine = Machine::new().config(&text);
    machine.run(&["whoami"]).code(0).stdout("p@example.com (member)\n");
    machine.run(&["profile", "use", "staging"]).code(0).stdout("").says("`staging` is meant from now on");
    machine.run(&["whoami"]).code(0).stdout("s@example.com (member)\n");
    machine.run(&["whoami", "--profile", "prod"]).code(0).stdout("p@example.com (member)\n");
    let saved = fs::read_to_string(machine.config_path()).unwrap();
    assert!(saved.contains("theme: dark") && saved.contains("extra: 1"), "{saved}");
    machine
        .run(&["profile", "use", "stagign"])
        .code(1)
        .says("has no profile `stagign`")
        .says("did you mean `staging`?");
}

#[test]
fn a_profile_is_removed_with_its_key_but_not_by_accident() {
    let machine = Machine::new().config(&two());
    machine.run(&["profile", "remove", "prod"]).code(1).says("was not removed").says("--yes");
    assert_eq!(fs::read_to_string(machine.config_path()).unwrap(), two());
    machine.run(&["profile", "remove", "prod", "--yes"]).code(0).stdout("").says("`prod` is removed");
    let saved = fs::read_to_string(machine.config_path()).unwrap();
    assert!(!saved.contains(&key('a')) && saved.contains(&key('b')), "{saved}");
    machine.run(&["profile", "remove", "prod", "--yes"]).code(1).says("has no profile `prod`");
}

#[test]
fn the_first_releases_flat_file_is_a_profile_too() {
    let text = format!("api_endpoint: https://old\napi_key: {}\nregion: us-east-2\n", key('a'));
    let machine = Machine::new().config(&text);
    machine.run(&["profile", "list"]).code(0).stdout("PROFILE  CURRENT  ENDPOINT\ndefault  yes      https://old\n");
}
