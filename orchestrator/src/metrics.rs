//! Metrics, by lines in the log that CloudWatch reads as such (embedded metric format): no call, nothing to wait for.
//!
//! Source: CloudWatch user guide, "Specification: Embedded metric format".

use std::io::Write as _;

use runvoy_api::{infra::metric, status::Status};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The API has given a reply with this status.
pub fn replied(status: u16) {
    emit(metric::SERVER_ERRORS, status >= 500);
}

/// A task has ended. One that its command or somebody's will ended has not failed.
pub fn ended(status: Status, exit_code: Option<i32>) {
    let failed = matches!(status, Status::Lost) || matches!((status, exit_code), (Status::Failed, None));
    emit(metric::TASK_FAILURES, failed);
}

/// A command was refused because its lock is held.
pub fn lock_conflict() {
    emit(metric::LOCK_CONFLICTS, true);
}

/// Only where somebody reads the log: elsewhere standard output is a person's.
fn emit(name: &str, holds: bool) {
    if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_none() {
        return;
    }
    let stack = std::env::var(runvoy_api::infra::env::STACK_NAME).unwrap_or_default();
    let line = line(&stack, name, holds, crate::machine::now());
    // What can't be written is a metric less, and no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn line(stack: &str, name: &str, holds: bool, now: OffsetDateTime) -> Value {
    let metrics = json!([{ "Name": name, "Unit": "Count" }]);
    let directive = json!({ "Namespace": metric::NAMESPACE, "Dimensions": [[metric::DIMENSION]], "Metrics": metrics });
    let millis = now.unix_timestamp_nanos() / 1_000_000;
    json!({
        "_aws": { "Timestamp": i64::try_from(millis).unwrap_or_default(), "CloudWatchMetrics": [directive] },
        metric::DIMENSION: stack,
        name: u8::from(holds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudwatch_finds_each_metric_and_its_dimension() {
        let line = line("acme", metric::TASK_FAILURES, true, OffsetDateTime::UNIX_EPOCH);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&line["_aws"]["Timestamp"], &directive["Namespace"]), (&json!(0), &json!("runvoy")));
        let metric = directive["Metrics"][0]["Name"].as_str().unwrap();
        let dimension = directive["Dimensions"][0][0].as_str().unwrap();
        assert_eq!((&line[metric], &line[dimension]), (&json!(1), &json!("acme")));
    }
}
