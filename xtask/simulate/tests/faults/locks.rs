//! Faults 20 to 25: who has a lock, and for how long.

use std::sync::Arc;

use runvoy_simulate::{faults::Fault, sim::lock};
use serde_json::json;

use crate::stage::Stage;

/// Sends this many requests for one lock at the same moment; returns how many were let in, and how many refused with 409.
fn rush(stage: &Stage, wait: Option<u64>, count: usize) -> (usize, usize) {
    let answers = Arc::new(std::sync::Mutex::new(Vec::new()));
    for number in 0..count {
        let (stage, answers) = (stage.clone(), Arc::clone(&answers));
        let mut request = json!({"command": format!("work 5 exit 0 {number}"), "lock": "prod"});
        request["wait_lock"] = json!(wait);
        if wait.is_none() {
            request.as_object_mut().unwrap().remove("wait_lock");
        }
        stage.world.clone().sim.spawn("rush", 0, async move {
            let response = stage.ann.exec(&stage.world, &request).await;
            lock(&answers).push(response.map_or(0, |response| response.status));
        });
    }
    stage.play(|_| async {});
    let answers = lock(&answers);
    let of = |status: u16| answers.iter().filter(|got| **got == status).count();
    (of(201), of(409))
}

#[test]
fn fault_20_of_a_hundred_at_once_one_wins() {
    let stage = Stage::new();
    let (won, refused) = rush(&stage, None, 100);
    assert_eq!((won, stage.tasks()), (1, 1));
    // The others are told who has it, or that it was too busy to tell.
    assert!(refused > 50, "{refused}");
}

#[test]
fn fault_20_those_that_wait_are_served_one_after_the_other() {
    let stage = Stage::new();
    let (won, _) = rush(&stage, Some(3600), 10);
    assert_eq!((won, stage.tasks()), (10, 10));
}

#[test]
fn fault_21_expiry_stops_the_holder_and_only_then_hands_over() {
    let stage = Stage::new();
    let (first, second) = stage.play(|stage| async move {
        let first = stage.exec("hang", json!({"lock": "prod", "timeout": 30})).await;
        let second = stage.exec("work 5 exit 0", json!({"lock": "prod", "wait_lock": 7200})).await;
        (first, second)
    });
    stage.assert_fired(Fault::LockExpired);
    assert_eq!(stage.end(&first).0, "timed_out");
    assert_eq!(stage.end(&second).0, "completed");
}

#[test]
fn fault_22_the_old_holders_end_does_not_free_the_new_holders_lock() {
    let stage = Stage::new().fault(Fault::EventDuplicated, 100);
    let ids = stage.play(|stage| async move {
        let mut ids = Vec::new();
        for number in 0..4 {
            let more = json!({"lock": "prod", "wait_lock": 3600});
            ids.push(stage.exec(&format!("work 30 exit 0 {number}"), more).await);
        }
        ids
    });
    stage.assert_fired(Fault::OldHolderReleases);
    assert!(ids.iter().all(|id| stage.status(id) == "completed"));
}

#[test]
fn fault_23_ones_own_success_is_recognised_after_a_lost_reply() {
    for times in 1..8 {
        let stage = Stage::new().fault(Fault::WriteReplyLost, times);
        let id = stage.play(|stage| async move { stage.exec("work 5 exit 3", json!({"lock": "prod"})).await });
        stage.assert_fired(Fault::WriteReplyLost);
        let (_, exit, reason) = stage.end(&id);
        match times {
            1 | 2 => assert_eq!((exit, stage.tasks()), (Some(3), 1)),
            // So many that the launch itself gave up: then it has run once or not at all.
            _ => assert!(exit == Some(3) || (stage.tasks() == 0 && reason.contains("cut short")), "{times}: {reason}"),
        }
    }
}

#[test]
fn fault_24_clocks_that_are_ten_minutes_wrong_let_nobody_in_twice() {
    let stage = Stage::new().fault(Fault::ClockSkew, 1000);
    let (first, second) = stage.play(|stage| async move {
        let first = stage.exec("work 400 exit 0", json!({"lock": "prod"})).await;
        (first, stage.exec("work 5 exit 0", json!({"lock": "prod", "wait_lock": 7200})).await)
    });
    stage.assert_fired(Fault::ClockSkew);
    assert_eq!((stage.status(&first).as_str(), stage.status(&second).as_str()), ("completed", "completed"));
}

#[test]
fn fault_24_a_sweep_with_a_wrong_clock_does_not_take_a_launch_for_one_that_was_cut_short() {
    for seed in 0..16 {
        // Both the launch, which is held up for a second, and the sweep that comes just then can be wrong.
        let stage = Stage::seeded(seed).fault(Fault::ClockSkew, 2).fault(Fault::DisguisedThrottle, 2);
        let id = stage.play(|stage| async move {
            stage.world.sim.pause(std::time::Duration::from_millis(299_700)).await;
            stage.exec("work 30 exit 3", json!({"lock": "prod"})).await
        });
        assert_eq!((stage.status(&id).as_str(), stage.end(&id).1), ("failed", Some(3)), "{seed}: {}", stage.end(&id).2);
    }
}

#[test]
fn fault_46_whoever_has_too_little_time_left_leaves_the_queue_to_the_next_look() {
    let stage = Stage::new().fault(Fault::StoppedDropped, 1);
    let (left, taken) = stage.play(|stage| async move {
        let first = stage.exec("work 5 exit 0 1", json!({"lock": "prod"})).await;
        let second = stage.exec("work 5 exit 0 2", json!({"lock": "prod", "wait_lock": 3600})).await;
        stage.seconds(90).await;
        // Its event never came: this look at the first sees that it is over, late.
        stage.world.faults.script(Fault::Slow, 1);
        stage.ann.get(&stage.world, &first).await;
        let left = stage.status(&second);
        stage.ann.get(&stage.world, &second).await;
        (left, stage.status(&second))
    });
    stage.assert_fired(Fault::Slow);
    assert_eq!((left.as_str(), taken.as_str()), ("queued", "starting"));
}

#[test]
fn fault_25_a_forced_release_waits_for_the_task_to_stop() {
    let stage = Stage::new();
    let (released, first, second) = stage.play(|stage| async move {
        let first = stage.exec("stubborn 3000 exit 0", json!({"lock": "prod"})).await;
        let second = stage.exec("work 5 exit 0", json!({"lock": "prod", "wait_lock": 3600})).await;
        stage.seconds(60).await;
        let reason = Some(json!({"reason": "it hangs"}));
        let released = stage.admin.send(&stage.world, "DELETE", "/api/v1/locks/prod", reason, None).await.unwrap();
        (released, first, second)
    });
    assert_eq!((released.status, &released.body["released"]), (202, &json!(false)), "{}", released.body);
    let (status, exit, reason) = stage.end(&first);
    assert_eq!((status.as_str(), exit), ("stopped", Some(137)));
    assert!(reason.contains("admin@example.com, to release the lock `prod`: it hangs"), "{reason}");
    assert_eq!(stage.status(&second), "completed");
}
