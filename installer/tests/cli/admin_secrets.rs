//! What admins set for commands and for git.

use serde_json::{Value, json};

use crate::{
    Machine,
    server::{Server, ok},
};

const AT: &str = "2025-10-26T14:32:10Z";

fn sent(server: &Server) -> Value {
    serde_json::from_str(&server.requests().last().unwrap().body).unwrap()
}

#[test]
fn a_value_comes_from_stdin_or_a_file_and_is_not_shown() {
    let secret = json!({"alias": "db", "set_at": AT, "set_by": "a@example.com"});
    let server = Server::script([
        ("PUT /secrets/db", vec![ok(secret.clone())]),
        ("GET /secrets", vec![ok(json!({"secrets": [secret]}))]),
        ("DELETE /secrets/db", vec![ok(secret)]),
    ]);
    let machine = Machine::using(&server).file("value", "from a file\n\n");
    let ran = machine.run_with_stdin(&["admin", "secrets", "set", "db", "-"], "hunter2\n").code(0).stdout("");
    assert_eq!(sent(&server), json!({"value": "hunter2"}), "without the line's end");
    assert!(!ran.stderr.contains("hunter2"));
    machine.run(&["admin", "secrets", "set", "db", "value"]).code(0);
    assert_eq!(sent(&server), json!({"value": "from a file\n"}));
    let before = server.requests().len();
    machine.run(&["admin", "secrets", "set", "db"]).code(2).says("no value is given").says("`-` for stdin");
    machine.run(&["admin", "secrets", "set", "a/b", "-"]).code(2).says("must be an alias");
    machine.run_with_stdin(&["admin", "secrets", "set", "db", "-"], "").code(2).says("`value` is required");
    machine.run(&["admin", "secrets", "set", "db", "nowhere"]).code(1).says("can't read `nowhere`");
    assert_eq!(server.requests().len(), before);
    let list = machine.run(&["admin", "secrets", "list"]).code(0).stdout;
    assert!(list.starts_with("ALIAS") && list.contains("a@example.com"), "{list}");
    machine.run(&["admin", "secrets", "remove", "db"]).code(0).stdout("").says("removed `db`");
}

#[test]
fn a_git_credential_is_a_token_or_a_key_with_its_hosts_own() {
    let credential =
        |host: &str, kind: &str| json!({"host": host, "kind": kind, "set_at": AT, "set_by": "a@example.com"});
    let server = Server::script([
        ("PUT /git-credentials/github.com", vec![ok(credential("github.com", "token"))]),
        ("PUT /git-credentials/git.example.com", vec![ok(credential("git.example.com", "ssh-key"))]),
        ("GET /git-credentials", vec![ok(json!({"git_credentials": [credential("github.com", "token")]}))]),
        ("DELETE /git-credentials/github.com", vec![ok(credential("github.com", "token"))]),
    ]);
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    let known = "git.example.com ssh-ed25519 AAAA\n";
    let machine = Machine::using(&server).file("key", key).file("known", known);
    let set = |args: &[&str], stdin: &str| {
        machine.run_with_stdin(&[&["admin", "git-credentials", "set"], args].concat(), stdin)
    };
    set(&["--host", "github.com", "--repository", "acme/*", "-"], "t0ken\n").code(0).never_says("t0ken");
    assert_eq!(sent(&server), json!({"kind": "token", "secret": "t0ken", "repositories": ["acme/*"]}));
    set(&["--host", "git.example.com", "--ssh-key", "key", "--known-hosts", "known"], "").code(0);
    assert_eq!(sent(&server), json!({"kind": "ssh-key", "secret": key, "known_hosts": known}));
    set(&["--host", "github.com", "--ssh-key", "key"], "").code(0);
    assert!(sent(&server)["known_hosts"].as_str().unwrap().starts_with("github.com ssh-ed25519 "));
    let before = server.requests().len();
    set(&["--host", "git.example.com", "--ssh-key", "key"], "").code(2).says("ssh-keyscan git.example.com");
    set(&["--host", "github.com", "--ssh-key", "known"], "").code(2).says("must be a private key");
    set(&["--host", "https://github.com", "-"], "t0ken").code(2).says("must name a host");
    assert_eq!(server.requests().len(), before);
    let list = machine.run(&["admin", "git-credentials", "list"]).code(0).stdout;
    assert!(list.contains("github.com") && list.contains("token") && list.contains("all"), "{list}");
    machine.run(&["admin", "git-credentials", "remove", "--host", "github.com"]).code(0).stdout("");
}

#[test]
fn a_registrys_credential_is_a_name_and_a_password() {
    let credential = |host: &str| json!({"host": host, "username": "bot", "set_at": AT, "set_by": "a@example.com"});
    let server = Server::script([
        ("PUT /registry-credentials/ghcr.io", vec![ok(credential("ghcr.io"))]),
        ("PUT /registry-credentials/docker.io", vec![ok(credential("docker.io"))]),
        ("PUT /registry-credentials/registry.example.com%3A5000", vec![ok(credential("registry.example.com:5000"))]),
        ("GET /registry-credentials", vec![ok(json!({"registry_credentials": [credential("ghcr.io")]}))]),
        ("DELETE /registry-credentials/ghcr.io", vec![ok(credential("ghcr.io"))]),
    ]);
    let machine = Machine::using(&server).file("token", "from a file\n");
    let set = |args: &[&str], stdin: &str| {
        machine.run_with_stdin(&[&["admin", "registry-credentials", "set"], args].concat(), stdin)
    };
    let bot = ["--username", "bot"];
    set(&[&["--host", "GHCR.io"][..], &bot, &["-"]].concat(), "t0ken\n").code(0).never_says("t0ken");
    assert_eq!(sent(&server), json!({"username": "bot", "password": "t0ken"}));
    set(&[&["--host", "index.docker.io"][..], &bot, &["token"]].concat(), "").code(0).says("`docker.io`");
    assert_eq!(sent(&server)["password"], "from a file");
    set(&[&["--host", "registry.example.com:5000"][..], &bot, &["-"]].concat(), "x").code(0);
    let before = server.requests().len();
    set(&[&["--host", "ghcr.io"][..], &bot].concat(), "").code(2).says("no value is given");
    set(&["--host", "ghcr.io", "--username", "a:b", "-"], "x").code(2).says("`username` must be");
    set(&[&["--host", "acme"][..], &bot, &["-"]].concat(), "x").code(2).says("must name a registry's host");
    let own = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    set(&[&["--host", own][..], &bot, &["-"]].concat(), "x").code(2).says("takes no credential");
    assert_eq!(server.requests().len(), before);
    let list = machine.run(&["admin", "registry-credentials", "list"]).code(0).stdout;
    assert!(list.starts_with("HOST") && list.contains("ghcr.io") && list.contains("bot"), "{list}");
    machine.run(&["admin", "registry-credentials", "remove", "--host", "ghcr.io"]).code(0).stdout("");
}
