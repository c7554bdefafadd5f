//! Secrets for commands and credentials for git: they go in, and come out where they are to be used and nowhere else.

use std::{io::Write as _, process::Stdio};

use serde_json::{Value, json};

use crate::world::{ADMIN, Ran, World};

fn set(world: &World, args: &[&str], value: &str) -> Ran {
    let mut child = world.command(&[&["admin"], args, &["-"]].concat()).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Everything in the tables, as text.
fn rows(world: &World) -> String {
    let tables = ["api-keys", "executions", "locks", "audit"].map(|table| format!("runvoy-{table}"));
    let scan = |table: &String| {
        world.aws("dynamodb", "DynamoDB_20120810.Scan", &json!({ "TableName": table, "ConsistentRead": true }))
    };
    tables.iter().map(|table| scan(table).to_string()).collect()
}

#[test]
fn a_command_gets_a_secret_by_its_alias_and_nobody_else_gets_it() {
    let world = World::get();
    let value = "hunter2 $HOME `id` \"quoted\"";
    set(world, &["secrets", "set", "e2e-db"], &format!("{value}\n")).code(0);
    let member = world.add_user("secretive@example.com", "member");
    let exec = |args: &[&str]| world.run_as(&member, &[&["exec"], args].concat());
    let ran = exec(&["--secret", "DB=e2e-db", "printf %s \"$DB\" | wc -c; test -n \"$DB\""]).code(0);
    assert_eq!(ran.stdout.trim(), value.len().to_string());
    exec(&["--secret", "DB=e2e-none", "true"])
        .code(125)
        .says("names `e2e-none`, which is not set")
        .says("runvoy admin secrets set");
    exec(&["--secret", "RUNVOY_X=e2e-db", "true"]).code(125).says("runvoy's own");
    world.run_as(&member, &["admin", "secrets", "list"]).code(1).says("needs the role `admin`");

    let list = world.run(&["admin", "secrets", "list", "--json"]).code(0).json();
    let listed = list["secrets"].as_array().unwrap().iter().find(|it| it["alias"] == "e2e-db").unwrap();
    assert_eq!(listed["set_by"], ADMIN);
    let trail = world.run(&["audit", "--json", "--since", "1h", "--limit", "500"]).code(0).json();
    let set_on_record = |it: &Value| it["action"] == "secret.set" && it["target"] == "e2e-db";
    assert!(trail["entries"].as_array().unwrap().iter().any(set_on_record), "{trail}");
    for place in [list.to_string(), trail.to_string(), rows(world), ran.stderr] {
        assert!(!place.contains("hunter2"), "{place}");
    }

    // A policy says which aliases.
    set(world, &["set-policy", "secretive@example.com"], r#"{"secrets": ["other-*"]}"#).code(0);
    exec(&["--secret", "DB=e2e-db", "true"])
        .code(125)
        .says("your policy's `secrets` does not allow the secret `e2e-db`");
    world.run(&["admin", "set-policy", "secretive@example.com", "--none"]).code(0);

    set(world, &["secrets", "set", "e2e-db"], "anew").code(0);
    assert_eq!(exec(&["--secret", "DB=e2e-db", "printf %s \"$DB\" | wc -c"]).code(0).stdout.trim(), "4");
    world.run(&["admin", "secrets", "remove", "e2e-db"]).code(0);
    exec(&["--secret", "DB=e2e-db", "true"]).code(125).says("names `e2e-db`, which is not set");
    world.run(&["admin", "secrets", "remove", "e2e-db"]).code(1).says("there is no secret `e2e-db`");
    // AWS keeps it for a week; its alias is free all the same.
    set(world, &["secrets", "set", "e2e-db"], "back").code(0);
    assert_eq!(exec(&["--secret", "DB=e2e-db", "printf %s \"$DB\""]).code(0).stdout.trim(), "back");
}

#[test]
fn a_git_credential_is_listed_without_its_value() {
    let world = World::get();
    let host = "git-e2e.example.com";
    set(world, &["git-credentials", "set", "--host", host, "--repository", "acme/*"], "t0ken-of-e2e\n").code(0);
    let list = world.run(&["admin", "git-credentials", "list", "--json"]).code(0);
    let known =
        list.json()["git_credentials"].as_array().unwrap().iter().find(|it| it["host"] == host).unwrap().clone();
    assert_eq!((&known["kind"], &known["repositories"]), (&json!("token"), &json!(["acme/*"])));
    // The container that fetches code is given it as it stands.
    let stored = world.aws(
        "secretsmanager",
        "secretsmanager.GetSecretValue",
        &json!({"SecretId": format!("runvoy/git/{host}")}),
    );
    let value: Value = serde_json::from_str(stored["SecretString"].as_str().unwrap()).unwrap();
    assert_eq!((&value["secret"], &value["username"]), (&json!("t0ken-of-e2e"), &json!("x-access-token")));
    for place in [list.stdout, list.stderr, rows(world)] {
        assert!(!place.contains("t0ken-of-e2e"), "{place}");
    }
    // With a token, people's ssh addresses are read by https; without one, a port is as far as it goes.
    let started = world
        .run(&["exec", "--detach", "--json", "--repo", "git@git-e2e.example.com:acme/app.git", "true"])
        .code(0)
        .json();
    let id = started["execution_id"].as_str().unwrap();
    assert_eq!(world.run(&["status", id, "--json"]).code(0).json()["repo"], "https://git-e2e.example.com/acme/app.git");
    world.run(&["stop", id]);
    world.run(&["exec", "--repo", "ssh://git@nowhere.example.com:2222/x", "true"]).code(125).says("needs an ssh key");
    world.run(&["admin", "git-credentials", "remove", "--host", host]).code(0);
    world.run(&["admin", "git-credentials", "remove", "--host", host]).code(1).says("there is no git credential");
}

#[test]
fn a_policy_says_which_repositories() {
    let world = World::get();
    let email = "repos@example.com";
    let key = world.add_user(email, "member");
    set(world, &["set-policy", email], r#"{"repositories": ["git.example.com/acme/*"]}"#).code(0);
    let exec = |args: &[&str]| world.run_as(&key, &[&["exec"], args].concat()).code(125);
    exec(&["--repo", "https://git.example.com/other/app", "true"]).says("the repository `git.example.com/other/app`");
    exec(&["--repo", "git@git.example.com:acme-evil/app", "true"]).says("your policy's `repositories`");
    exec(&["--repo", "https://git.example.com/acme/../other/app", "true"]).says("plain path of a repository");
    let folder = world.file("policy-upload");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("a"), "1").unwrap();
    exec(&[&format!("--upload={}", folder.display()), "true"]).says("an upload, which could be anything");
    world.run_as(&key, &["exec", "true"]).code(0);
}
