//! The refusals that take more than a word.

use runvoy_api::{
    error::{ErrorCode, Invalid, LockHeld},
    execution::Execution,
    infra::DEFAULT_TASK_ROLE,
    lock::MAX_WAITERS,
    repo::{Remote, Transport},
};

use super::read::{Ask, Seen};
use crate::{
    app::App,
    error::{ApiError, Result},
    store::{history, uploads},
};

/// How many executions a user may have under way: counted only where there is such a rule, and by an index that lags
/// behind by a moment.
pub async fn beyond_share(app: &App, seen: &Seen) -> Result<()> {
    let most = seen.policy.as_ref().and_then(|policy| policy.max_running).or(seen.config.max_running);
    let Some(most) = most else { return Ok(()) };
    let open = history::count_open(app, &seen.caller.user.email).await?;
    if open < most {
        return Ok(());
    }
    let message = format!("you have {open} executions under way, and `max_running` is {most}");
    Err(ApiError::new(ErrorCode::TooManyRequests, message)
        .hint("wait for one to end: `runvoy list --status running`")
        .detail("rule", "max_running"))
}

/// The refusal of a deployment that takes nothing new, by an admin's setting or since it is being removed.
pub fn draining(app: &App, seen: &Seen) -> ApiError {
    match &seen.destroyed_since {
        None => ApiError::new(ErrorCode::Draining, "this deployment takes no new executions")
            .hint("an admin has set it so: `draining` of `PATCH /config`"),
        Some(since) => {
            let message = format!("this deployment is being destroyed since {since}, and takes no new executions");
            let (stack, region) = (&app.deployment.stack, &app.deployment.region);
            let command = format!("runvoy init --update --stack-name {stack} --region {region}");
            ApiError::new(ErrorCode::Draining, message)
                .hint(format!("if that is not meant, who has AWS credentials takes it back: `{command}`"))
                .detail("destroyed_since", since.as_str())
        }
    }
}

/// The refusal where reading has taken so long that a launch could be cut short half-way.
pub fn out_of_time() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "AWS took too long to say whether this may start: nothing was started")
        .hint("try again")
}

/// The refusal that names the task roles that there are.
pub fn task_role(app: &App) -> ApiError {
    let known: Vec<_> = app.deployment.task_roles.keys().map(String::as_str).collect();
    let known = [&[DEFAULT_TASK_ROLE], &known[..]].concat().join("`, `");
    let problem = format!("is none of this deployment's: `{known}`");
    ApiError::from(Invalid::new("task_role", problem)).hint("an admin adds one with `runvoy init --update --task-role`")
}

/// Whether every secret that is asked for is there: a task that asks for another one would fail without a word on which.
pub fn unknown_secret(ask: &Ask<'_>, seen: &Seen) -> Result<()> {
    match ask.request.secrets.values().find(|alias| !seen.secrets.contains_key(*alias)) {
        Some(alias) => Err(ApiError::from(Invalid::new("secrets", format!("names `{alias}`, which is not set")))
            .hint(format!("an admin sets it: `runvoy admin secrets set {alias}`"))),
        None => Ok(()),
    }
}

/// Whether its files are there, for as long as they will be needed: one more call, for those that bring files.
pub async fn missing_upload(app: &App, execution: &Execution) -> Result<()> {
    let Some(upload) = &execution.upload else { return Ok(()) };
    let key = uploads::key(&execution.user_email, upload);
    if uploads::is_there(app, &key, upload).await? {
        return Ok(());
    }
    Err(ApiError::from(Invalid::new("upload", "is not there")).hint("send it first: `POST /uploads` says where to"))
}

/// The repository's address by the transport that this deployment can reach it by: people's own clones have either, and
/// what a credential is decides which one works. Without one, only public repositories can be read, by https.
pub fn reachable(ask: &Ask<'_>, seen: &Seen) -> Result<Option<String>> {
    let Some(url) = &ask.request.repo else { return Ok(None) };
    let remote = Remote::parse(url).map_err(|problem| Invalid::new("repo", problem))?;
    let wanted = seen.git.as_ref().map_or(Transport::Https, |known| known.kind.transport());
    let other = if remote.transport == wanted { None } else { remote.over(wanted) };
    if other.is_none() && remote.transport != wanted && remote.transport == Transport::Ssh {
        let (host, problem) = (&remote.host, "needs an ssh key, and this deployment has none");
        return Err(ApiError::from(Invalid::new("repo", format!("on `{host}` {problem}")))
            .hint(format!("an admin sets it: `runvoy admin git-credentials set --host {host} --ssh-key FILE`")));
    }
    Ok(Some(other.unwrap_or_else(|| url.clone())))
}

/// The refusal that names who is in the way, with a link to their log; it opens only for those who may read that log.
pub async fn lock_held(app: &App, ask: &Ask<'_>, seen: &Seen, name: &str) -> Result<ApiError> {
    crate::metrics::lock_conflict();
    let (execution_id, held_by, since, how) = match (&seen.lock.holder, seen.lock.waiters.first()) {
        (Some(lock), _) => (&lock.execution_id, &lock.user_email, &lock.acquired_at, "is held by"),
        (None, Some(waiter)) => (&waiter.execution_id, &waiter.user_email, &waiter.since, "is about to go to"),
        (None, None) => return Err(anyhow::anyhow!("a free lock is in nobody's way").into()),
    };
    let log_url = match execution_id.parse() {
        Ok(id) if seen.caller.may_read(held_by) => ask.origin.log_link(app, &id).await?,
        _ => ask.origin.log_page(app, execution_id),
    };
    let message = format!("the lock `{name}` {how} {held_by} since {since}");
    let hint = if ask.request.wait_lock.is_some() {
        format!("{MAX_WAITERS} wait for it already, which is the most: try again later")
    } else {
        format!("look at it with `runvoy status {execution_id}`, or queue for the lock with `--wait-lock 10m`")
    };
    let (lock_name, held_by, since, execution_id) =
        (name.to_owned(), held_by.clone(), since.clone(), execution_id.clone());
    let mut error = ApiError::new(ErrorCode::LockHeld, message).hint(hint);
    let details = LockHeld { lock_name, held_by, since, execution_id, log_url, waiting: seen.lock.waiters.len() };
    if let Ok(serde_json::Value::Object(details)) = serde_json::to_value(details) {
        error.details = details;
    }
    Ok(error)
}
