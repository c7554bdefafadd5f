//! Removes a deployment: nothing by accident, nothing half, and nothing that is not its own.
//!
//! The order is the promise. No execution can start any more before the running ones are looked at; the data is safe on
//! this machine before the first thing is deleted; what the templates did not make goes before the stacks, which would
//! stumble over it; the data itself goes last. Each step finds what is left of its own, so that the same command goes on
//! from wherever the last one ended.

pub mod buckets;
mod definitions;
mod drain;
mod executions;
mod interfaces;
mod inventory;
mod logs;
pub mod proof;
mod secrets;
mod show;
mod stacks;
mod tables;

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

pub use drain::{lift, since, without_mark};
pub use inventory::Inventory;
pub use proof::Proof;
pub use tables::identity_of_table;

use super::{export::Export, progress::Progress};
use crate::{aws::Aws, error::Result};
use stacks::Orphan;

/// Where, and what of it.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The account and region.
    pub aws: &'a Aws,
    /// The deployment's name.
    pub deployment: &'a str,
}

/// What becomes of history, audit trail and the commands' output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// It is written to this directory, then deleted in AWS.
    Export(PathBuf),
    /// It stays in AWS, for the next `init` to adopt.
    Keep,
    /// It is deleted.
    Delete,
}

/// What else may be done, by flags of its own each.
#[derive(Debug, Clone, Copy, Default)]
pub struct Permitted {
    /// Running executions may be stopped.
    pub stop_running: bool,
    /// Termination protection may be switched off.
    pub unprotect: bool,
    /// What AWS can't delete may be let go of by force.
    pub force: bool,
}

/// One removal.
pub struct Destruction<'a> {
    site: Site<'a>,
    data: &'a Data,
    permitted: Permitted,
    progress: &'a Progress,
    /// From here on there is no way back.
    begun: AtomicBool,
    orphans: Mutex<Vec<Orphan>>,
}

impl<'a> Destruction<'a> {
    /// Nothing is done yet.
    pub fn new(site: Site<'a>, data: &'a Data, permitted: Permitted, progress: &'a Progress) -> Self {
        Self { site, data, permitted, progress, begun: AtomicBool::new(false), orphans: Mutex::default() }
    }

    /// Removes what was found, and proves it. `closed` is called once nobody can use the deployment any more, and while
    /// there is still something in AWS that a next run would find.
    ///
    /// # Errors
    /// Running executions that may not be stopped, with exit code 5; what AWS refuses.
    pub async fn run(&self, found: &Inventory, closed: impl FnOnce() -> Result<()>) -> Result<Proof> {
        if let Data::Export(directory) = self.data {
            // A place that can't be used is told before anything is changed.
            Export::open(directory, self.site)?.prepare().await?;
        }
        let drained = self.drain(found).await?;
        self.stop_executions(found, drained).await?;
        if let Data::Export(directory) = self.data {
            let step = self.progress.step("export", "export history, audit trail and output");
            let mut export = Export::open(directory, self.site)?;
            let summary = export.write(&step).await?;
            export.check(&step)?;
            step.done(&summary);
        }
        self.begun.store(true, Ordering::Relaxed);
        self.remove_what_commands_made(found).await?;
        self.remove_main(found).await?;
        self.remove_bucket(found).await?;
        closed()?;
        self.settle_data().await?;
        self.prove().await
    }

    /// Lets executions start again, if nothing was deleted yet: for a removal that does not take place.
    pub async fn give_up(&self, found: &Inventory) {
        // An earlier run may have come further than this one: then it is still to be finished.
        let is_whole = found.main.as_ref().is_some_and(|main| !main.status.starts_with("DELETE"));
        if is_whole
            && !self.begun.load(Ordering::Relaxed)
            && let Err(error) = lift(self.site).await
        {
            self.progress.warn(format!("new executions are still refused: {}", error.explain()));
        }
    }

    /// When that was, if it was not so before.
    async fn drain(&self, found: &Inventory) -> Result<Option<Instant>> {
        if !found.has_keys_table() {
            return Ok(None);
        }
        let step = self.progress.step("drain", "let no new execution start");
        if drain::begin(self.site).await? {
            step.done("");
            return Ok(Some(Instant::now()));
        }
        step.skipped("none can start any more");
        Ok(None)
    }

