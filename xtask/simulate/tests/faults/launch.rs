//! Faults 1 to 7, 31 and 32: between the request and the task.

use runvoy_simulate::faults::Fault;
use serde_json::json;

use crate::stage::Stage;

/// Starts one command under a lock with this fault, and says how it ended and how many tasks there were.
fn launch(fault: Fault, times: u32) -> (String, Option<i64>, String, usize) {
    let stage = Stage::new().fault(fault, times);
    let id = stage.play(|stage| async move { stage.exec("work 5 exit 3", json!({"lock": "prod"})).await });
    stage.assert_fired(fault);
    let (status, exit, reason) = stage.end(&id);
    (status, exit, reason, stage.tasks())
}

fn ran(fault: Fault, times: u32) {
    let (status, exit, reason, tasks) = launch(fault, times);
    assert_eq!((status.as_str(), exit, tasks), ("failed", Some(3), 1), "{reason}");
}

#[test]
fn fault_01_crash_before_run_task_is_closed_by_the_sweep_and_never_sent_again() {
    let (status, exit, reason, tasks) = launch(Fault::CrashBeforeRunTask, 1);
    assert_eq!((status.as_str(), exit, tasks), ("failed", None, 0));
    assert!(reason.contains("cut short before its task was started"), "{reason}");
}

#[test]
fn fault_45_a_launch_that_comes_too_late_to_be_sent_ends_at_once() {
    let stage = Stage::new().fault(Fault::Frozen, 1);
    let reply = stage.play(|stage| async move {
        let request = json!({"command": "work 5 exit 3", "lock": "prod"});
        let reply = stage.ann.exec(&stage.world, &request).await.expect("an answer");
        stage.exec("work 5 exit 0", json!({"lock": "prod"})).await;
        reply
    });
    stage.assert_fired(Fault::Frozen);
    // The first attempt was told so; this is the second one's answer.
    assert_eq!(reply.body["status"], "failed", "{}", reply.body);
    let (status, exit, reason) = stage.end(reply.body["execution_id"].as_str().unwrap());
    assert_eq!((status.as_str(), exit, stage.tasks()), ("failed", None, 1), "its lock was free for the next one");
    assert!(reason.contains("nothing was started"), "{reason}");
}

#[test]
fn fault_46_a_launch_that_could_be_cut_short_is_not_begun() {
    let stage = Stage::new().fault(Fault::Slow, 1);
    let (refused, id) = stage.play(|stage| async move {
        let request = json!({"command": "work 5 exit 0 1", "lock": "prod"});
        let refused = stage.ann.send(&stage.world, "POST", "/api/v1/executions", Some(request), None).await.unwrap();
        (refused, stage.exec("work 5 exit 0 2", json!({"lock": "prod"})).await)
    });
    assert_eq!((refused.status, &refused.body["error"]["code"]), (503, &json!("unavailable")), "{}", refused.body);
    assert_eq!((stage.status(&id).as_str(), stage.tasks()), ("completed", 1));
}

#[test]
fn fault_02_a_lost_reply_of_run_task_starts_no_second_task() {
    ran(Fault::RunTaskReplyLost, 1);
    ran(Fault::RunTaskReplyLost, 10);
}

#[test]
fn a_refusal_after_a_lost_reply_is_not_taken_for_a_no() {
    for refusal in [Fault::DisguisedThrottle, Fault::Throttled] {
        let stage = Stage::new().fault(Fault::RunTaskReplyLost, 1);
        let id = stage.play(|stage| async move {
            // The family is known, so that the first RunTask is the one that is lost.
            let world = stage.world.clone();
            let busy = async {
                while world.ecs.tasks().is_empty() {
                    world.sim.pause(std::time::Duration::from_millis(1)).await;
                }
                world.faults.script(refusal, 20);
            };
            tokio::join!(stage.exec("work 60 exit 3", json!({"lock": "prod"})), busy).0
        });
        assert_eq!((stage.status(&id).as_str(), stage.end(&id).1, stage.tasks()), ("failed", Some(3), 1));
    }
}

#[test]
fn fault_03_a_token_conflict_names_the_task_which_is_adopted_at_once() {
    ran(Fault::TokenConflict, 1);
}

#[test]
fn fault_04_failures_in_a_200_end_the_execution_and_free_its_lock() {
    let stage = Stage::new().fault(Fault::RunTaskFailures, 1);
    let (refused, next) = stage.play(|stage| async move {
        let request = json!({"command": "work 5 exit 0 1", "lock": "prod"});
        let refused = stage.ann.send(&stage.world, "POST", "/api/v1/executions", Some(request), None).await.unwrap();
        (refused, stage.exec("work 5 exit 0 2", json!({"lock": "prod"})).await)
    });
    assert_eq!(refused.body["error"]["code"], "launch_failed", "{}", refused.body);
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("no capacity"), "{}", refused.body);
    assert_eq!(stage.status(&next), "completed");
}

#[test]
fn fault_05_a_disguised_throttle_is_waited_out() {
    ran(Fault::DisguisedThrottle, 2);
}

#[test]
fn fault_06_a_task_that_ecs_does_not_show_for_a_minute_is_not_lost() {
    let stage = Stage::new().fault(Fault::TaskMissing, 1);
    let id = stage.play(|stage| async move {
        let id = stage.exec("work 120 exit 0", json!({"lock": "prod"})).await;
        for _ in 0..10 {
            stage.ann.get(&stage.world, &id).await;
            stage.seconds(5).await;
        }
        id
    });
    assert_eq!(stage.end(&id), ("completed".to_owned(), Some(0), String::new()));
}

#[test]
fn fault_07_a_crash_before_the_arn_is_saved_leaves_a_task_that_its_event_brings_home() {
    ran(Fault::CrashAfterRunTask, 1);
}

#[test]
fn fault_07_without_any_event_the_sweep_finds_the_task() {
    let stage = Stage::new().fault(Fault::CrashAfterRunTask, 1).fault(Fault::StoppedDropped, 1);
    let id = stage.play(|stage| async move { stage.exec("nostart - - -", json!({"lock": "prod"})).await });
    let (status, exit, reason) = stage.end(&id);
    assert_eq!((status.as_str(), exit), ("failed", None));
    assert!(reason.contains("the image could not be pulled"), "{reason}");
    assert!(stage.ended_at(&id) <= 601, "{}", stage.ended_at(&id));
}

#[test]
fn fault_31_overrides_that_are_too_long_are_refused_before_anything_is_written() {
    let stage = Stage::new();
    let response = stage.play(|stage| async move {
        let filler = "x".repeat(4000);
        let request = json!({"command": "work 1", "env": {"A": filler, "B": filler, "C": filler}, "lock": "prod"});
        stage.ann.exec(&stage.world, &request).await.unwrap()
    });
    assert_eq!((response.status, stage.tasks()), (400, 0), "{}", response.body);
    assert!(response.body["error"]["message"].as_str().unwrap().contains("longer than ECS takes"), "{}", response.body);
}

#[test]
fn fault_32_two_launches_of_a_new_image_at_once_both_run() {
    let stage = Stage::new().fault(Fault::ConcurrentRegistration, 2);
    let (a, b) = stage.play(|stage| async move {
        let first = stage.exec("work 5 exit 0 1", json!({"image": "new"}));
        tokio::join!(first, stage.exec("work 5 exit 0 2", json!({"image": "new"})))
    });
    assert_eq!((stage.status(&a).as_str(), stage.status(&b).as_str()), ("completed", "completed"));
}
