//! Faults 13 to 18: how tasks end, and who asked for it.

use runvoy_simulate::faults::Fault;
use serde_json::json;

use crate::stage::Stage;

fn ends(command: &'static str, status: &str, exit: Option<i64>, words: &str) {
    let stage = Stage::new();
    let id = stage.play(move |stage| async move { stage.exec(command, json!({"timeout": 60})).await });
    let (got, code, reason) = stage.end(&id);
    assert_eq!((got.as_str(), code), (status, exit), "{command}: {reason}");
    assert!(reason.contains(words), "{command}: {reason}");
}

#[test]
fn fault_13_a_task_that_never_started_has_a_reason_and_no_exit_code() {
    ends("empty", "failed", None, "AWS could not read what the task needs");
    ends("nostart", "failed", None, "the image could not be pulled");
}

#[test]
fn fault_14_odd_exits_are_told_as_they_are() {
    ends("null 5", "failed", None, "the exit code is not known");
    ends("oom 5", "failed", Some(137), "more `--memory`");
    ends("work 5 exit 143", "failed", Some(143), "");
    ends("work 90 exit 0", "timed_out", Some(124), "ran for its 60 seconds");
}

#[test]
fn fault_15_a_spot_interruption_is_a_failure_with_its_name() {
    ends("spot 5", "failed", Some(143), "Spot");
}

/// Stops an execution this many seconds after its launch.
fn stopped(command: &'static str, after: u64) -> (Stage, String) {
    let stage = Stage::new();
    let id = stage.play(move |stage| async move {
        let id = stage.exec(command, json!({"lock": "prod"})).await;
        stage.seconds(after).await;
        stage.ann.stop(&stage.world, &id).await;
        id
    });
    (stage, id)
}

#[test]
fn fault_16_a_command_that_ignores_sigterm_holds_its_lock_until_it_is_dead() {
    let (stage, id) = stopped("stubborn 3000 exit 0", 60);
    assert_eq!(stage.end(&id), ("stopped".to_owned(), Some(137), "stopped by ann@example.com".to_owned()));
    stage.assert_fired(Fault::SigtermIgnored);
    assert!(stage.ended_at(&id) >= 180);
}

#[test]
fn fault_17_whatever_moment_a_stop_comes_the_exit_code_is_the_containers() {
    for after in 8..40 {
        let (stage, id) = stopped("work 5 exit 0", after);
        let (status, exit, reason) = stage.end(&id);
        // By itself, by SIGTERM, or before there was anything to exit.
        let known = [("completed", Some(0)), ("stopped", Some(143)), ("stopped", None)];
        assert!(known.contains(&(status.as_str(), exit)), "after {after} s: {status} {exit:?} {reason}");
    }
}

#[test]
fn fault_18_a_stop_while_provisioning_runs_nothing() {
    let (stage, id) = stopped("work 5 exit 0", 0);
    assert_eq!(stage.end(&id), ("stopped".to_owned(), None, "stopped by ann@example.com".to_owned()));
    assert!(stage.world.ecs.tasks().iter().all(|task| task.started.is_none()));
}

#[test]
fn a_task_that_only_an_event_told_of_is_on_record_though_its_execution_is_being_stopped() {
    let stage = Stage::new().fault(Fault::RunTaskReplyLost, 10);
    let stage = stage.fault(Fault::StoppedDropped, 1).fault(Fault::TaskForgotten, 1);
    let id = stage.play(|stage| async move {
        let id = stage.exec("work 60 exit 0", json!({"lock": "prod"})).await;
        let path = format!("/api/v1/executions/{id}");
        stage.ann.send(&stage.world, "DELETE", &path, None, None).await.expect("an answer");
        id
    });
    // Had nobody noted it, the execution would be said to have ended before it had a task.
    assert_eq!((stage.tasks(), stage.status(&id).as_str()), (1, "lost"), "{}", stage.end(&id).2);
}
