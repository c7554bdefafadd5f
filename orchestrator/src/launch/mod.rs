//! The launch: four AWS calls in a row, whatever is asked for.
//!
//! 1. One consistent read: the key, the deployment's settings, the lock, the idempotency key.
//! 2. One transaction: the execution's row, its lock or its place in the queue, its audit record, its idempotency key.
//!    From here on the sweep would find it.
//! 3. RunTask, with the execution's id as client token.
//! 4. The task's ARN, on the condition that the execution is not over. Where it is, or is to be stopped, the task is stopped.
//!
//! The row stands before its task, always: a crash between any two steps leaves a row that says what was meant, and never
//! a task that nobody knows of. Steps 3 and 4 are in [`start`]; an execution that waits for its lock takes them later.

mod read;
mod refuse;

use aws_sdk_dynamodb::types::TransactWriteItem;
use runvoy_api::{
    error::ErrorCode,
    execution::{Execution, MAX_INLINE_COMMAND_BYTES},
    fargate,
    id::rfc3339,
    infra::DEFAULT_TASK_ROLE,
    lock::{MAX_WAITERS, Waiter},
    repo::Remote,
    status::Status,
    timeout::Timeout,
    user::Role,
};
use serde_json::json;
use time::Duration;

pub use read::Ask;
use read::Seen;

use crate::{
    app::App,
    auth,
    error::{ApiError, Result},
    limits, queue, start,
    store::{
        audit, commands, executions,
        idempotency::First,
        keys, locks,
        transaction::{self, Outcome},
        uploads,
    },
    task_definition::Definition,
    tasks::RunTask,
};

/// How often everything is looked at again that changed between the read and the transaction.
const TRIES: u32 = 4;

/// Starts an execution, or queues it for its lock. `Ok` means that it is on record and that its task has been asked for.
pub async fn launch(app: &App, ask: &Ask<'_>) -> Result<Execution> {
    ask.request.validate()?;
    for _ in 0..TRIES {
        let seen = read::read(app, ask).await?;
        auth::require(&seen.caller, Role::Member)?;
        if let Some(first) = &seen.first {
            return again(app, first).await;
        }
        if seen.config.draining {
            return Err(refuse::draining(app, &seen));
        }
        let execution = plan(app, ask, &seen).await?;
        refuse::unknown_secret(ask, &seen)?;
        let task = render(app, ask, &seen, &execution).await?;
        refuse::beyond_share(app, &seen).await?;
        refuse::missing_upload(app, &execution).await?;
        if !limits::has_left(start::ROOM) {
            return Err(refuse::out_of_time());
        }
        if record(app, ask, &seen, &execution, &task).await? {
            let start = async {
                if execution.status == Status::Queued { Ok(()) } else { start::start(app, &execution, &task).await }
            };
            let (started, ()) = tokio::join!(start, keys::touch(app, &seen.caller, app.now()));
            return started.map(|()| execution);
        }
    }
    Err(ApiError::new(ErrorCode::Unavailable, "the lock changed hands again and again").hint("try again"))
}

/// The same request came before: the same reply, and nothing is started.
async fn again(app: &App, first: &First) -> Result<Execution> {
    let id = &first.execution_id;
    if !first.same {
        let message = "this `Idempotency-Key` came with another request before";
        return Err(ApiError::new(ErrorCode::IdempotencyKeyReused, message)
            .hint("a new request needs a new key")
            .detail("execution_id", id.as_str()));
    }
    let row = executions::get(app, id).await?;
    Ok(row.ok_or_else(|| ApiError::not_found(format!("execution `{id}`")))?.execution)
}

/// The execution as it is to be recorded: starting, or queued behind those that came first.
async fn plan(app: &App, ask: &Ask<'_>, seen: &Seen) -> Result<Execution> {
    let request = ask.request;
    let execution_id = app.new_execution_id()?;
    let now = execution_id.started();
    let (cpu, memory) = fargate::size(request.cpu, request.memory)?;
    let wait = match (&request.lock, seen.lock.is_free(), request.wait_lock) {
        (None, ..) | (_, true, _) => None,
        (Some(_), false, Some(wait)) if seen.lock.waiters.len() < MAX_WAITERS => Some(wait),
        (Some(name), false, _) => return Err(refuse::lock_held(app, ask, seen, name).await?),
    };
    let fence = (request.lock.is_some() && wait.is_none()).then(|| locks::next_fence(seen.lock.fence, now));
    Ok(Execution {
        status: if wait.is_some() { Status::Queued } else { Status::Starting },
        user_email: seen.caller.user.email.clone(),
        command: request.command.clone(),
        image: (request.image.clone().or_else(|| seen.config.default_image.clone()))
            .unwrap_or_else(|| app.deployment.default_image.clone()),
        task_role: task_role(ask, seen),
        repo: refuse::reachable(ask, seen)?,
        git_ref: request.git_ref.clone(),
        path: request.path.clone(),
        submodules: request.submodules,
        lfs: request.lfs,
        upload: request.upload.clone(),
        secrets: request.secrets.clone(),
        env_names: request.env.keys().cloned().collect(),
        lock_fence: fence,
        lock_name: request.lock.clone(),
        started_at: execution_id.started_at(),
        launched_at: None,
        wait_until: wait.map(|wait| rfc3339(now + Duration::seconds(wait.seconds().into()))),
        queue_position: wait.map(|_| seen.lock.waiters.len() + 1),
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
        disk: request.disk,
        timeout_seconds: request.timeout.or(seen.config.default_timeout).unwrap_or(Timeout::DEFAULT).seconds(),
        // Being interrupted half-way is worst under a lock, so a lock asks for it by name.
        spot: request.spot.unwrap_or(app.deployment.default_spot && request.lock.is_none()),
        execution_id,
    })
}

