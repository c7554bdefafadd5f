//! The log feed: what the CLI and the viewer poll.

use serde::{Deserialize, Serialize};

use crate::{execution::Execution, id::ExecutionId, status::Status};

/// Whose line it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The command's.
    #[default]
    Command,
    /// The container's that fetches code before the command begins.
    Prepare,
}

impl Source {
    /// Of nearly all lines; not said in JSON.
    fn is_command(&self) -> bool {
        *self == Self::Command
    }
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// When it was written, in milliseconds since the epoch.
    pub timestamp: i64,
    /// The line, without its line feed.
    pub message: String,
    /// Whose line it is; the command's, if nothing is said.
    #[serde(default, skip_serializing_if = "Source::is_command")]
    pub source: Source,
}

/// What the viewer tells of an execution. Its readers have a link and no key, so nothing of the account is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogHead {
    /// What it runs.
    pub command: String,
    /// In which image.
    pub image: String,
    /// Who started it.
    pub user_email: String,
    /// Under which lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_name: Option<String>,
    /// When it was accepted.
    pub started_at: String,
    /// When it reached its terminal status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// What its task cost, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Which rates the cost was reckoned with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_basis: Option<String>,
}

impl From<Execution> for LogHead {
    fn from(execution: Execution) -> Self {
        let Execution { command, image, user_email, lock_name, started_at, completed_at, cost_usd, cost_basis, .. } =
            execution;
        Self { command, image, user_email, lock_name, started_at, completed_at, cost_usd, cost_basis }
    }
}

/// Reply of `GET /executions/{id}/logs` and of the viewer's `GET /api/logs/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogPage {
    /// Whose log this is.
    pub execution_id: ExecutionId,
    /// Where the execution stands.
    pub status: Status,
    /// While it waits for its lock: its place in the queue, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<usize>,
    /// While it starts: how far its task has come, in ECS's words: `PROVISIONING`, then `PENDING`, when the image is pulled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_status: Option<String>,
    /// What has come since the cursor, oldest first; may be empty.
    pub logs: Vec<LogEvent>,
    /// The time of this page's newest line, in milliseconds since the epoch; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_timestamp: Option<i64>,
    /// The execution is over and this page ends its log: nothing will follow.
    pub completed: bool,
    /// The command's exit code, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended as it did, where the exit code alone does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For the viewer: what is executed, with the first page and once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<LogHead>,
    /// Pass it back to get what follows. Always present, so that a reader can go on after a pause.
    pub cursor: String,
}

/// The viewer's `Content-Security-Policy`: nothing from elsewhere, and of what is inline only what the page itself holds,
/// by its hashes in base64. Searches run in a worker, the tab's icon is part of the page, and no text becomes code but by
/// the one policy that makes that worker.
pub fn viewer_policy(script: &str, style: &str) -> String {
    format!(
        "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; connect-src 'self'; \
         img-src data:; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types worker"
    )
}
