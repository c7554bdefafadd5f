//! Metrics come with the log: what the functions write there, CloudWatch counts.

use std::time::{SystemTime, UNIX_EPOCH};

use runvoy_api::infra::metric;
use serde_json::{Value, json};

use crate::world::{World, until};

/// The values of one metric in a function's log since a time, in milliseconds.
fn values(world: &World, function: &str, name: &str, since: u64) -> Vec<u64> {
    let request = json!({ "logGroupName": format!("/aws/lambda/runvoy-{function}"), "startTime": since });
    let events = world.aws("logs", "Logs_20140328.FilterLogEvents", &request);
    let messages = events["events"].as_array().unwrap().iter().filter_map(|event| event["message"].as_str());
    let lines = messages.flat_map(str::lines).filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let value = |line: Value| {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        (directive["Metrics"][0]["Name"] == name).then(|| {
            assert_eq!((&directive["Namespace"], &line[metric::DIMENSION]), (&json!("runvoy"), &json!("runvoy")));
            line[name].as_u64().unwrap()
        })
    };
    lines.filter_map(value).collect()
}

#[test]
fn replies_endings_and_conflicts_are_counted() {
    let world = World::get();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap();
    let values = |function: &str, name: &str| values(world, function, name, since);
    let go_on = world.file("measured-go-on");
    let hold = format!("until [ -e {} ]; do sleep 0.05; done", go_on.display());
    let held = world.run(&["exec", "--detach", "--lock", "measured", &hold]).code(0).stdout.trim().to_owned();
    world.run(&["exec", "--lock", "measured", "true"]).code(125);
    std::fs::write(go_on, "").unwrap();
    until("the conflict is counted", || (!values("api", metric::LOCK_CONFLICTS).is_empty()).then_some(()));
    assert_eq!(world.ended(&held)["status"], "completed");
    until("replies are counted", || values("api", metric::SERVER_ERRORS).contains(&0).then_some(()));
    // A command that ends by itself is no failed task, whatever its exit code.
    let count = || values("events", metric::TASK_FAILURES).len() + values("api", metric::TASK_FAILURES).len();
    let before = count();
    world.run(&["exec", "exit 3"]).code(3);
    until("the ending is counted", || (count() > before).then_some(()));
}
