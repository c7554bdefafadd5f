//! What an admin who gave an address is told of.

use runvoy_api::infra::{API_FUNCTION, EVENTS_FUNCTION};
use serde_json::{Value, json};

use super::{dead_letters, function_name};

/// Name of the topic that the alarms go to.
pub(super) fn topic(stack: &str) -> String {
    format!("{stack}-alarms")
}

/// Every alarm.
pub(super) fn all(stack: &str) -> [Value; 4] {
    let (api, events) = (function_name(stack, &API_FUNCTION), function_name(stack, &EVENTS_FUNCTION));
    let look = |function: &str| format!("see the log group /aws/lambda/{function}");
    let errors = |logical, suffix, what: &str, function: &str| {
        let mut alarm = alarm(stack, logical, suffix, what, &look(function));
        alarm["namespace"] = "AWS/Lambda".into();
        alarm["metric"] = "Errors".into();
        alarm["dimension"] = "FunctionName".into();
        alarm["value"] = function.into();
        alarm
    };
    let mut dead = alarm(
        stack,
        "DeadLettersAlarm",
        "dead-letters",
        "events could not be handled",
        &format!("they wait in the queue {}", dead_letters(stack)),
    );
    dead["namespace"] = "AWS/SQS".into();
    dead["metric"] = "ApproximateNumberOfMessagesVisible".into();
    dead["dimension"] = "QueueName".into();
    dead["value"] = dead_letters(stack).into();
    dead["statistic"] = "Maximum".into();
    // It runs every 5 minutes. While it does not, CloudWatch has no data at all, which says just that.
    let mut sweep = errors("SweepAlarm", "sweep", "the sweep that repairs what was missed does not run", &events);
    sweep["metric"] = "Invocations".into();
    sweep["periods"] = 3.into();
    sweep["comparison"] = "LessThanThreshold".into();
    sweep["threshold"] = 1.into();
    sweep["missing"] = "breaching".into();
    [
        errors("ApiErrorsAlarm", "api-errors", "the function for the API fails", &api),
        errors("EventsErrorsAlarm", "events-errors", "the function for events fails", &events),
        dead,
        sweep,
    ]
}

/// More than none of something within 5 minutes.
fn alarm(stack: &str, logical: &str, suffix: &str, what: &str, next: &str) -> Value {
    json!({
        "logical": logical,
        "name": format!("{stack}-{suffix}"),
        "description": format!("alarm: {what}"),
        "alarm_description": format!("runvoy {stack}: {what}; {next}"),
        "statistic": "Sum",
        "period": 300,
        "periods": 1,
        "comparison": "GreaterThanThreshold",
        "threshold": 0,
        "missing": "notBreaching",
    })
}
