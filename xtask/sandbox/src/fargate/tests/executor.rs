//! The executor image's own script in a container, as the orchestrator's task definition runs it.

use serde_json::json;

use super::{World, patient, plain, shell};

const SCRIPT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../executor-image/scripts/run.sh"));

/// What the command has written.
fn written(world: &World, arn: &str) -> Vec<String> {
    let lines = world.log(arn, "executor").into_iter();
    lines.filter_map(|line| line.strip_suffix('\n').filter(|line| *line != "\u{1e}\u{4}").map(str::to_owned)).collect()
}

async fn execute(world: &World, command: &str, seconds: &str) -> String {
    let mut container = patient(shell("executor", ""));
    container["entryPoint"] = json!(["/bin/sh", "-c", SCRIPT, "runvoy", "-"]);
    container.as_object_mut().unwrap().remove("command");
    container["logConfiguration"]["options"]["awslogs-multiline-pattern"] = json!("^");
    world.define("executor", json!([container]));
    let mut call = plain("executor");
    call["overrides"] = json!({ "containerOverrides": [{ "name": "executor", "command": [command, seconds] }] });
    world.launch(&call).await
}

#[tokio::test]
async fn the_commands_output_and_exit_code_are_the_containers() {
    let world = World::new().await;
    let arn = execute(&world, "echo hello; exit 3", "60").await;
    let task = world.stopped(&arn).await;
    assert_eq!(task["containers"][0]["exitCode"], 3);
    assert_eq!(written(&world, &arn), ["hello"]);
}

#[tokio::test]
async fn a_stop_reaches_the_command() {
    let world = World::new().await;
    let arn = execute(&world, "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done", "60").await;
    world.wrote(&arn, "ready\n").await;
    world.stop(&arn).await;
    assert_eq!(world.stopped(&arn).await["containers"][0]["exitCode"], 7);
    assert_eq!(written(&world, &arn), ["ready", "bye"]);

    let arn = execute(&world, "echo ready; while :; do sleep 0.01; done", "60").await;
    world.wrote(&arn, "ready\n").await;
    world.stop(&arn).await;
    assert_eq!(world.stopped(&arn).await["containers"][0]["exitCode"], 143);
}

#[tokio::test]
async fn time_runs_out() {
    let world = World::new().await;
    let arn = execute(&world, "while :; do sleep 0.01; done", "1").await;
    assert_eq!(world.stopped(&arn).await["containers"][0]["exitCode"], 124);
}