/// The role that is asked for, or that the user's policy says; none for the usual one.
fn task_role(ask: &Ask<'_>, seen: &Seen) -> Option<String> {
    let asked = ask.request.task_role.as_deref().or_else(|| seen.policy.as_ref()?.task_role());
    asked.filter(|role| *role != DEFAULT_TASK_ROLE).map(str::to_owned)
}

/// What its task is to be asked for with, if the user's policy allows it.
async fn render(app: &App, ask: &Ask<'_>, seen: &Seen, execution: &Execution) -> Result<RunTask> {
    let checked = seen.policy.as_ref().map(|policy| policy.check(execution, ask.request.env.keys())).transpose();
    let line = checked.map_err(|refusal| {
        let error = ApiError::new(ErrorCode::Forbidden, refusal.message).detail("rule", refusal.rule);
        error.hint("`runvoy whoami --json` shows your policy; an admin can change it")
    })?;
    let role = app.deployment.task_role(execution.task_role.as_deref()).ok_or_else(|| refuse::task_role(app))?;
    let line = line.flatten().unwrap_or_else(|| execution.command.clone());
    let mut task = RunTask::new(execution, line, ask.request.env.clone());
    // One that waits gets its fence later: it must fit then, too.
    let fits = |task: &RunTask| {
        if execution.lock_name.is_some() { task.clone().fenced(u64::MAX).fits() } else { task.fits() }
    };
    if task.line().len() > MAX_INLINE_COMMAND_BYTES || !fits(&task) {
        let line = task.line().to_owned();
        let (key, sha256) = uploads::command_key(&line);
        task = task.bringing(&key, &sha256);
        // Nothing is put anywhere for what can't run.
        if !fits(&task) {
            let message = "`env` is longer than ECS takes: about 8000 characters as JSON, fewer with code to bring";
            return Err(ApiError::new(ErrorCode::InvalidRequest, message).detail("field", "env"));
        }
        uploads::put_command(app, &line).await?;
    }
    task.definition = define(app, seen, execution, role, task.prepare.is_some());
    task.family = task.definition.family(&app.deployment);
    Ok(match execution.lock_fence {
        Some(fence) => task.fenced(fence),
        None => task,
    })
}

/// What its task is made of. A credential is given where it is of use: for this repository, by this transport.
fn define(app: &App, seen: &Seen, execution: &Execution, role: &str, prepared: bool) -> Definition {
    let arn = |(name, alias): (&String, &String)| Some((name.clone(), seen.secrets.get(alias)?.clone()));
    let remote = execution.repo.as_deref().and_then(|url| Remote::parse(url).ok());
    let known = seen.git.as_ref().filter(|known| remote.is_some_and(|it| it.transport == known.kind.transport()));
    Definition {
        image: execution.image.clone(),
        image_credential: seen.registries.credential(&execution.image),
        task_role: role.to_owned(),
        secrets: execution.secrets.iter().filter_map(arn).collect(),
        prepared,
        prepare_image_credential: seen.registries.credential(&app.deployment.prepare_image).filter(|_| prepared),
        git_credential: known.and_then(|known| known.arn.clone()),
    }
}

/// Writes the row and all that belongs to it, all or none; `false` if the lock changed hands meanwhile, or if another
/// attempt with the same idempotency key was faster.
async fn record(app: &App, ask: &Ask<'_>, seen: &Seen, execution: &Execution, task: &RunTask) -> Result<bool> {
    let id = &execution.execution_id;
    let details = json!({
        "command": commands::start(&execution.command), "image": execution.image, "lock": execution.lock_name,
        "task_role": execution.task_role,
        "timeout_seconds": execution.timeout_seconds, "wait_until": execution.wait_until,
        "repo": execution.repo, "ref": execution.git_ref, "upload": execution.upload, "secrets": execution.secrets,
    });
    let entry = audit::Entry {
        actor: &execution.user_email,
        action: "execution.start",
        target: id.as_str(),
        source_ip: &ask.origin.source_ip,
        result: audit::Result::Accepted,
        details,
    };
    let mut items = vec![executions::put(app, execution, task)?, audit::append(app, &entry)?];
    if commands::is_long(&execution.command) {
        items.push(commands::put(app, execution)?);
    }
    if let Some(attempt) = ask.attempt {
        items.push(attempt.remember(app, id)?);
    }
    if let Some(name) = &execution.lock_name {
        items.push(claim(app, name, seen, execution)?);
    }
    match transaction::write(&app.dynamodb, items, Some(id.as_str())).await? {
        Outcome::Written => Ok(true),
        // Lock or idempotency key: ids and audit entries are random.
        Outcome::Refused(_) => Ok(false),
    }
}

/// The lock, or a place in its queue.
fn claim(app: &App, name: &str, seen: &Seen, execution: &Execution) -> anyhow::Result<TransactWriteItem> {
    match (&execution.wait_until, execution.lock_fence) {
        (None, Some(fence)) => locks::acquire(app, &queue::claim(name, execution, seen.lock.fence, fence)),
        (Some(until), _) => {
            let (execution_id, user_email) = (execution.execution_id.to_string(), execution.user_email.clone());
            let (since, until) = (execution.started_at.clone(), until.clone());
            locks::enqueue(app, name, &Waiter { execution_id, user_email, since, until })
        }
        (None, None) => anyhow::bail!("an execution with a lock has a fence or waits for one"),
    }
}
