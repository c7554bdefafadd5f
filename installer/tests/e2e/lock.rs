//! One at a time.

use std::fs;

use crate::world::{ADMIN, World, line};

fn locks(world: &World) -> Vec<String> {
    let list = world.run(&["locks", "list", "--json"]).code(0).json();
    let locks = list["locks"].as_array().unwrap().iter();
    locks.map(|lock| lock["lock_name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn one_runs_and_the_other_is_told_who() {
    let world = World::get();
    let go_on = world.file("lock-go-on");
    let command = format!("echo \"$RUNVOY_LOCK_NAME\"; until [ -e {} ]; do sleep 0.05; done", go_on.display());
    let mut first = world.spawn(&["exec", &command, "--lock", "infra-prod"]);
    let id = first.execution_id();
    assert_eq!(line(&mut first.stdout), "infra-prod\n");
    assert!(locks(world).contains(&"infra-prod".to_owned()));
    assert!(world.run(&["locks", "list"]).code(0).stdout.contains(&id));

    let record = world.run(&["status", &id, "--json"]).code(0).json();
    let since = record["started_at"].as_str().unwrap();
    let second = world.run(&["exec", "--lock", "infra-prod", "true"]).code(125);
    assert_eq!(second.stdout, "");
    let second = second.says("infra-prod").says(ADMIN).says(since).says(&id);
    // The holder's log link, with a token: the caller may read it.
    second.says(&format!("{}logs/{id}#token=", world.endpoint));
    // Other names are free.
    world.run(&["exec", "--lock", "infra-staging", "true"]).code(0);

    fs::write(go_on, "").unwrap();
    first.end().code(0);
    assert!(!locks(world).contains(&"infra-prod".to_owned()));
    world.run(&["exec", "--lock", "infra-prod", "true"]).code(0);
}

#[test]
fn the_fence_grows_with_each_holder() {
    let world = World::get();
    let fence = || -> u64 {
        let ran = world.run(&["exec", "echo \"$RUNVOY_LOCK_FENCE\"", "--lock", "fenced"]).code(0);
        ran.stdout.trim().parse().unwrap()
    };
    let fences = [fence(), fence(), fence()];
    assert!(fences.is_sorted_by(|a, b| a < b), "{fences:?}");
}

#[test]
fn of_many_at_once_one_wins_each_time() {
    let world = World::get();
    let count = world.file("winners");
    let command = format!("echo won >> {}; sleep 1", count.display());
    let running: Vec<_> = (0..6).map(|_| world.spawn(&["exec", &command, "--lock", "contended"])).collect();
    let codes: Vec<_> = running.into_iter().map(|running| running.end().code).collect();
    let winners = codes.iter().filter(|code| **code == 0).count();
    assert_eq!(fs::read_to_string(count).unwrap().lines().count(), winners, "{codes:?}");
    assert!(codes.iter().all(|code| [0, 125].contains(code)), "{codes:?}");
    assert!(winners >= 1, "{codes:?}");
    assert!(!locks(world).contains(&"contended".to_owned()));
}
