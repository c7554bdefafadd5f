//! What happens to containers when the sandbox itself is killed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{World, is_alive};

const DIR: &str = "RUNVOY_TEST_DOOMED";

#[test]
fn containers_do_not_outlive_a_killed_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    let mut sandbox = Command::new(std::env::current_exe().unwrap());
    sandbox.args(["--exact", "fargate::tests::orphans::doomed", "--ignored"]);
    sandbox.env(DIR, dir.path()).env("TMPDIR", dir.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut sandbox = sandbox.spawn().unwrap();
    let pids = ["main", "group", "session"].map(|name| dir.path().join(name));
    eventually(|| pids.iter().all(|file| std::fs::read_to_string(file).is_ok_and(|pid| pid.ends_with('\n'))));
    assert!(pids.iter().all(|file| is_alive(file)));
    sandbox.kill().unwrap();
    sandbox.wait().unwrap();
    eventually(|| !pids.iter().any(|file| is_alive(file)));
}

#[tokio::test]
#[ignore = "the sandbox that the test above starts and kills"]
async fn doomed() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let dir = Path::new(&dir);
    let world = World::new().await;
    let pid = |name: &str| dir.join(name).display().to_string();
    let script = format!(
        "echo $$ >{}; sleep 1000 & echo $! >{}; setsid sh -c 'echo $$ >{}; exec sleep 1000' & wait",
        pid("main"),
        pid("group"),
        pid("session")
    );
    world.run(&script).await;
    std::future::pending().await
}

/// The processes are not our children, so their end can't be awaited.
fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < deadline, "not in two minutes");
        std::thread::sleep(Duration::from_millis(10));
    }
}
