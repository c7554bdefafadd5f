//! How an execution ended, from what ECS says of its stopped task: status, exit code, and a reason that people understand.
//!
//! Source: Amazon ECS developer guide, "Stopped task error messages" and "Task stop codes".

use runvoy_api::status::Status;

use crate::{observe::TaskView, prepare, store::row::Row};

/// The reason that the sweep gives to StopTask for a task whose own clock did not end it.
pub const PAST_ITS_TIME: &str = "runvoy: the execution is past its time";

/// The longest text of ECS's own that a reason repeats, in characters.
const MAX_QUOTE: usize = 300;

/// What ECS writes, and what it means; the first that matches counts. The words say what to do where there is something.
const WORDS: &[(&str, &str)] = &[
    ("does not contain descriptor matching platform", ARCHITECTURE),
    ("exec format error", ARCHITECTURE),
    ("OutOfMemory", "it ran out of memory: run it with more `--memory`"),
    ("toomanyrequests", "the registry refused the pull because of its rate limit: use a mirror such as public.ecr.aws"),
    ("pull access denied", NOT_FOR_US),
    ("failed to authorize", NOT_FOR_US),
    ("401 Unauthorized", NOT_FOR_US),
    ("403 Forbidden", NOT_FOR_US),
    ("no such host", "the image's registry does not exist: check its name"),
    ("manifest unknown", "the image has no such tag"),
    ("CannotPullContainer", "the image could not be pulled: check its name and tag, and whether AWS may read it"),
    ("/bin/sh: no such file", "the image has no /bin/sh, which runs the command"),
    ("exec: \"/bin/sh\"", "the image has no /bin/sh, which runs the command"),
    ("\"/bin/sh\": stat", "the image has no /bin/sh, which runs the command"),
    ("unable to pull secrets or registry auth", "AWS could not read what the task needs before its start"),
    ("ResourceInitializationError", "AWS could not prepare the task's network, logs or secrets"),
    ("network interface provisioning", "AWS could not attach the task to the network: run it again"),
    ("Capacity is unavailable", "AWS has no capacity of this kind right now: run it again, or without `--spot`"),
    ("RESOURCE:", "AWS has no capacity of this kind right now: run it again"),
    ("limit on the number of", "the account's Fargate quota is used up: wait for other tasks, or raise the quota"),
    ("no space left on device", "the task's disk is full"),
    ("CannotStartContainer", "the container could not be started"),
    ("CannotCreateContainer", "the container could not be created"),
    ("ContainerRuntime", "AWS's container runtime failed: run it again"),
    ("DockerTimeout", "AWS's container runtime failed: run it again"),
    ("InternalError", "AWS failed internally: run it again"),
];

const ARCHITECTURE: &str = "the image is not made for this deployment's CPU architecture: use a multi-platform image";

const NOT_EXECUTABLE: &str = "a program could not be executed: it may be made for another CPU architecture";

const NOT_FOUND: &str =
    "a program was not found; if the log is empty, the image has no /bin/sh, which runs the command";

const NOT_FOR_US: &str = "the image does not exist, or its registry does not let AWS have it: check its name; an admin \
    sets what the registry demands with `runvoy admin registry-credentials set`";

/// What ECS says, in words, with its own as far as they add something.
pub fn in_words(text: &str) -> String {
    let quote: String = text.chars().take(MAX_QUOTE).collect();
    match WORDS.iter().find(|(sign, _)| text.contains(sign)) {
        Some((_, words)) => format!("{words} ({quote})"),
        None => quote,
    }
}

/// The status, exit code and reason of an execution whose task has stopped.
///
/// A missing exit code is unknown, never 0.
pub fn of(row: &Row, task: &TaskView) -> (Status, Option<i32>, Option<String>) {
    let exit_code = task.executor().and_then(|container| container.exit_code);
    let code = task.stop_code.as_deref().unwrap_or_default();
    let end = |status, reason: String| (status, exit_code, Some(reason));
    let limit = row.execution.timeout_seconds;
    let full_run = task.run_seconds().is_some_and(|seconds| seconds >= f64::from(limit) - 1.0);
    if exit_code == Some(124) && full_run {
        return end(Status::TimedOut, format!("the command ran for its {limit} seconds and was ended"));
    }
    if code == "UserInitiated" && task.stopped_reason.as_deref() == Some(PAST_ITS_TIME) {
        return end(Status::TimedOut, format!("its {limit} seconds were long over and its task was stopped"));
    }
    // A command that ended by itself was not stopped, even if somebody asked for it at the same moment.
    let by_itself = code == "EssentialContainerExited" && exit_code.is_some();
    if let Some(by) = row.stop_requested_by.as_ref().filter(|_| !by_itself) {
        return end(Status::Stopped, format!("stopped by {by}"));
    }
    // The other container then says that there was nothing to run.
    if let Some(reason) = prepare::failure(task).filter(|_| by_itself) {
        return (Status::Failed, None, Some(reason));
    }
    match (code, exit_code) {
        ("UserInitiated", _) => end(Status::Stopped, with_reason("its task was stopped in ECS", task)),
        ("SpotInterruption", _) => {
            end(Status::Failed, "AWS took the Spot capacity back: run it again, or without `--spot`".to_owned())
        }
        ("TerminationNotice" | "InfrastructureHealth" | "ServiceSchedulerInitiated", _) => {
            end(Status::Failed, with_reason("AWS took the task's machine away: run it again", task))
        }
        (_, Some(0)) => (Status::Completed, exit_code, None),
        (_, Some(137)) => end(Status::Failed, killed(task)),
        // The shells' own codes. An image without a shell ends like this too, without a word: the init process that ECS
        // starts first does not find it, and the log driver forgets its one line.
        (_, Some(126)) => end(Status::Failed, NOT_EXECUTABLE.to_owned()),
        (_, Some(127)) => end(Status::Failed, NOT_FOUND.to_owned()),
        (_, Some(255)) if executor_reason(task).is_some() => {
            end(Status::Failed, in_words(executor_reason(task).unwrap_or_default()))
        }
        (_, Some(_)) => (Status::Failed, exit_code, None),
        ("TaskFailedToStart", None) => end(Status::Failed, never_ran(task)),
        (_, None) => end(Status::Failed, format!("the exit code is not known: {}", why(task))),
    }
}

