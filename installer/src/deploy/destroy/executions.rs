//! Executions that run: seen to their end, so that their outcome is on record and their locks are free.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use aws_sdk_ecs::types::{DesiredStatus, Task};
use runvoy_api::{
    id::ExecutionId,
    infra::{EXECUTIONS, LOCKS},
    status::Status,
};
use serde::Serialize;
use tokio::time::sleep;

use super::Site;
use crate::{
    aws::explain,
    deploy::progress::{Progress, Step},
    error::{Error, Result, ResultExt as _},
    exit,
};

/// How long stopped containers may take to be gone: two minutes to end by themselves, and then some.
const STOPPING: Duration = Duration::from_secs(240);
/// How long it may take until all that has ended is on record. A launch that began before the deployment was drained is
/// over by then as well, or has a container.
const RECORDING: Duration = Duration::from_secs(40);
/// How long a launch may take from its look at whether it may until it is on record: one that came just before the end of
/// all launches shows only then.
const LAUNCHING: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(300);
/// The most that AWS describes in one call.
const BATCH: usize = 100;

/// A container that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Running {
    /// Its task.
    pub task: String,
    /// What it runs.
    pub execution: Option<String>,
    /// Whether it is to end already.
    pub stopping: bool,
}

/// The containers that have not ended, whether or not they are to.
pub async fn find(site: Site<'_>) -> Result<Vec<Running>> {
    let mut tasks = Vec::new();
    for status in [DesiredStatus::Running, DesiredStatus::Stopped] {
        let request = site.aws.ecs().list_tasks().cluster(site.deployment).desired_status(status);
        let mut pages = request.into_paginator().items().send();
        while let Some(task) = pages.next().await {
            match task {
                Ok(task) => tasks.push(task),
                Err(error) if error.as_service_error().is_some_and(|error| error.is_cluster_not_found_exception()) => {
                    return Ok(vec![]);
                }
                Err(error) => return Err(explain(error)).context("can't list the running containers"),
            }
        }
    }
    let mut running = Vec::new();
    for batch in tasks.chunks(BATCH) {
        let request = site.aws.ecs().describe_tasks().cluster(site.deployment).set_tasks(Some(batch.to_vec()));
        let reply = request.send().await.map_err(explain).context("can't look at the running containers")?;
        running.extend(reply.tasks().iter().filter(|task| task.last_status() != Some("STOPPED")).map(Running::of));
    }
    Ok(running)
}

impl Running {
    fn of(task: &Task) -> Self {
        let started_by = task.started_by().filter(|by| by.parse::<ExecutionId>().is_ok());
        Self {
            task: task.task_arn().unwrap_or_default().to_owned(),
            execution: started_by.map(str::to_owned),
            stopping: task.desired_status() == Some("STOPPED"),
        }
    }

    fn name(&self) -> &str {
        self.execution.as_deref().unwrap_or(&self.task)
    }
}

/// The refusal to stop what runs.
pub fn refusal(running: &[Running]) -> Error {
    let names = running.iter().take(5).map(|one| format!("`{}`", one.name())).collect::<Vec<_>>().join(", ");
    let more = if running.len() > 5 { " and others" } else { "" };
    let problem =
        format!("{} running: {names}{more}", super::show::number(running.len(), "execution is", "executions are"));
    Error::new(problem).hint("wait for their end, or add `--stop-running` to stop them").exit(exit::REFUSED)
}

/// Stops what runs, if that is allowed, and waits until nothing does and all of it is on record; how many were stopped.
/// `drained` is when launches were ended, if that was just now.
///
/// # Errors
/// With exit code 5 if something runs that may not be stopped.
pub async fn settle(
    site: Site<'_>,
    may_stop: bool,
    drained: Option<Instant>,
    step: &Step,
    progress: &Progress,
) -> Result<usize> {
    let started = Instant::now();
    let (mut quiet_since, mut asked) = (Instant::now(), BTreeSet::new());
    loop {
        // A look that began too early proves nothing, however long it took.
        let is_late = drained.is_none_or(|drained| drained.elapsed() >= LAUNCHING);
        let running = find(site).await?;
        if !running.is_empty() {
            if !may_stop {
                return Err(refusal(&running));
            }
            for one in &running {
                if asked.insert(one.task.clone()) && !one.stopping {
                    stop(site, one).await?;
                }
            }
            step.detail(&format!("{} still running", running.len()));
            quiet_since = Instant::now();
            if started.elapsed() > STOPPING {
                return Err(Error::new("containers are still running").hint("run the same command again in a moment"));
            }
        } else {
            let open = open(site).await?;
            if open == 0 && is_late {
                return Ok(asked.len());
            }
            step.detail(&match open {
                0 => "looking for any that had just begun".to_owned(),
                _ => format!("{open} not on record as ended, or with a lock"),
            });
            if quiet_since.elapsed() > RECORDING {
                progress.warn(format!("{open} executions or locks stay on record as if they were still running"));
                return Ok(asked.len());
            }
        }
        sleep(PAUSE).await;
    }
}