    async fn stop_executions(&self, found: &Inventory, drained: Option<Instant>) -> Result<()> {
        if found.main.is_none() {
            return Ok(());
        }
        let step = self.progress.step("stop-executions", "see the running executions to their end");
        let may_stop = self.permitted.stop_running;
        let stopped = executions::settle(self.site, may_stop, drained, &step, self.progress).await?;
        match stopped {
            0 => step.skipped("none is running"),
            count => step.done(&format!("{count} stopped")),
        }
        Ok(())
    }

    async fn remove_what_commands_made(&self, found: &Inventory) -> Result<()> {
        let step = self.progress.step("task-definitions", "delete the task definitions");
        let removed = definitions::remove(self.site, &step).await?;
        step.done(&count(removed));
        let step = self.progress.step("secrets", "delete the secrets that the API has made");
        let removed = secrets::remove(self.site, &found.secrets).await?;
        step.done(&count(removed));
        Ok(())
    }

    async fn remove_main(&self, found: &Inventory) -> Result<()> {
        if let Some(main) = &found.main {
            let step = self.progress.step("network-interfaces", "wait for the containers' network interfaces");
            interfaces::wait(self.site, main, step, self.progress).await?;
        }
        self.empty("viewer-objects", "empty the log viewer's bucket", &buckets::viewer(self.site)).await?;
        if let Some(main) = &found.main {
            let step = self.progress.step("main-stack", "remove everything but the bucket");
            self.remove_stack(main, &step).await?;
            step.done("");
        }
        buckets::delete(self.site.aws, &buckets::viewer(self.site)).await
    }

    async fn remove_bucket(&self, found: &Inventory) -> Result<()> {
        let bucket = buckets::code(self.site);
        self.empty("bucket-objects", "empty the bucket", &bucket).await?;
        if let Some(stack) = &found.bucket {
            let step = self.progress.step("bucket-stack", "remove the bucket");
            self.remove_stack(stack, &step).await?;
            step.done("");
        }
        // One that no stack has any more, or that a stack has left behind.
        buckets::delete(self.site.aws, &bucket).await
    }

    async fn remove_stack(&self, stack: &stacks::Found, step: &super::progress::Step) -> Result<()> {
        let orphans = stacks::remove(self.site, stack, self.permitted, step, self.progress).await?;
        self.orphans.lock().unwrap_or_else(PoisonError::into_inner).extend(orphans);
        Ok(())
    }

    async fn empty(&self, id: &'static str, what: &str, bucket: &str) -> Result<()> {
        if buckets::exists(self.site.aws, bucket).await? {
            let step = self.progress.step(id, what);
            let removed = buckets::empty(self.site.aws, bucket, &step).await?;
            step.done(&format!("{removed} versions and delete markers"));
        }
        Ok(())
    }

    /// Only now may the data go: nothing can write to it any more.
    async fn settle_data(&self) -> Result<()> {
        match self.data {
            Data::Keep => lift(self.site).await.map(drop),
            Data::Delete => self.delete_data().await,
            Data::Export(directory) => {
                let step =
                    self.progress.step("export-check", "export what came in meanwhile, and read all of it again");
                let mut export = Export::open(directory, self.site)?;
                let summary = export.write(&step).await?;
                export.check(&step)?;
                step.done(&summary);
                self.delete_data().await?;
                export.seal()
            }
        }
    }

    async fn delete_data(&self) -> Result<()> {
        let step = self.progress.step("data", "delete history, audit trail and output in AWS");
        logs::delete(self.site).await?;
        tables::delete(self.site, &step).await?;
        step.done("");
        Ok(())
    }

    async fn prove(&self) -> Result<Proof> {
        let step = self.progress.step("proof", "look for anything that is left");
        let proof = proof::sweep(self.site, *self.data == Data::Keep, &step).await?;
        let orphans = std::mem::take(&mut *self.orphans.lock().unwrap_or_else(PoisonError::into_inner));
        let proof = proof.with_orphans(self.site, orphans);
        match proof.is_clean() {
            true => step.done("nothing is"),
            false => step.done(&format!("{} left", proof.leftovers.len())),
        }
        Ok(proof)
    }
}

fn count(count: usize) -> String {
    if count == 0 { "there are none".into() } else { count.to_string() }
}
