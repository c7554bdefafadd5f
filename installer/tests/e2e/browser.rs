//! The log viewer in Chromium: suites in Python that drive it, against the deployed API. Their screenshots stay in
//! `target/viewer/`.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use runvoy_sandbox::setup;
use serde_json::json;

use crate::world::{World, wait};

/// A command that is watched from its first to its last line, over a cut network and a sleeping machine.
#[test]
fn a_live_log() {
    suite("live");
}

/// Everything that the page offers, what it shows to those without a right to it, hostile logs, and axe-core.
#[test]
fn every_feature() {
    suite("features");
}

/// A million lines beside a plain `<pre>`; what it measured is printed.
#[test]
fn a_million_lines() {
    let measured = suite("million");
    // Not by a macro: the test harness would keep it for itself.
    std::io::stderr().write_all(&measured).unwrap();
}

/// Runs one of the suites to its end. Returns what it printed.
#[track_caller]
fn suite(name: &str) -> Vec<u8> {
    let world = World::get();
    let layout = world.sandbox().layout();
    wait(setup::BROWSER.ensure(layout)).unwrap();
    let (output, scratch) = (world.root().join("target/viewer"), world.file(name));
    fs::create_dir_all(&output).unwrap();
    fs::create_dir_all(&scratch).unwrap();
    let input = json!({
        "endpoint": world.endpoint, "runvoy": env!("CARGO_BIN_EXE_runvoy"), "output": output, "scratch": scratch,
        "secret": secret(world),
    });
    // What runs the program runs the suite, which runs the program.
    let program = world.command(&[]);
    let mut python = Command::new(setup::BROWSER.bin(layout).join("python"));
    python.arg("-B").arg(format!("{}/tests/browser/{name}.py", env!("CARGO_MANIFEST_DIR")));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    python.env("CHROMIUM", wait(setup::chromium(layout)).unwrap()).current_dir(&scratch);
    let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(ended.status.success(), "{}\n{}", said[0], said[1]);
    said[0].clone().into_bytes()
}

/// What the deployment signs its log links with, for links that it would not give.
fn secret(world: &World) -> String {
    let name = world.function_environment("runvoy-api")[runvoy_api::infra::env::JWT_SECRET_ID].clone();
    let reply = world.aws("secretsmanager", "secretsmanager.GetSecretValue", &json!({ "SecretId": name }));
    reply["SecretString"].as_str().unwrap().to_owned()
}