/// Says on record who stops the execution, as the API does, then stops its container.
async fn stop(site: Site<'_>, running: &Running) -> Result<()> {
    if let Some(id) = running.execution.as_deref().and_then(|id| id.parse::<ExecutionId>().ok()) {
        mark(site, &id).await.context(format!("can't stop `{id}`"))?;
    }
    let request = site.aws.ecs().stop_task().cluster(site.deployment).task(&running.task);
    let request = request.reason("the deployment is being destroyed").send().await.map_err(explain);
    request.map(drop).context(format!("can't stop `{}`", running.name()))
}

/// The statuses of what can still be stopped.
const STOPPABLE: [Status; 3] = [Status::Queued, Status::Starting, Status::Running];

async fn mark(site: Site<'_>, id: &ExecutionId) -> Result<()> {
    let s = |text: &str| AttributeValue::S(text.into());
    let key = HashMap::from([
        (EXECUTIONS.partition.to_owned(), s(id.as_str())),
        ("started_at".to_owned(), s(&id.started_at())),
    ]);
    let table = EXECUTIONS.name(site.deployment);
    let request = site.aws.dynamodb().get_item().table_name(&table).set_key(Some(key.clone())).consistent_read(true);
    let row = request.send().await.map_err(explain)?.item.unwrap_or_default();
    if !STOPPABLE.iter().any(|status| row.get("status") == Some(&s(status.as_str()))) {
        return Ok(());
    }
    let request = site
        .aws
        .dynamodb()
        .update_item()
        .table_name(&table)
        .set_key(Some(key))
        .update_expression("SET #status = :stopping, stop_requested_by = if_not_exists(stop_requested_by, :by)")
        .condition_expression("#status IN (:queued, :starting, :running)")
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":by", s(&site.aws.identity));
    let statuses = STOPPABLE.into_iter().chain([Status::Stopping]);
    let request = statuses
        .fold(request, |request, status| request.expression_attribute_values(format!(":{status}"), s(status.as_str())));
    match request.send().await {
        // It has ended meanwhile.
        Err(error) if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) => {
            Ok(())
        }
        reply => Ok(reply.map(drop).map_err(explain)?),
    }
}

/// How many executions are not over and how many locks are held, as far as the tables tell.
async fn open(site: Site<'_>) -> Result<usize> {
    let mut open = held(site).await?;
    for status in Status::ALL.into_iter().filter(|status| !status.is_terminal()) {
        let request = site
            .aws
            .dynamodb()
            .query()
            .table_name(EXECUTIONS.name(site.deployment))
            .index_name(EXECUTIONS.indexes[1].name)
            .select(Select::Count)
            .key_condition_expression("#status = :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", AttributeValue::S(status.as_str().into()));
        match request.send().await {
            Ok(page) => open += usize::try_from(page.count()).unwrap_or_default(),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {}
            Err(error) => return Err(explain(error)).context("can't look for executions that are not over"),
        }
    }
    Ok(open)
}

async fn held(site: Site<'_>) -> Result<usize> {
    let request = site.aws.dynamodb().scan().table_name(LOCKS.name(site.deployment)).select(Select::Count);
    let request = request.filter_expression("attribute_exists(holder)").consistent_read(true);
    let mut pages = request.into_paginator().send();
    let mut held = 0;
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => held += usize::try_from(page.count()).unwrap_or_default(),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                break;
            }
            Err(error) => return Err(explain(error)).context("can't look at the locks"),
        }
    }
    Ok(held)
}