fn executor_reason(task: &TaskView) -> Option<&str> {
    task.executor()?.reason.as_deref().filter(|reason| !reason.is_empty())
}

fn stopped_reason(task: &TaskView) -> Option<&str> {
    task.stopped_reason.as_deref().filter(|reason| !reason.is_empty())
}

/// The container's reason is closer to the cause than the task's.
fn why(task: &TaskView) -> String {
    let reason = executor_reason(task).or_else(|| stopped_reason(task));
    reason.map_or_else(|| "ECS gave no reason".to_owned(), in_words)
}

fn with_reason(what: &str, task: &TaskView) -> String {
    stopped_reason(task).map_or_else(|| what.to_owned(), |reason| format!("{what}: {}", in_words(reason)))
}

fn never_ran(task: &TaskView) -> String {
    format!("the task could not be started: {}", why(task))
}

fn killed(task: &TaskView) -> String {
    match executor_reason(task) {
        Some(reason) => in_words(reason),
        None => "the command was killed (SIGKILL)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runvoy_api::execution::Execution;
    use serde_json::{Value, json};
    use time::{Duration, macros::datetime};

    fn row(stopped_by: Option<&str>) -> Row {
        let execution: Execution = serde_json::from_value(json!({
            "execution_id": "exec_20251026143210_a1b2c3", "status": "running", "user_email": "a@example.com",
            "command": "true", "image": "alpine", "started_at": "2025-10-26T14:32:10Z", "cpu": 1024, "memory": 2048,
            "timeout_seconds": 60
        }))
        .unwrap();
        let row = Row::launched(execution, "runvoy-0".into());
        Row { stop_requested_by: stopped_by.map(str::to_owned), ..row }
    }

    fn task(code: &str, reason: &str, container: Value, seconds: i64) -> TaskView {
        let start = datetime!(2025-10-26 14:33 UTC);
        let mut task: TaskView = serde_json::from_value(json!({
            "taskArn": "arn:aws:ecs:us-east-1:1:task/runvoy/0", "lastStatus": "STOPPED", "version": 5,
            "stopCode": code, "stoppedReason": reason, "startedAt": "2025-10-26T14:33:00.123Z",
            "containers": if container.is_null() { json!([]) } else { json!([container]) },
        }))
        .unwrap();
        task.started_at = Some(start);
        task.execution_stopped_at = Some(start + Duration::seconds(seconds));
        task
    }

    fn exited(exit_code: Option<i32>, reason: Option<&str>) -> Value {
        json!({"name": "executor", "exitCode": exit_code, "reason": reason})
    }

    const BY_ITSELF: &str = "EssentialContainerExited";
    const EXITED: &str = "Essential container in task exited";

    #[test]
    fn every_end_has_a_status_and_words() {
        use Status::{Completed, Failed, Stopped, TimedOut};
        let not_started = "TaskFailedToStart";
        let platform =
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm64'";
        let private = "CannotPullContainerError: failed to resolve ref ghcr.io/a/b:1: failed to authorize: failed to fetch \
            anonymous token: unexpected status from GET request to https://ghcr.io/token: 401 Unauthorized";
        let pull = "CannotPullContainerError: pull image manifest has been retried 1 time(s): not found";
        // Stop code, ECS's reason, container (exit code, reason), seconds it ran; status, exit code, words.
        type Case<'a> = (&'a str, &'a str, Value, i64, Status, Option<i32>, &'a str);
        let cases: &[Case<'_>] = &[
            (BY_ITSELF, EXITED, exited(Some(0), None), 5, Completed, Some(0), ""),
            (BY_ITSELF, EXITED, exited(Some(3), None), 5, Failed, Some(3), ""),
            (BY_ITSELF, EXITED, exited(Some(143), None), 5, Failed, Some(143), ""),
            (BY_ITSELF, EXITED, exited(Some(126), None), 5, Failed, Some(126), "CPU architecture"),
            (BY_ITSELF, EXITED, exited(Some(127), None), 5, Failed, Some(127), "no /bin/sh"),
            (BY_ITSELF, EXITED, exited(Some(137), None), 5, Failed, Some(137), "was killed (SIGKILL)"),
            (
                BY_ITSELF,
                EXITED,
                exited(Some(137), Some("OutOfMemoryError: c")),
                5,
                Failed,
                Some(137),
                "more `--memory`",
            ),
            (BY_ITSELF, EXITED, exited(Some(255), Some("exec format error")), 1, Failed, Some(255), "architecture"),
            (BY_ITSELF, EXITED, exited(Some(124), None), 60, TimedOut, Some(124), "ran for its 60 seconds"),
            (BY_ITSELF, EXITED, exited(Some(124), None), 20, Failed, Some(124), ""),
            (BY_ITSELF, EXITED, exited(None, None), 5, Failed, None, "the exit code is not known: Essential"),
            (BY_ITSELF, "", exited(None, None), 5, Failed, None, "ECS gave no reason"),
            ("", "", Value::Null, 5, Failed, None, "ECS gave no reason"),
            ("UserInitiated", "by hand", exited(Some(143), None), 5, Stopped, Some(143), "stopped in ECS: by hand"),
            ("UserInitiated", PAST_ITS_TIME, exited(Some(137), None), 999, TimedOut, Some(137), "long over"),
            (
                "SpotInterruption",
                "Your Spot Task was interrupted.",
                exited(Some(143), None),
                5,
                Failed,
                Some(143),
                "Spot",
            ),
            ("TerminationNotice", "", exited(Some(143), None), 5, Failed, Some(143), "run it again"),
            ("InfrastructureHealth", "unhealthy", exited(None, None), 5, Failed, None, "run it again: unhealthy"),
            (not_started, pull, exited(None, None), 0, Failed, None, "the image could not be pulled"),
            (not_started, private, exited(None, None), 0, Failed, None, "registry-credentials set"),
            (not_started, platform, exited(None, None), 0, Failed, None, "CPU architecture"),
            (not_started, "ResourceInitializationError: x", Value::Null, 0, Failed, None, "network, logs or secrets"),
            (not_started, "Capacity is unavailable at this time", Value::Null, 0, Failed, None, "no capacity"),
            (
                not_started,
                "Timeout waiting for network interface provisioning",
                Value::Null,
                0,
                Failed,
                None,
                "network",
            ),
            (not_started, "something new", Value::Null, 0, Failed, None, "could not be started: something new"),
        ];
        for (code, reason, container, seconds, status, exit_code, words) in cases {
            let task = task(code, reason, container.clone(), *seconds);
            let (got, exit, said) = of(&row(None), &task);
            assert_eq!((got, exit), (*status, *exit_code), "{code} {reason} {container}");
            let said = said.unwrap_or_default();
            assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{code} {reason}: `{said}`");
        }
    }

    #[test]
    fn without_its_code_no_command_has_an_exit_code() {
        let end = |prepare: Value, code, executor: Option<i32>| {
            let mut task = task(code, EXITED, exited(executor, None), 5);
            task.containers.insert(0, serde_json::from_value(prepare).unwrap());
            of(&row(None), &task)
        };
        let refused = end(json!({"name": "prepare", "exitCode": 10}), BY_ITSELF, Some(125));
        assert_eq!((refused.0, refused.1), (Status::Failed, None));
        assert!(refused.2.unwrap().contains("git can't read the repository"));
        let killed =
            end(json!({"name": "prepare", "exitCode": null, "reason": "OutOfMemoryError: x"}), BY_ITSELF, Some(125));
        assert!(killed.2.unwrap().contains("ran out of memory"));
        // Its own 125, with its code in place; and a stop while the code came.
        assert_eq!(end(json!({"name": "prepare", "exitCode": 0}), BY_ITSELF, Some(125)).1, Some(125));
        assert_eq!(end(json!({"name": "prepare", "exitCode": 143}), "UserInitiated", None).0, Status::Stopped);
    }

    #[test]
    fn somebody_stopped_it_unless_it_had_ended_by_itself() {
        let row = row(Some("b@example.com"));
        let stopped = of(&row, &task("UserInitiated", "x", exited(Some(143), None), 5));
        assert_eq!(stopped, (Status::Stopped, Some(143), Some("stopped by b@example.com".into())));
        let unknown = of(&row, &task("UserInitiated", "x", Value::Null, 5));
        assert_eq!((unknown.0, unknown.1), (Status::Stopped, None));
        let completed = of(&row, &task(BY_ITSELF, EXITED, exited(Some(0), None), 5));
        assert_eq!((completed.0, completed.1), (Status::Completed, Some(0)));
    }
}
