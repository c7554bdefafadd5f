//! A launch's second half: the task, for an execution that is on record and holds its lock.

use runvoy_api::{error::ErrorCode, execution::Execution, status::Status};
use time::Duration;

use crate::{
    app::App,
    error::{ApiError, Result},
    finish, limits, machine,
    store::{executions, row::Row},
    task_definition,
    tasks::{self, NotRun, RunTask},
};

/// RunTask is not sent for a launch older than this: whoever repairs it may be at work already.
const FRESH: Duration = Duration::seconds(20);
const RUN_TRIES: u32 = 4;
/// What one RunTask may take. It is not sent with less time left, since nobody would be there for the answer.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(7);
/// What a launch may take from its record to its end, whatever that is. None is begun with less time left.
pub const ROOM: std::time::Duration = std::time::Duration::from_secs(15);

/// Gets the task started and noted. A definite no ends the execution here; where nobody knows, the sweep finds out.
pub async fn start(app: &App, execution: &Execution, task: &RunTask) -> Result<()> {
    let (code, reason) = match run(app, execution, task).await {
        Ok(arn) => return note(app, execution, &arn).await,
        Err(NotRun::Unknown(error)) => {
            let error = format!("{error:#}");
            tracing::error!(execution_id = task.token, error, "RunTask: nobody knows; left to the sweep");
            return Ok(());
        }
        Err(NotRun::Refused(reason)) => {
            (ErrorCode::LaunchFailed, format!("AWS refused to start the task: {}", crate::ending::in_words(&reason)))
        }
        Err(NotRun::Throttled | NotRun::NoTaskDefinition) => {
            (ErrorCode::Unavailable, "ECS was too busy to start the task: nothing was started, try again".to_owned())
        }
        Err(NotRun::Late) => {
            let reason = "AWS took too long to put the launch on record: nothing was started, try again";
            (ErrorCode::Unavailable, reason.to_owned())
        }
    };
    let row = Row::launched(execution.clone(), task.family.clone());
    finish::without_task(app, &row, Status::Failed, &reason).await?;
    Err(ApiError::new(code, reason).detail("execution_id", task.token.clone()))
}

/// Asks for the task until there is an answer that counts. Once an answer was lost, a task may have been started: then no
/// refusal is a definite no any more.
async fn run(app: &App, execution: &Execution, task: &RunTask) -> Result<String, NotRun> {
    let (mut outcome, mut lost) = (Err(NotRun::Late), false);
    for attempt in 0..RUN_TRIES {
        if app.now() - execution.launched() > FRESH || !limits::has_left(ANSWER) {
            // If nothing was sent, nothing was started, and nobody else sends it; else the last answer stands.
            break;
        }
        outcome = tasks::run(app, task).await;
        match &outcome {
            Ok(_) | Err(NotRun::Refused(_)) => break,
            Err(NotRun::NoTaskDefinition) => {
                if app.deployment.task_role(execution.task_role.as_deref()).is_none() {
                    let reason = "its task role was taken out of the deployment meanwhile";
                    return Err(NotRun::Refused(reason.to_owned()));
                }
                // Where it fails, somebody else may be registering the same one: the next attempt finds theirs.
                match task_definition::register(app, &task.family, &task.definition).await {
                    Ok(()) => continue,
                    Err(error) => outcome = Err(NotRun::Refused(format!("{error:#}"))),
                }
            }
            Err(NotRun::Throttled | NotRun::Late) => {}
            Err(NotRun::Unknown(_)) => lost = true,
        }
        machine::sleep(std::time::Duration::from_millis(200 << attempt)).await;
    }
    match outcome {
        Err(no) if lost => Err(NotRun::Unknown(anyhow::anyhow!("an answer was lost, and then: {no:?}"))),
        outcome => outcome,
    }
}

/// Notes the task's ARN; where the execution ended or is being stopped meanwhile, its task is stopped.
async fn note(app: &App, execution: &Execution, arn: &str) -> Result<()> {
    let row = match executions::set_task(app, &execution.execution_id, arn).await {
        Ok(row) => row,
        Err(error) => {
            // The task runs and its row stands: the task's own events, or the sweep, will bring the two together.
            tracing::error!(execution_id = %execution.execution_id, error = format!("{error:#}"), "could not note a task");
            return Ok(());
        }
    };
    // It is over, or has another task: one that its own event has ended meanwhile is known, which is as good.
    let known = row.as_ref().is_some_and(|row| row.execution.task_arn.as_deref() == Some(arn));
    let stopping = row.as_ref().is_some_and(|row| row.execution.status == Status::Stopping);
    if !known || stopping {
        tasks::stop(app, arn, "the execution was stopped while it started").await?;
    }
    Ok(())
}
