//! The launch: four AWS calls in a row, whatever is asked for.
//!
//! 1. One consistent read: the key, the deployment's settings, the lock.
//! 2. One transaction: the execution's row, its lock, its audit record. From here on the sweep would find it.
//! 3. RunTask, with the execution's id as client token.
//! 4. The task's ARN, on the condition that nobody ended or stopped the execution meanwhile.
//!
//! The row stands before its task, always: a crash between any two steps leaves a row that says what was meant, and never
//! a task that nobody knows of.

use anyhow::Context;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use runvoy_api::{
    error::{ErrorCode, LockHeld},
    execution::{Execution, ExecutionRequest},
    fargate,
    infra::{KeyRow, LOCKS, Sentinel},
    lock::Lock,
    status::Status,
    timeout::Timeout,
    user::Role,
};
use serde_json::json;
use time::Duration;

use crate::{
    app::App,
    auth,
    error::{ApiError, Result},
    finish,
    origin::Origin,
    store::{
        audit,
        executions::{self, Row},
        item::{Item, Read, s},
        keys::{self, Caller},
        locks,
        transaction::{self, Outcome},
    },
    task_definition,
    tasks::{self, NotRun, RunTask},
};

/// RunTask is not sent for a row older than this: whoever repairs it may be at work already.
const FRESH: Duration = Duration::seconds(20);
/// How often a lock is looked at again that changed hands between the read and the transaction.
const LOCK_TRIES: u32 = 3;
const RUN_TRIES: u32 = 4;

/// What one read tells.
struct Seen {
    caller: Caller,
    draining: bool,
    lock: locks::Seen,
}

/// Starts an execution. `Ok` means that it is on record and that its task has been asked for.
pub async fn launch(app: &App, origin: &Origin, key_hash: &str, request: ExecutionRequest) -> Result<Execution> {
    request.validate()?;
    let Seen { caller, draining, mut lock } = read(app, key_hash, request.lock.as_deref()).await?;
    auth::require(&caller, Role::Member)?;
    if draining {
        return Err(ApiError::new(ErrorCode::Draining, "this deployment takes no new executions"));
    }
    for _ in 0..LOCK_TRIES {
        if let Some(held) = lock.holder {
            return Err(lock_held(app, origin, &caller, &held).await?);
        }
        let execution = plan(app, &caller, &request, lock.fence)?;
        let task =
            RunTask::new(task_definition::family(&app.deployment, &execution.image), &execution, request.env.clone());
        if !task.fits() {
            return Err(ApiError::new(
                ErrorCode::InvalidRequest,
                "`command` and `env` together are longer than ECS takes: 8192 characters as JSON",
            )
            .detail("field", "command"));
        }
        if record(app, &caller, &origin.source_ip, &execution, lock.fence, &task).await? {
            let (started, ()) = tokio::join!(start(app, &execution, &task), keys::touch(app, &caller, app.now()));
            started?;
            return Ok(execution);
        }
        lock = match &request.lock {
            Some(name) => locks::get(app, name).await?,
            None => locks::Seen::default(),
        };
    }
    Err(ApiError::new(ErrorCode::Unavailable, "the lock changed hands again and again").hint("try again"))
}

