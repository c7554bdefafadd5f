//! Starting and stopping.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use runvoy_sandbox::Layout;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{done, processes_with, python, sandbox};

#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_run_side_by_side_and_leave_nothing() {
    let (one, two) = tokio::join!(sandbox("one"), sandbox("two"));
    assert_ne!(one.endpoint(), two.endpoint());
    assert_ne!(one.engine().account(), two.engine().account());
    let homes = [&one, &two].map(|sandbox| format!("HOME={}", sandbox.layout().run().display()));
    // The function's own process is the engine's child, and must go with it.
    python(&one, "proxy/function.py", &[]).await;
    assert_eq!(processes_with(&homes[0]).len(), 2);
    done(one).await;
    gone(&homes[0]);
    assert_eq!(processes_with(&homes[1]).len(), 1);
    done(two).await;
    gone(&homes[1]);
}

/// Waits for the ends of processes that have been killed: until the kernel has cleared them away, they are seen.
fn gone(text: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !processes_with(text).is_empty() {
        assert!(Instant::now() < deadline, "{:?} live on", processes_with(text));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_own_settings_stay_out() {
    let sandbox = sandbox("settings").await;
    let mut command = tokio::process::Command::new("env");
    command.env("AWS_PROFILE", "mine").env("AWS_SESSION_TOKEN", "mine");
    sandbox.apply(&mut command);
    let seen = String::from_utf8(command.output().await.unwrap().stdout).unwrap();
    assert!(!seen.contains("mine"), "{seen}");
    for path in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "RUNVOY_CONFIG"] {
        assert!(seen.contains(&format!("{path}={}", sandbox.layout().run().display())), "{path}");
    }
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_ends_by_itself_is_noticed() {
    let mut sandbox = sandbox("failed").await;
    let engine = sandbox.engine_id();
    let client = sandbox.engine().clone();
    tokio::select! {
        biased;
        error = sandbox.failed() => panic!("waiting has ended it: {error}"),
        healthy = client.get("health", "/_ministack/health") => assert_eq!(healthy.unwrap().0, 200),
    }
    kill_process(Pid::from_raw(engine).unwrap(), Signal::KILL).unwrap();
    assert!(sandbox.failed().await.to_string().contains("SIGKILL"));
    done(sandbox).await;
}

/// The other half of the next test: a process that starts a sandbox and is killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a helper of `the_engine_ends_with_a_killed_starter`"]
async fn victim() {
    let sandbox = sandbox("victim").await;
    println!("\nengine={}", sandbox.engine_id());
    std::future::pending::<()>().await;
    drop(sandbox);
}

#[test]
fn the_engine_ends_with_a_killed_starter() {
    let mut starter = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lifecycle::victim", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(starter.stdout.take().unwrap()).lines();
    let engine = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("engine=")?.parse::<i32>().ok());
    let engine = engine.expect("the victim names its engine");
    let home = format!("HOME={}", Layout::named("test-victim").unwrap().run().display());
    assert_eq!(processes_with(&home), [engine]);
    starter.kill().unwrap();
    starter.wait().unwrap();
    gone(&home);
    std::fs::remove_dir_all(Layout::named("test-victim").unwrap().run()).unwrap();
}
