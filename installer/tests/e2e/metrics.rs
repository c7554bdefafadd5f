//! Metrics come with the log: what the functions write there, CloudWatch counts.

use runvoy_api::infra::metric;
use serde_json::{Value, json};

use crate::world::{World, until};

/// The values of one metric in a function's log.
fn values(world: &World, function: &str, name: &str) -> Vec<u64> {
    let group = json!({ "logGroupName": format!("/aws/lambda/runvoy-{function}") });
    let streams = world.aws("logs", "Logs_20140328.DescribeLogStreams", &group);
    let mut values = Vec::new();
    for stream in streams["logStreams"].as_array().unwrap() {
        let mut body = group.clone();
        body["logStreamName"] = stream["logStreamName"].clone();
        let events = world.aws("logs", "Logs_20140328.GetLogEvents", &body);
        let messages = events["events"].as_array().unwrap().iter().filter_map(|event| event["message"].as_str());
        for line in messages.flat_map(str::lines).filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            if directive["Metrics"][0]["Name"] == name {
                assert_eq!((&directive["Namespace"], &line[metric::DIMENSION]), (&json!("runvoy"), &json!("runvoy")));
                values.push(line[name].as_u64().unwrap());
            }
        }
    }
    values
}

#[test]
fn replies_endings_and_conflicts_are_counted() {
    let world = World::get();
    let before = values(world, "api", metric::LOCK_CONFLICTS).len();
    let held = world.run(&["exec", "--detach", "--lock", "counted", "sleep 3"]).code(0).stdout.trim().to_owned();
    world.run(&["exec", "--lock", "counted", "true"]).code(125);
    until("the conflict is counted", || (values(world, "api", metric::LOCK_CONFLICTS).len() > before).then_some(()));
    assert_eq!(world.ended(&held)["status"], "completed");
    until("replies are counted", || values(world, "api", metric::SERVER_ERRORS).contains(&0).then_some(()));
    // A command that ends by itself is no failed task, whatever its exit code.
    let count =
        || values(world, "events", metric::TASK_FAILURES).len() + values(world, "api", metric::TASK_FAILURES).len();
    let before = count();
    world.run(&["exec", "exit 3"]).code(3);
    until("the ending is counted", || (count() > before).then_some(()));
}
