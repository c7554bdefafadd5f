//! The tasks, and the one door by which they change: whatever changes a state sends its event, in order of version.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use time::{Duration, OffsetDateTime};
use tokio::sync::{mpsc, watch};

use super::refusal::Refusal;
use super::task::{Order, Task};

/// How long DescribeTasks and ListTasks still show a stopped task.
const VISIBLE: Duration = Duration::hours(1);

pub(super) struct Store {
    table: Mutex<Table>,
    events: mpsc::UnboundedSender<Task>,
}

#[derive(Default)]
struct Table {
    tasks: Vec<Task>,
    closed: bool,
}

impl Store {
    /// `events` receives a copy of each task as it changes.
    pub fn new(events: mpsc::UnboundedSender<Task>) -> Self {
        Self { table: Mutex::default(), events }
    }

    /// Adds what `make` makes unless `token` already stands for tasks of that cluster: then those, or a conflict.
    pub fn add(
        &self,
        cluster_arn: &str,
        token: Option<&str>,
        request: &Value,
        tasks: Vec<Task>,
    ) -> Result<Added, Refusal> {
        let mut table = self.table();
        if table.closed {
            return Err(Refusal::server("local Fargate is stopping"));
        }
        if let Some(known) = replay(&table, cluster_arn, token, request)? {
            return Ok(Added::Known(known));
        }
        for task in &tasks {
            self.announce(task);
        }
        table.tasks.extend(tasks.iter().cloned());
        Ok(Added::New(tasks))
    }

    /// The tasks that `token` already stands for, if any.
    pub fn replay(
        &self,
        cluster_arn: &str,
        token: Option<&str>,
        request: &Value,
    ) -> Result<Option<Vec<Task>>, Refusal> {
        replay(&self.table(), cluster_arn, token, request)
    }

    /// Changes a task, counts its version up and sends the event if its state has changed. Returns it as it is then.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Task)) -> Option<Task> {
        let mut table = self.table();
        let task = table.tasks.iter_mut().find(|task| task.id == id)?;
        let before = task.state();
        change(task);
        if task.state() != before {
            task.version += 1;
            self.announce(task);
        }
        Some(task.clone())
    }

    /// A cluster's tasks, oldest first, without those that have been stopped for too long.
    pub fn visible(&self, cluster_arn: &str) -> Vec<Task> {
        let mut table = self.table();
        forget(&mut table, OffsetDateTime::now_utc());
        table.tasks.iter().filter(|task| task.cluster_arn == cluster_arn).cloned().collect()
    }

    /// Lets no further task in and returns the order channels of all.
    pub fn close(&self) -> Vec<watch::Sender<Order>> {
        let mut table = self.table();
        table.closed = true;
        table.tasks.iter().map(|task| task.order.clone()).collect()
    }

    /// The receiver is gone only when all of Fargate is: nobody is left to tell.
    fn announce(&self, task: &Task) {
        let _ = self.events.send(task.clone());
    }

    /// No change panics half-way, so a poisoned table is still whole.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What RunTask's tasks turned out to be.
pub(super) enum Added {
    New(Vec<Task>),
    Known(Vec<Task>),
}

/// A token lives as long as its tasks are visible, in one cluster.
fn replay(
    table: &Table,
    cluster_arn: &str,
    token: Option<&str>,
    request: &Value,
) -> Result<Option<Vec<Task>>, Refusal> {
    let Some(token) = token else { return Ok(None) };
    let known =
        |task: &&Task| task.cluster_arn == cluster_arn && task.token.as_ref().is_some_and(|(own, _)| own == token);
    let tasks: Vec<Task> = table.tasks.iter().filter(known).cloned().collect();
    let same = |task: &Task| task.token.as_ref().is_some_and(|(_, first)| **first == *request);
    match tasks.first() {
        None => Ok(None),
        Some(first) if same(first) => Ok(Some(tasks)),
        Some(_) => Err(Refusal::conflict(tasks.into_iter().map(|task| task.arn).collect())),
    }
}

fn forget(table: &mut Table, now: OffsetDateTime) {
    table.tasks.retain(|task| task.time("stoppedAt").is_none_or(|stopped| now - stopped < VISIBLE));
}
