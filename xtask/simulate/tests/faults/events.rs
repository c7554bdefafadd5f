//! Faults 8 to 12 and 19: what ECS tells late, twice or never.

use runvoy_simulate::faults::Fault;
use serde_json::json;

use crate::stage::Stage;

fn run(stage: &Stage, command: &'static str) -> (String, Option<i64>, String) {
    let id = stage.play(move |stage| async move { stage.exec(command, json!({"lock": "prod"})).await });
    stage.end(&id)
}

#[test]
fn fault_08_ten_copies_of_each_event_change_nothing() {
    let stage = Stage::new().fault(Fault::EventDuplicated, 100);
    assert_eq!(run(&stage, "work 5 exit 3"), ("failed".to_owned(), Some(3), String::new()));
    stage.assert_fired(Fault::EventDuplicated);
}

#[test]
fn fault_09_running_after_stopped_does_not_bring_it_back() {
    let stage = Stage::new().fault(Fault::StoppedBeforeRunning, 1);
    assert_eq!(run(&stage, "work 5 exit 3"), ("failed".to_owned(), Some(3), String::new()));
    stage.assert_fired(Fault::StoppedBeforeRunning);
}

#[test]
fn fault_10_a_stopped_event_that_never_comes_is_made_good_within_ten_minutes() {
    let stage = Stage::new().fault(Fault::StoppedDropped, 1);
    let id = stage.play(|stage| async move { stage.exec("work 5 exit 3", json!({"lock": "prod"})).await });
    assert_eq!(stage.end(&id), ("failed".to_owned(), Some(3), String::new()));
    assert!(stage.ended_at(&id) <= 601, "{}", stage.ended_at(&id));
}

#[test]
fn fault_11_tasks_of_nobody_are_let_be() {
    let stage = Stage::new().fault(Fault::UnknownTaskEvent, 10);
    assert_eq!(run(&stage, "work 5 exit 0").0, "completed");
    stage.assert_fired(Fault::UnknownTaskEvent);
}

#[test]
fn fault_12_what_ecs_has_forgotten_is_lost_with_no_exit_code() {
    let stage = Stage::new().fault(Fault::StoppedDropped, 1).fault(Fault::TaskForgotten, 1);
    let (status, exit, reason) = run(&stage, "work 5 exit 0");
    assert_eq!((status.as_str(), exit), ("lost", None));
    assert!(reason.contains("ECS does not know its task any more"), "{reason}");
}

#[test]
fn fault_19_a_timeout_that_passes_while_the_sweeper_is_down_is_enforced_when_it_is_back() {
    let stage = Stage::new();
    *runvoy_simulate::sim::lock(&stage.world.sweeper_down) = std::time::Duration::from_secs(3000);
    let id = stage.play(|stage| async move { stage.exec("hang", json!({"lock": "prod", "timeout": 30})).await });
    let (status, exit, reason) = stage.end(&id);
    assert_eq!((status.as_str(), exit), ("timed_out", Some(137)), "{reason}");
    assert!(stage.ended_at(&id) > 3000);
}
