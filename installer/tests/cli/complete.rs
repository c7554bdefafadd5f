//! What a shell is told of how a line may go on.

use std::process::Command;

use serde_json::json;

use crate::{
    Machine, key,
    server::{Server, ok},
};

const ID: &str = "exec_20251026143210_a1b2c3";

/// What fish would be told: the words, each with its help.
fn complete(machine: Machine, words: &[&str]) -> Vec<(String, String)> {
    let ran = machine.env("RUNVOY_COMPLETE", "fish").run(&[&["--", "runvoy"], words].concat()).code(0);
    assert_eq!(ran.stderr, "");
    let line =
        |line: &str| line.split_once('\t').map_or((line.to_owned(), String::new()), |(a, b)| (a.into(), b.into()));
    ran.stdout.lines().map(line).collect()
}

/// The same, which is to contain this word. A Tab that is not answered in time gives nothing, and is pressed again.
fn completed(machine: impl Fn() -> Machine, words: &[&str], wanted: &str) -> Vec<(String, String)> {
    let found = || Some(complete(machine(), words)).filter(|found| found.iter().any(|(word, _)| word == wanted));
    (0..20).find_map(|_| found()).unwrap_or_else(|| panic!("no `{wanted}` after {words:?}"))
}

fn words(completed: &[(String, String)]) -> Vec<&str> {
    completed.iter().map(|(word, _)| word.as_str()).collect()
}

fn server() -> Server {
    let execution = json!({"execution_id": ID, "status": "running", "user_email": "a@example.com", "command": "make\u{1b}",
        "image": "i", "started_at": "2025-10-26T14:32:10Z", "cpu": 512, "memory": 1024, "timeout_seconds": 600});
    let lock = |name: &str| {
        json!({"lock_name": name, "execution_id": ID, "user_email": "bob@example.com",
        "acquired_at": "2025-10-26T14:32:10Z", "expires_at": "2025-10-26T15:32:10Z", "fence": 1})
    };
    Server::script([
        ("GET /executions?limit=20", vec![ok(json!({"executions": [execution]}))]),
        ("GET /locks", vec![ok(json!({"locks": [lock("infra-prod"), lock("$(reboot)")]}))]),
    ])
}

#[test]
fn commands_and_options_are_completed() {
    let completed = complete(Machine::new(), &["admin", "add"]);
    assert_eq!(words(&completed), ["add-user"]);
    let completed = complete(Machine::new(), &["list", "--sta"]);
    assert_eq!(words(&completed), ["--status"]);
}

#[test]
fn executions_are_completed() {
    for command in ["status", "logs", "stop", "rerun", "open"] {
        let completed = completed(|| Machine::using(&server()), &[command, ""], ID);
        let found = completed.iter().find(|(word, _)| word == ID).unwrap();
        assert_eq!(found.1, "running: make\\u{1b}");
        assert!(words(&completed).contains(&"last"));
    }
    assert_eq!(words(&completed(|| Machine::using(&server()), &["status", "exec_2025"], ID)), [ID]);
}

#[test]
fn locks_tasks_and_profiles_are_completed() {
    let file = "lock: staging\ntasks: {plan: {command: terraform plan, description: Look first}, p2: make}\n";
    let machine = || Machine::using(&server()).file(".runvoy.yaml", file);
    let completed = completed(machine, &["exec", "--lock", ""], "infra-prod");
    assert_eq!(words(&completed), ["infra-prod", "staging"]);
    assert_eq!(completed[0].1, "held by bob@example.com");
    let completed = complete(Machine::new().file(".runvoy.yaml", file), &["exec", "@"]);
    let expected = [("@p2", "make"), ("@plan", "Look first")];
    assert_eq!(completed, expected.map(|(word, help)| (word.to_owned(), help.to_owned())));
    let config = format!("profiles:\n  prod: {{api_endpoint: 'https://p', api_key: {}}}\n", key('b'));
    for line in [&["profile", "use", ""][..], &["list", "--profile", ""]] {
        let completed = complete(Machine::new().config(&config), line);
        assert!(completed.contains(&("prod".into(), "https://p".into())), "{completed:?}");
    }
}

#[test]
fn a_server_that_is_away_costs_no_error() {
    let machine = Machine::new().env("RUNVOY_ENDPOINT", "http://127.0.0.1:1").env("RUNVOY_API_KEY", &key('a'));
    assert!(complete(machine, &["status", "exec_"]).is_empty());
}

#[test]
fn the_scripts_ask_this_program() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = Machine::new().run(&["completions", shell]).code(0);
        assert!(ran.stdout.contains("RUNVOY_COMPLETE"), "{shell}: {}", ran.stdout);
    }
    // The one shell that is on every machine takes its script.
    let machine = Machine::new();
    let script = machine.run(&["completions", "bash"]).code(0).stdout;
    let machine = machine.file("completions", &script);
    let status =
        Command::new("bash").args(["--norc", "-n"]).arg(machine.home.path().join("completions")).status().unwrap();
    assert!(status.success());
}
