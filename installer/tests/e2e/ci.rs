//! The scripts for CI systems, run as those would run them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::world::{Ran, World};

/// A job's directory, and a shell in it that knows the deployment by two variables alone.
fn job(world: &World, name: &str, shell: &str) -> (PathBuf, Command) {
    let directory = world.file(name);
    fs::create_dir(&directory).unwrap();
    let runvoy = Path::new(env!("CARGO_BIN_EXE_runvoy")).parent().unwrap();
    let mut command = Command::new(shell);
    command.env_clear().env("PATH", format!("{}:{}", runvoy.display(), std::env::var("PATH").unwrap()));
    command.env("RUNVOY_ENDPOINT", &world.endpoint).env("RUNVOY_API_KEY", &world.admin_key);
    command.env("HOME", &directory).current_dir(&directory);
    (directory, command)
}

#[test]
fn the_github_action_tells_the_exit_code_and_the_log() {
    let world = World::get();
    let (directory, mut bash) = job(world, "github", "bash");
    let (output, summary) = (directory.join("output"), directory.join("summary"));
    let command = "echo \"it's $STAGE\"; printf '```\\n'; exit 7";
    bash.arg(world.root().join(".github/actions/exec/exec.sh")).env("RUNVOY", "runvoy").env("COMMAND", command);
    bash.env("OPTIONS", "--env=STAGE=two words\n--lock=ci\n");
    bash.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary);
    let ran = Ran::from(bash.output().unwrap()).code(7).says("failed: exit code 7");
    assert_eq!(ran.stdout, "it's two words\n```\n");

    let (output, summary) = (fs::read_to_string(output).unwrap(), fs::read_to_string(summary).unwrap());
    let outputs: BTreeMap<_, _> = output.lines().filter_map(|line| line.split_once('=')).collect();
    assert_eq!(outputs["exit-code"], "7");
    let record = world.run(&["status", outputs["execution-id"], "--json"]).code(0).json();
    assert_eq!((record["command"].as_str(), record["lock_name"].as_str()), (Some(command), Some("ci")));
    assert!(outputs["log-url"].contains("/logs/exec_"), "{output}");
    assert!(summary.contains("exit code 7") && summary.contains(outputs["log-url"]), "{summary}");
    assert!(!format!("{}{output}{summary}", ran.stderr).contains(&world.admin_key));
}

#[test]
fn the_gitlab_job_tells_the_exit_code_and_the_log() {
    let world = World::get();
    let (directory, mut sh) = job(world, "gitlab", "sh");
    let text = fs::read_to_string(world.root().join(".github/gitlab-ci.example.yml")).unwrap();
    let jobs: Value = serde_yaml::from_str(&text).unwrap();
    sh.args(["-e", "-c", jobs["plan"]["script"][0].as_str().unwrap()]).env("COMMAND", "echo planned; exit 2");
    let ran = Ran::from(sh.output().unwrap()).code(2).says("failed: exit code 2");
    assert_eq!(ran.stdout, "planned\n");
    let links: Value = serde_json::from_slice(&fs::read(directory.join("links.json")).unwrap()).unwrap();
    assert!(links["runvoy"][0]["external_link"]["url"].as_str().unwrap().contains("/logs/exec_"), "{links}");
    assert!(!ran.stderr.contains(&world.admin_key));
}
