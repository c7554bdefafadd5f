//! What an admin who gave an address is told of, and the dashboard that shows the same.

use runvoy_api::infra::{API_FUNCTION, EVENTS_FUNCTION, Function, metric};
use serde_json::{Value, json};

use super::{dead_letters, function_name};

/// Name of the topic that the alarms go to.
pub(super) fn topic(stack: &str) -> String {
    format!("{stack}-alarms")
}

/// Every alarm. Rates are averages of metrics that are 0 or 1 each time, so that no alarm computes anything.
pub(super) fn all(stack: &str) -> Vec<Value> {
    let (api, events) = (function_name(stack, &API_FUNCTION), function_name(stack, &EVENTS_FUNCTION));
    let mut alarms = Vec::new();
    for (function, name, what) in [(API_FUNCTION, &api, "the API"), (EVENTS_FUNCTION, &events, "events")] {
        alarms.extend(of_function(&function, name, what));
    }
    alarms.extend([
        Alarm::new(
            "ServerErrors",
            "server-errors",
            "more than 1% of the API's replies are errors of its own",
            &look(&api),
        )
        .of(metric::NAMESPACE, metric::SERVER_ERRORS, metric::DIMENSION, stack)
        .when("Average", 0.01),
        Alarm::new(
            "TaskFailures",
            "task-failures",
            "more than 10% of the containers fail before or beside their command",
            "see the reasons in `runvoy list --all --status failed`",
        )
        .of(metric::NAMESPACE, metric::TASK_FAILURES, metric::DIMENSION, stack)
        .when("Average", 0.1),
        Alarm::new(
            "LockConflicts",
            "lock-conflicts",
            "more than 20 commands met a held lock within 5 minutes",
            "see `runvoy locks list`; `--wait-lock` queues instead",
        )
        .of(metric::NAMESPACE, metric::LOCK_CONFLICTS, metric::DIMENSION, stack)
        .when("Sum", 20.0),
        Alarm::new("DeadLetters", "dead-letters", "events could not be handled", &waiting(stack))
            .of("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", &dead_letters(stack))
            .when("Maximum", 0.0),
        // It runs every 5 minutes. While it does not, CloudWatch has no data at all, which says just that.
        Alarm::new("Sweep", "sweep", "the sweep that repairs what was missed does not run", &look(&events))
            .of("AWS/Events", "Invocations", "RuleName", &format!("{stack}-sweep"))
            .missing(3),
    ]);
    alarms.iter().map(|alarm| alarm.rendered(stack)).collect()
}

fn of_function(function: &Function, name: &str, what: &str) -> [Alarm; 3] {
    let [logical, suffix] = if *function == API_FUNCTION { ["Api", "api"] } else { ["Events", "events"] };
    let alarm = |kind: &str, ending: &str, problem: String| {
        Alarm::new(&format!("{logical}{kind}"), &format!("{suffix}-{ending}"), &problem, &look(name))
    };
    let lambda = |alarm: Alarm, metric| alarm.of("AWS/Lambda", metric, "FunctionName", name);
    // What is cut off at its limit left something half done.
    let near = f64::from(function.timeout) * 800.0;
    [
        lambda(
            alarm("Errors", "errors", format!("more than 5% of the calls of the function for {what} fail")),
            "Errors",
        )
        .when("Average", 0.05),
        lambda(alarm("Throttles", "throttles", format!("AWS throttles the function for {what}")), "Throttles")
            .when("Sum", 0.0),
        lambda(
            alarm("Duration", "duration", format!("the function for {what} takes 80% of its time limit")),
            "Duration",
        )
        .when("Maximum", near),
    ]
}

/// An alarm over 5 minutes.
struct Alarm {
    logical: String,
    suffix: String,
    what: String,
    next: String,
    metric: [String; 4],
    statistic: &'static str,
    threshold: f64,
    /// How many times in a row nothing may have come, for an alarm on silence.
    silent: Option<u32>,
}

impl Alarm {
    fn new(logical: &str, suffix: &str, what: &str, next: &str) -> Self {
        Self {
            logical: format!("{logical}Alarm"),
            suffix: suffix.to_owned(),
            what: what.to_owned(),
            next: next.to_owned(),
            metric: Default::default(),
            statistic: "Sum",
            threshold: 0.0,
            silent: None,
        }
    }

    fn of(self, namespace: &str, metric: &str, dimension: &str, value: &str) -> Self {
        Self { metric: [namespace, metric, dimension, value].map(str::to_owned), ..self }
    }

    fn when(self, statistic: &'static str, threshold: f64) -> Self {
        Self { statistic, threshold, ..self }
    }

    fn missing(self, times: u32) -> Self {
        Self { silent: Some(times), threshold: 1.0, ..self }
    }

    fn rendered(&self, stack: &str) -> Value {
        let [namespace, metric, dimension, value] = &self.metric;
        let Self { logical, suffix, what, next, statistic, threshold, .. } = self;
        json!({
            "logical": logical,
            "name": format!("{stack}-{suffix}"),
            "description": format!("alarm: {what}"),
            "alarm_description": format!("runvoy {stack}: {what}; {next}"),
            "namespace": namespace,
            "metric": metric,
            "dimension": dimension,
            "value": value,
            "statistic": statistic,
            "period": 300,
            "periods": self.silent.unwrap_or(1),
            "comparison": if self.silent.is_some() { "LessThanThreshold" } else { "GreaterThanThreshold" },
            "threshold": threshold,
            "missing": if self.silent.is_some() { "breaching" } else { "notBreaching" },
        })
    }
}

fn look(function: &str) -> String {
    format!("see the log group /aws/lambda/{function}")
}

fn waiting(stack: &str) -> String {
    format!("they wait in the queue {}", dead_letters(stack))
}

/// The dashboard's body: a graph a kind of alarm, as a `Fn::Sub` text.
pub(super) fn dashboard(stack: &str) -> String {
    let alarms = all(stack);
    let kinds: [(&str, &[&str]); 6] = [
        ("Replies that are errors", &["server-errors"]),
        ("Containers that fail", &["task-failures"]),
        ("Commands that met a held lock", &["lock-conflicts"]),
        ("Functions that fail", &["api-errors", "events-errors", "api-throttles", "events-throttles"]),
        ("Functions' duration (ms)", &["api-duration", "events-duration"]),
        ("Sweeps and lost events", &["sweep", "dead-letters"]),
    ];
    let widget = |(at, (title, suffixes)): (usize, &(&str, &[&str]))| {
        let named = |suffix: &&str| alarms.iter().find(|alarm| alarm["name"] == format!("{stack}-{suffix}"));
        let metric = |alarm: &Value| {
            let part = |name: &str| alarm[name].clone();
            json!([part("namespace"), part("metric"), part("dimension"), part("value"), { "stat": part("statistic") }])
        };
        json!({
            "type": "metric", "x": 12 * (at % 2), "y": 6 * (at / 2), "width": 12, "height": 6,
            "properties": {
                "title": title, "region": "${AWS::Region}", "period": 300, "view": "timeSeries",
                "metrics": suffixes.iter().filter_map(named).map(metric).collect::<Vec<_>>(),
            },
        })
    };
    json!({ "widgets": kinds.iter().enumerate().map(widget).collect::<Vec<_>>() }).to_string()
}
