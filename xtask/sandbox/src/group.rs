use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// A child with all that it starts, as one process group: whatever happens to us, nothing of it stays behind.
#[derive(Debug)]
pub struct Group {
    child: Child,
    id: Pid,
}

impl Group {
    /// Starts `command` as the leader of a group of its own.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let program = command.as_std().get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("can't start `{program}`"))?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).context("the child has no process id")?;
        Ok(Self { child, id })
    }

    /// The leader's process id, which is the group's too.
    pub fn id(&self) -> i32 {
        self.id.as_raw_nonzero().get()
    }

    /// The leader, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits for the leader.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.context("can't wait for the child")
    }

    /// Signals the whole group.
    pub fn signal(&self, signal: Signal) {
        // An error means that it is gone already.
        let _ = kill_process_group(self.id, signal);
    }

    /// Asks the group to end, and ends what is left of it after `grace`.
    pub async fn stop(mut self, signal: Signal, grace: Duration) -> Option<ExitStatus> {
        self.signal(signal);
        let status = timeout(grace, self.child.wait()).await;
        self.signal(Signal::KILL);
        match status {
            Ok(status) => status.ok(),
            Err(_) => self.child.wait().await.ok(),
        }
    }

    /// Whether any process of the group is left.
    pub fn is_alive(&self) -> bool {
        test_kill_process_group(self.id).is_ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}
