//! A command that is run to see that commands run.

use std::time::{Duration, Instant};

use runvoy_api::{
    error::ErrorCode,
    execution::{Execution, ExecutionRequest, ExecutionStarted},
    id::ExecutionId,
    status::Status,
};
use tokio::time::sleep;

use super::{PATIENCE, Patience};
use crate::{
    client::{Client, NoAnswer, Refused, is_transient},
    commands::execution_path,
    deploy::progress::Step,
    error::{Error, Result},
    ui,
};

/// The comment is for those who find it in the history.
const COMMAND: &str = "echo runvoy works # run by `runvoy init`, to see that commands run";
/// How long the command may run once its container has started.
const TIMEOUT: &str = "2m";
/// How long all of it may take. Most of that is AWS finding a machine and pulling the image.
const LIMIT: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_secs(1);

/// Runs the command and sees it through; none if the deployment takes no commands at present.
pub(super) async fn run(client: &Client, step: &Step) -> Result<Option<ExecutionId>> {
    step.detail("running a command");
    let Some(id) = start(client, step).await? else { return Ok(None) };
    let began = Instant::now();
    loop {
        let execution = match client.get::<Execution>(&execution_path(&id)).await {
            Ok(execution) if execution.status.is_terminal() => return judge(execution).map(Some),
            Ok(execution) => Some(execution),
            Err(error) if is_transient(&error) => None,
            Err(error) => return Err(error.context(format!("can't see how `{id}` goes on"))),
        };
        if began.elapsed() > LIMIT {
            let problem =
                format!("the command that was run to try it has not ended after {} minutes", LIMIT.as_secs() / 60);
            return Err(Error::new(problem).hint(format!("`runvoy status {id}` tells how it goes on")));
        }
        let at = execution.map_or("the API does not answer just now", |execution| stage(execution.status));
        step.detail(&format!("running a command: {at}"));
        sleep(PAUSE).await;
    }
}

fn stage(status: Status) -> &'static str {
    match status {
        Status::Starting => "AWS provides a container and pulls the image",
        Status::Running => "it runs",
        _ => "it is about to end",
    }
}

/// Has it started. Tried again only where the API says for certain that nothing was started, since the permission to start
/// tasks is as new as everything else.
async fn start(client: &Client, step: &Step) -> Result<Option<ExecutionId>> {
    let timeout = TIMEOUT.parse().map_err(|problem: String| Error::new(problem))?;
    let request =
        ExecutionRequest { command: COMMAND.to_owned(), timeout: Some(timeout), ..ExecutionRequest::default() };
    let mut patience = Patience::new(PATIENCE);
    loop {
        let error = match client.post::<_, ExecutionStarted>("/executions", &request).await {
            Ok(started) => return Ok(Some(started.execution_id)),
            Err(error) => error,
        };
        let code = error.find::<Refused>().map(|refused| refused.body.code);
        let unsent = error.find::<NoAnswer>().map(|no_answer| no_answer.unsent);
        match (code, unsent) {
            (Some(ErrorCode::Draining), _) => return Ok(None),
            (Some(ErrorCode::LaunchFailed | ErrorCode::Unavailable), _) | (_, Some(true)) => {
                patience.wait(step, error.context("no command could be started")).await?;
            }
            (_, Some(false)) => {
                let hint = "it may have been started all the same: `runvoy list` shows it";
                return Err(error.context("nobody knows whether a command was started").hint(hint));
            }
            _ => return Err(error.context("no command could be started")),
        }
    }
}

/// Success is exit code 0, and nothing else.
fn judge(execution: Execution) -> Result<ExecutionId> {
    let id = execution.execution_id;
    if execution.status == Status::Completed && execution.exit_code == Some(0) {
        return Ok(id);
    }
    let mut problem = format!("the command that was run to try it (`{id}`) ended as `{}`", execution.status);
    if let Some(code) = execution.exit_code {
        problem += &format!(" with exit code {code}");
    }
    let reason = execution.reason.unwrap_or_default();
    if !reason.is_empty() {
        problem += &format!(": {}", ui::printable(&reason));
    }
    Err(Error::new(problem).hint(hint(&id, &reason, &execution.image)))
}

/// By the names that ECS gives to what keeps a task from starting:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>.
fn hint(id: &ExecutionId, reason: &str, image: &str) -> String {
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    let image = ui::printable(image);
    if says(&["no matching manifest", "does not contain descriptor matching platform"]) {
        format!("the image `{image}` is not made for this architecture: choose another `--image` or `--architecture`")
    } else if says(&["CannotPullContainer", "pull image"]) {
        format!("can the tasks' network reach the registry of `{image}`, and does the image exist?")
    } else if says(&["ResourceInitializationError"]) {
        "the tasks' network has to reach ECR, CloudWatch Logs and Secrets Manager".into()
    } else if says(&["apacity"]) {
        "AWS has no machine free just now: run the same command again in a while, or choose on-demand".into()
    } else {
        format!("`runvoy logs {id}` shows what it printed; is the image `{image}` made for this architecture?")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(status: &str, exit_code: Option<i32>, reason: Option<&str>) -> Execution {
        serde_json::from_value(serde_json::json!({
            "execution_id": "exec_20251026143210_a1b2c3", "status": status, "user_email": "a@example.com",
            "command": COMMAND, "image": "alpine", "started_at": "2025-10-26T14:32:10Z", "exit_code": exit_code,
            "reason": reason, "cpu": 256, "memory": 512, "timeout_seconds": 120,
        }))
        .unwrap()
    }

    #[test]
    fn only_exit_code_0_is_success() {
        assert!(judge(ended("completed", Some(0), None)).is_ok());
        for (status, code) in [("failed", Some(1)), ("completed", None), ("lost", None), ("stopped", Some(0))] {
            assert!(judge(ended(status, code, None)).is_err(), "{status} {code:?}");
        }
        let reason = "CannotPullContainerError: no matching manifest for linux/arm64";
        let error = judge(ended("failed", None, Some(reason))).err().unwrap();
        assert!(error.message().ends_with(reason), "{}", error.message());
    }

    #[test]
    fn the_hint_follows_the_reason() {
        let id = "exec_20251026143210_a1b2c3".parse().unwrap();
        let hint = |reason: &str| hint(&id, reason, "alpine");
        assert!(hint("CannotPullContainerError: no matching manifest for linux/arm64").contains("--architecture"));
        assert!(hint("CannotPullContainerError: i/o timeout").contains("network"));
        assert!(hint("Capacity is unavailable at this time").contains("on-demand"));
        assert!(hint("").contains("runvoy logs exec_"));
    }
}
