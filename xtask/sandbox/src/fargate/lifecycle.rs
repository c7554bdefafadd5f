//! A task's life, from PROVISIONING to STOPPED.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Inner;
use super::container::{self, End};
use super::definition::Condition;
use super::images::Flaw;
use super::ready::Ready;
use super::spec::Spec;
use super::task::{Order, Status, Task};

/// What a new task is to run.
pub(super) struct Plan {
    pub dir: PathBuf,
    pub specs: Vec<Spec>,
}

/// How far a container has come, for those that depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    Running,
    Ended(Option<i32>),
}

/// One task as its containers share it.
pub(super) struct Run {
    inner: Arc<Inner>,
    id: String,
    plan: Plan,
    phases: watch::Sender<Vec<Phase>>,
    pub order: watch::Sender<Order>,
}

/// Starts a task's life in the background; `shutdown` waits for its end.
pub(super) fn start(inner: Arc<Inner>, task: &Task, plan: Plan) {
    inner.live.send_modify(|live| *live += 1);
    let phases = watch::Sender::new(vec![Phase::Waiting; plan.specs.len()]);
    let run = Arc::new(Run { inner, id: task.id.clone(), plan, phases, order: task.order.clone() });
    tokio::spawn(async move {
        let last = Arc::clone(&run);
        run.live().await;
        last.inner.live.send_modify(|live| *live -= 1);
    });
}

impl Run {
    async fn live(self: Arc<Self>) {
        self.update(|task| task.status = Status::Pending);
        let ready = tokio::select! {
            ready = self.provision() => ready,
            () = self.ordered(Order::Stop) => Ok(Vec::new()),
        };
        let mut ready = ready.unwrap_or_else(|reason| {
            self.update(|task| task.stop("TaskFailedToStart", reason));
            self.tell(Order::Stop);
            Vec::new()
        });
        ready.resize_with(self.plan.specs.len(), Ready::default);
        let mut containers = JoinSet::new();
        for (index, ready) in ready.into_iter().enumerate() {
            let run = Arc::clone(&self);
            containers.spawn(async move {
                let end = container::live(&run, index, ready).await;
                run.ended(index, end);
            });
        }
        while containers.join_next().await.is_some() {}
        // A Fargate task's disk goes with it.
        let _ = tokio::fs::remove_dir_all(&self.plan.dir).await;
        self.update(|task| {
            task.status = Status::Stopped;
            task.stamp("stoppedAt");
        });
    }

    /// What comes before any container. Its errors are `stoppedReason`s.
    async fn provision(&self) -> Result<Vec<Ready>, String> {
        self.update(|task| task.stamp("pullStartedAt"));
        let mut ready = Vec::new();
        for spec in &self.plan.specs {
            ready.push(Ready::make(&self.inner, spec, &self.order).await?);
        }
        self.update(|task| task.stamp("pullStoppedAt"));
        Ok(ready)
    }

    pub fn spec(&self, index: usize) -> &Spec {
        &self.plan.specs[index]
    }

    /// Whether its image has what it is started with.
    pub fn has_shell(&self, index: usize) -> bool {
        !self.inner.images.has(&self.spec(index).image, Flaw::NoShell)
    }

    /// Returns once the containers were told `order` or more.
    pub async fn ordered(&self, order: Order) {
        // The sender lives in `self`.
        let _ = self.order.subscribe().wait_for(|told| *told >= order).await;
    }

    fn tell(&self, order: Order) {
        self.order.send_modify(|told| *told = (*told).max(order));
    }

    /// Waits for what the container depends on. `Err` is why it will never start.
    pub async fn dependencies(&self, index: usize) -> Result<(), End> {
        for (on, dependency) in &self.spec(index).depends_on {
            let met = |phases: &Vec<Phase>| match (phases[*on], dependency.condition) {
                (Phase::Waiting, _) | (Phase::Running, Condition::Complete | Condition::Success) => None,
                (Phase::Ended(code), Condition::Success) => Some(code == Some(0)),
                // One that could not start has not started, though it has ended.
                (Phase::Ended(code), _) => Some(code.is_some()),
                (Phase::Running, _) => Some(true),
            };
            let mut phases = self.phases.subscribe();
            let settled = phases.wait_for(|phases| met(phases).is_some()).await;
            if !settled.is_ok_and(|phases| met(&phases) == Some(true)) {
                return Err(End::dependency(&dependency.container_name));
            }
        }
        Ok(())
    }

    /// A container's process is there. The task is RUNNING once each of its containers has got that far.
    pub fn started(&self, index: usize) {
        self.update(|task| {
            task.containers[index].status = Status::Running;
            let all = task.containers.iter().all(|container| container.status >= Status::Running);
            if all && !task.stopping {
                task.status = Status::Running;
                task.stamp("startedAt");
            }
        });
        self.phases.send_modify(|phases| phases[index] = Phase::Running);
    }

    /// A container is over. The task is too, if it was essential or the last.
    fn ended(&self, index: usize, end: End) {
        let code = end.exit_code;
        let essential = self.spec(index).essential;
        let task = self.update(|task| {
            let container = &mut task.containers[index];
            (container.status, container.exit_code) = (Status::Stopped, end.exit_code);
            container.reason = end.reason;
            let all = task.containers.iter().all(|container| container.status == Status::Stopped);
            match (essential || all, end.start_failed) {
                (true, true) => task.stop("TaskFailedToStart", "Task failed to start"),
                (true, false) => task.stop("EssentialContainerExited", "Essential container in task exited"),
                (false, _) => {}
            }
            if all {
                task.status = Status::Deprovisioning;
                task.stamp("executionStoppedAt");
            }
        });
        self.phases.send_modify(|phases| phases[index] = Phase::Ended(code));
        if task.is_some_and(|task| task.stopping) {
            self.tell(Order::Stop);
        }
    }

    fn update(&self, change: impl FnOnce(&mut Task)) -> Option<Task> {
        self.inner.store.update(&self.id, change)
    }
}