async fn read(app: &App, key_hash: &str, lock: Option<&str>) -> Result<Seen> {
    let keys = |name: &str, values: &[&str]| {
        let keys = values.iter().map(|value| Item::from([(name.to_owned(), s(*value))]));
        KeysAndAttributes::builder().set_keys(Some(keys.collect())).consistent_read(true).build()
    };
    let build = |error| ApiError::from(anyhow::Error::new(error));
    let api_keys = keys(KeyRow::HASH, &[key_hash, Sentinel::CONFIG]).map_err(build)?;
    let mut request = app.dynamodb.batch_get_item().request_items(&app.deployment.api_keys, api_keys);
    if let Some(lock) = lock {
        let locks = keys(LOCKS.partition, &[lock]).map_err(build)?;
        request = request.request_items(&app.deployment.locks, locks);
    }
    let reply = request.send().await.context("reading key, settings and lock")?;
    if reply.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
        return Err(anyhow::anyhow!("DynamoDB left a part of the read undone").into());
    }
    let rows = reply.responses.unwrap_or_default();
    let of = |table: &str| rows.get(table).map(Vec::as_slice).unwrap_or_default();
    let key_row = |hash: &str| of(&app.deployment.api_keys).iter().find(|row| row.text(KeyRow::HASH) == Some(hash));
    Ok(Seen {
        caller: key_row(key_hash).and_then(Caller::from_row).ok_or_else(ApiError::unauthorized)?,
        draining: key_row(Sentinel::CONFIG).is_some_and(|row| row.flag("draining")),
        lock: locks::Seen::from_row(of(&app.deployment.locks).first()),
    })
}

fn plan(app: &App, caller: &Caller, request: &ExecutionRequest, seen: Option<u64>) -> Result<Execution> {
    let execution_id = app.new_execution_id()?;
    let (cpu, memory) = fargate::size(request.cpu, request.memory)?;
    Ok(Execution {
        status: Status::Starting,
        user_email: caller.user.email.clone(),
        command: request.command.clone(),
        image: request.image.clone().unwrap_or_else(|| app.deployment.default_image.clone()),
        lock_fence: request.lock.is_some().then(|| locks::next_fence(seen, execution_id.started())),
        lock_name: request.lock.clone(),
        started_at: execution_id.started_at(),
        completed_at: None,
        exit_code: None,
        reason: None,
        duration_seconds: None,
        cost_usd: None,
        cost_basis: None,
        task_arn: None,
        log_stream_name: None,
        cpu,
        memory,
        timeout_seconds: request.timeout.unwrap_or(Timeout::DEFAULT).seconds(),
        // Being interrupted half-way is worst under a lock, so a lock asks for it by name.
        spot: request.spot.unwrap_or(app.deployment.default_spot && request.lock.is_none()),
        execution_id,
    })
}

/// Writes the row, its lock and its audit record, all or none; `false` if somebody else took the lock.
async fn record(
    app: &App,
    caller: &Caller,
    source_ip: &str,
    execution: &Execution,
    seen: Option<u64>,
    task: &RunTask,
) -> Result<bool> {
    let id = &execution.execution_id;
    let details = json!({
        "command": execution.command, "image": execution.image, "lock": execution.lock_name,
        "timeout_seconds": execution.timeout_seconds, "result": "accepted",
    });
    let entry =
        audit::Entry { actor: &caller.user.email, action: "execution.start", target: id.as_str(), source_ip, details };
    let rendered = serde_json::to_string(task).context("rendering the RunTask request")?;
    let mut items = vec![executions::put(app, execution, &task.family, &rendered)?, audit::append(app, &entry)?];
    if let (Some(name), Some(fence)) = (&execution.lock_name, execution.lock_fence) {
        let expires = id.started() + Duration::seconds(execution.timeout_seconds.into()) + Duration::minutes(15);
        items.push(locks::acquire(
            app,
            &locks::Claim {
                name,
                holder: id,
                user_email: &caller.user.email,
                seen,
                fence,
                acquired: id.started(),
                expires,
            },
        )?);
    }
    match transaction::write(&app.dynamodb, items, Some(id.as_str())).await? {
        Outcome::Written => Ok(true),
        // Only the lock can refuse: ids and audit entries are random.
        Outcome::Refused(_) => Ok(false),
    }
}

