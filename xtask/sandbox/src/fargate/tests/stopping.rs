use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{World, is_alive, patient, plain, shell, states};

#[tokio::test]
async fn sigterm_is_the_commands_to_handle() {
    let world = World::new().await;
    world.define("sh", json!([patient(shell("executor", "true"))]));
    let arn = world.run("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.01; done").await;
    world.wrote(&arn, "ready").await;
    let reply = world.stop(&arn).await;
    assert_eq!((&reply["lastStatus"], &reply["desiredStatus"]), (&json!("RUNNING"), &json!("STOPPED")));
    let task = world.stopped(&arn).await;
    assert_eq!((&task["stopCode"], &task["stoppedReason"]), (&json!("UserInitiated"), &json!("enough")));
    assert_eq!(task["containers"][0]["exitCode"], 5);
    assert_eq!(world.log(&arn, "executor"), ["ready", "bye"]);
    assert_eq!(world.stop(&arn).await, task, "stopping what has stopped changes nothing");
}

#[tokio::test]
async fn sigkill_follows_after_the_stop_timeout() {
    let world = World::new().await;
    let arn = world.run("trap '' TERM; echo ready; while :; do sleep 0.01; done").await;
    world.wrote(&arn, "ready").await;
    let asked = Instant::now();
    world.stop(&arn).await;
    let task = world.stopped(&arn).await;
    assert!(asked.elapsed() >= Duration::from_secs(1));
    assert_eq!(task["containers"][0]["exitCode"], 137);
}

/// For PID 1 the kernel drops a signal without a handler; behind an init process the default action counts.
#[tokio::test]
async fn without_a_handler_only_an_init_process_makes_sigterm_count() {
    let world = World::new().await;
    for (init, code) in [(false, 137), (true, 143)] {
        let mut container = shell("executor", "echo ready; while :; do sleep 0.01; done");
        container["linuxParameters"] = json!({ "initProcessEnabled": init });
        container["stopTimeout"] = json!(if init { 60 } else { 1 });
        world.define("pid1", json!([container]));
        let arn = world.launch(&plain("pid1")).await;
        world.wrote(&arn, "ready").await;
        world.stop(&arn).await;
        assert_eq!(world.stopped(&arn).await["containers"][0]["exitCode"], code, "init {init}");
    }
}

#[tokio::test]
async fn stopped_before_running_it_never_runs() {
    let world = World::new().await;
    world.engine.set(|record| record.hold_streams = true);
    let arn = world.run("echo never").await;
    world.until(|record| record.streams_asked == 1).await;
    world.stop(&arn).await;
    let task = world.stopped(&arn).await;
    world.engine.set(|record| record.hold_streams = false);
    assert_eq!(task["stopCode"], "UserInitiated");
    assert_eq!((&task["startedAt"], &task["containers"][0]["exitCode"]), (&Value::Null, &Value::Null));
    assert!(world.log(&arn, "executor").is_empty());
    assert!(states(&world.engine.record.borrow(), &arn).iter().all(|(_, last, _)| last != "RUNNING"));
}

#[tokio::test]
async fn an_unknown_task_is_not_found() {
    let world = World::new().await;
    let reply = world.call("StopTask", &json!({ "cluster": "runvoy", "task": "0".repeat(32) })).await;
    assert_eq!((reply.status, &reply.body["__type"]), (400, &json!("InvalidParameterException")));
    assert_eq!(reply.body["message"], "The referenced task was not found.");
}

#[tokio::test]
async fn shutdown_leaves_no_process() {
    let world = World::new().await;
    let (main, background) = (world.dir.path().join("main"), world.dir.path().join("background"));
    let script = format!(
        "trap '' TERM; echo $$ >{}; setsid sleep 1000 & (trap '' TERM; sleep 1000) & echo $! >{}; echo ready; wait; wait",
        main.display(),
        background.display()
    );
    let arn = world.run(&script).await;
    world.wrote(&arn, "ready").await;
    assert!(is_alive(&main) && is_alive(&background));
    tokio::join!(world.fargate.shutdown(), world.fargate.shutdown());
    assert!(!is_alive(&main) && !is_alive(&background));
    assert_eq!(world.describe(&arn).await["lastStatus"], "STOPPED");
    let reply = world.call("RunTask", &super::request("true")).await;
    assert_eq!((reply.status, &reply.body["__type"]), (500, &json!("ServerException")));
    world.fargate.shutdown().await;
}
