//! `runvoy configure`, and the file that it writes.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use crate::{
    Machine, key,
    server::{Server, error, ok},
};

fn alice() -> Server {
    let user = json!({"email": "alice@example.com", "role": "member", "created_at": "2025-10-26T14:32:10Z"});
    Server::script([("GET /whoami", vec![ok(user)])])
}

#[test]
fn the_key_comes_by_stdin_and_is_tried_before_it_is_saved() {
    let server = alice();
    let machine = Machine::new();
    let args = ["configure", "--endpoint", &server.url, "--api-key-stdin"];
    let ran = machine.run_with_stdin(&args, &format!("{}\n", key('a'))).code(0).stdout("");
    ran.says("hello alice@example.com (member)").says("config.yaml");
    assert_eq!(server.requests()[0].headers["x-api-key"], key('a'));
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(machine.config_path()), 0o600);
    assert_eq!(mode(machine.config_path().parent().unwrap().to_owned()), 0o700);
    assert_eq!(fs::read_dir(machine.config_path().parent().unwrap()).unwrap().count(), 1);
    machine.run(&["whoami"]).code(0);
}

#[test]
fn a_refused_key_leaves_the_file_as_it_was() {
    let server = Server::script([("GET /whoami", vec![error(401, "unauthorized", "no such key")])]);
    let machine = Machine::new().config("current: default\n");
    let args = ["configure", "--endpoint", &server.url, "--api-key-stdin"];
    machine.run_with_stdin(&args, &key('a')).code(1).says("nothing was saved").says("no such key");
    assert_eq!(fs::read_to_string(machine.config_path()).unwrap(), "current: default\n");
}

#[test]
fn malformed_keys_are_not_sent() {
    let server = alice();
    let args = ["configure", "--endpoint", &server.url, "--api-key-stdin"];
    let ran = Machine::new().run_with_stdin(&args, "hush").code(1);
    ran.says("what came on stdin is not an API key").never_says("hush");
    assert!(server.requests().is_empty());
}

#[test]
fn without_a_terminal_what_is_missing_is_named() {
    Machine::new().run(&["configure"]).code(1).says("no endpoint is given").says("`--endpoint URL`");
    let ran = Machine::new().run(&["configure", "--endpoint", "http://127.0.0.1:1"]).code(1);
    ran.says("no key is given").says("--api-key-stdin");
}

#[test]
fn everything_else_in_the_file_is_kept() {
    let server = alice();
    let (one, two) = (key('1'), key('2'));
    let old = format!(
        "api_endpoint: http://127.0.0.1:1\napi_key: {one}\nregion: eu-west-1\ncolour: blue\nprofiles:\n  prod:\n    api_endpoint: https://prod\n    note: mine\n"
    );
    let machine = Machine::new().config(&old);
    let args = ["configure", "--profile", "staging", "--endpoint", &server.url, "--api-key-stdin"];
    machine.run_with_stdin(&args, &two).code(0);
    let expected = format!(
        "colour: blue\ncurrent: staging\nprofiles:\n  default:\n    api_endpoint: http://127.0.0.1:1\n    api_key: {one}\n    region: eu-west-1\n  prod:\n    api_endpoint: https://prod\n    note: mine\n  staging:\n    api_endpoint: {}\n    api_key: {two}\n",
        server.url
    );
    assert_eq!(fs::read_to_string(machine.config_path()).unwrap(), expected);
}

#[test]
fn only_the_key_can_be_replaced() {
    let server = alice();
    let config = format!("profiles:\n  default:\n    api_endpoint: {}\n    api_key: {}\n", server.url, key('1'));
    let machine = Machine::new().config(&config);
    machine.run_with_stdin(&["configure", "--api-key-stdin"], &key('2')).code(0);
    let text = fs::read_to_string(machine.config_path()).unwrap();
    assert!(text.contains(&key('2')) && text.contains(&server.url), "{text}");
}

#[test]
fn a_link_to_the_file_stays_a_link() {
    let server = alice();
    let machine = Machine::new().config("");
    let real = machine.config_path().with_file_name("real.yaml");
    fs::rename(machine.config_path(), &real).unwrap();
    std::os::unix::fs::symlink(&real, machine.config_path()).unwrap();
    let args = ["configure", "--endpoint", &server.url, "--api-key-stdin"];
    machine.run_with_stdin(&args, &key('a')).code(0);
    assert!(fs::symlink_metadata(machine.config_path()).unwrap().is_symlink());
    assert!(fs::read_to_string(real).unwrap().contains("api_key"));
}