/// Gets the task started and noted. A definite no ends the execution here; where nobody knows, the sweep finds out.
async fn start(app: &App, execution: &Execution, task: &RunTask) -> Result<()> {
    let row =
        || Row { execution: execution.clone(), family: task.family.clone(), task_version: 0, stop_requested_by: None };
    match run(app, execution, task).await {
        Ok(arn) => note(app, execution, &arn).await,
        Err(NotRun::Unknown(error)) => {
            tracing::error!(
                execution_id = task.token,
                error = format!("{error:#}"),
                "RunTask: nobody knows; left to the sweep"
            );
            Ok(())
        }
        Err(NotRun::Refused(reason)) => {
            finish::without_task(app, &row(), Status::Failed, &format!("AWS refused to start the task: {reason}"))
                .await?;
            let error = ApiError::new(ErrorCode::LaunchFailed, format!("AWS refused to start the task: {reason}"));
            Err(error.detail("execution_id", task.token.clone()))
        }
        Err(NotRun::Throttled | NotRun::NoTaskDefinition) => {
            finish::without_task(app, &row(), Status::Failed, "ECS was too busy to start the task").await?;
            let error = ApiError::new(ErrorCode::Unavailable, "ECS was too busy to start the task");
            Err(error.hint("nothing was started: try again").detail("execution_id", task.token.clone()))
        }
    }
}

async fn run(app: &App, execution: &Execution, task: &RunTask) -> Result<String, NotRun> {
    let mut outcome = Err(NotRun::Throttled);
    for attempt in 0..RUN_TRIES {
        if app.now() - execution.execution_id.started() > FRESH {
            let late = anyhow::anyhow!("the launch took more than {FRESH}");
            // If nothing was sent, nothing was started; else the last answer stands.
            return if attempt == 0 { Err(NotRun::Unknown(late)) } else { outcome };
        }
        outcome = tasks::run(app, task).await;
        match &outcome {
            Err(NotRun::NoTaskDefinition) => {
                let registered = task_definition::register(app, &task.family, &execution.image).await;
                registered.map_err(|error| NotRun::Refused(format!("{error:#}")))?;
            }
            Err(NotRun::Throttled) => tokio::time::sleep(std::time::Duration::from_millis(200 << attempt)).await,
            _ => break,
        }
    }
    outcome
}

/// Notes the task's ARN; where the execution ended or is being stopped meanwhile, its task is stopped instead.
async fn note(app: &App, execution: &Execution, arn: &str) -> Result<()> {
    let refused = match executions::set_task(app, &execution.execution_id, arn).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(row)) => row,
        Err(error) => {
            // The task runs and its row stands: the task's own events, or the sweep, will bring the two together.
            tracing::error!(execution_id = %execution.execution_id, error = format!("{error:#}"), "could not note a task");
            return Ok(());
        }
    };
    // The task's own event was faster, which is as good.
    let known = refused.as_ref().is_some_and(|row| row.execution.task_arn.as_deref() == Some(arn));
    let stopping = refused.as_ref().is_some_and(|row| row.execution.status == Status::Stopping);
    if !known || stopping {
        tasks::stop(app, arn, "the execution was stopped while it started").await?;
    }
    Ok(())
}

/// The refusal that names the holder, with a link to the holder's log; it opens only for those who may read that log.
async fn lock_held(app: &App, origin: &Origin, caller: &Caller, held: &Lock) -> Result<ApiError> {
    let log_url = match held.execution_id.parse() {
        Ok(id) if caller.may_read(&held.user_email) => origin.log_link(app, &id).await?,
        _ => origin.log_page(app, &held.execution_id),
    };
    let details = LockHeld {
        lock_name: held.lock_name.clone(),
        held_by: held.user_email.clone(),
        since: held.acquired_at.clone(),
        execution_id: held.execution_id.clone(),
        log_url,
    };
    let message = format!("the lock `{}` is held by {} since {}", held.lock_name, held.user_email, held.acquired_at);
    let mut error = ApiError::new(ErrorCode::LockHeld, message);
    if let Ok(serde_json::Value::Object(details)) = serde_json::to_value(details) {
        error.details = details;
    }
    Ok(error.hint(format!("wait for it to end, or look at it with `runvoy status {}`", held.execution_id)))
}
