//! The main job.

use std::fs;

use crate::world::{ADMIN, World, line};

#[test]
fn the_output_is_the_commands_and_so_is_the_exit_code() {
    let world = World::get();
    let ran = world.run(&["exec", "echo hello; exit 3"]).code(3);
    assert_eq!(ran.stdout, "hello\n");
    let ran = ran.says("execution exec_").says(&format!("{}logs/exec_", world.endpoint)).says("#token=");
    assert!(!ran.stderr.contains("hello"), "{}", ran.stderr);
}

#[test]
fn lines_come_as_they_are_written() {
    let world = World::get();
    let go_on = world.file("lines-go-on");
    let command = format!("echo one; until [ -e {} ]; do sleep 0.05; done; echo two", go_on.display());
    let mut running = world.spawn(&["exec", &command]);
    // The command can't go on before this line has been read here.
    assert_eq!(line(&mut running.stdout), "one\n");
    fs::write(go_on, "").unwrap();
    assert_eq!(running.end().code(0).stdout, "two\n");
}

#[test]
fn everything_is_on_record() {
    let world = World::get();
    let id = world.run(&["exec", "--detach", "--env", "STAGE=dev", "echo \"$STAGE\"; exit 7"]).code(0).stdout;
    let id = id.trim();
    let record = world.ended(id);
    assert_eq!(record["status"], "failed");
    assert_eq!(record["exit_code"], 7);
    assert_eq!(record["user_email"], ADMIN);
    assert_eq!(record["command"], "echo \"$STAGE\"; exit 7");
    assert_eq!(record["env_names"], serde_json::json!(["STAGE"]));
    assert!(!record.to_string().contains("dev"), "{record}");
    world.run(&["rerun", id]).code(2).says("had `STAGE` in its environment").says("`--env STAGE=…`");
    assert_eq!(world.run(&["rerun", id, "--env", "STAGE=prod"]).code(7).stdout, "prod\n");
    assert!(record["duration_seconds"].is_u64(), "{record}");
    assert!(record["cost_usd"].as_f64().unwrap() > 0.0, "{record}");
    assert!(record["task_arn"].as_str().unwrap().contains(":task/runvoy/"), "{record}");
    assert_eq!(world.run(&["logs", id]).code(0).stdout, "dev\n");
    assert_eq!(world.run(&["logs", "-f", id]).code(0).says("exit code 7").stdout, "dev\n");
    let list = world.run(&["list", "--json", "--limit", "500"]).code(0).json();
    assert!(list["executions"].as_array().unwrap().iter().any(|execution| execution["execution_id"] == *id), "{list}");
    assert!(world.run(&["list", "--limit", "500"]).code(0).stdout.contains(id));
}

#[test]
fn the_command_finds_its_own_names_and_nothing_of_ours() {
    let world = World::get();
    let ran = world.run(&["exec", "--env", "MINE=1", "env"]).code(0);
    let mut names: Vec<_> = ran.stdout.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    let expected = [
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_REGION",
        "ECS_CONTAINER_METADATA_URI_V4",
        "HOME",
        "HOSTNAME",
        "MINE",
        "PATH",
        "PWD",
        "RUNVOY_EXECUTION_ID",
        "RUNVOY_USER_EMAIL",
    ];
    // What shells set by themselves.
    names.retain(|name| !["OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names, expected, "{}", ran.stdout);
}

#[test]
fn commands_arrive_exactly_as_given() {
    let world = World::get();
    for command in [
        r#"printf '%s\n' "a  b" 'c"d' e\ f"#,
        "printf '%s\\n' \"$(echo `echo nested`)\" '$HOME' \"\\$HOME\"",
        "cat <<'EOF'\nfirst line\n  $not expanded\nEOF",
        "printf 'é ✓ %%s\\n'; (exit 9)",
    ] {
        let direct = std::process::Command::new("/bin/sh").args(["-c", command]).output().unwrap();
        let ran = world.run(&["exec", "--", command]).code(direct.status.code().unwrap());
        assert_eq!(ran.stdout, String::from_utf8(direct.stdout).unwrap(), "{command}");
    }
}

#[test]
fn blank_lines_and_spaces_come_as_they_were_written() {
    let world = World::get();
    let text = "\n\nfirst\n\n \n  third\n\n\n";
    let ran = world.run(&["exec", &format!("printf '{}'", text.replace('\n', "\\n"))]).code(0);
    assert_eq!(ran.stdout, text);
    // Time and again: the last line comes also where it has no end, whichever stream's mark is the first.
    for _ in 0..10 {
        assert_eq!(world.run(&["exec", "echo one; printf two"]).code(0).stdout, "one\ntwo\n");
    }
}

#[test]
fn a_timeout_ends_it() {
    let world = World::get();
    let ran = world.run(&["exec", "--timeout", "5s", "echo begun; exec sleep 60"]).code(124);
    assert_eq!(ran.stdout, "begun\n");
    ran.says("timed_out");
}

#[test]
fn a_stopped_execution_says_who_stopped_it() {
    let world = World::get();
    let mut running = world.spawn(&["exec", "trap 'echo cleaning up; exit 143' TERM; echo ready; sleep 60 & wait"]);
    let id = running.execution_id();
    assert_eq!(line(&mut running.stdout), "ready\n");
    world.run(&["stop", &id]).code(0);
    let ran = running.end().code(143);
    assert_eq!(ran.stdout, "cleaning up\n");
    let record = world.ended(&id);
    assert_eq!((record["status"].as_str(), record["exit_code"].as_i64()), (Some("stopped"), Some(143)));
    assert_eq!(record["reason"], format!("stopped by {ADMIN}"));
    world.run(&["stop", &id]).code(1).says("over already");
}
