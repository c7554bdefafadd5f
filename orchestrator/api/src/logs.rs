//! The log feed: what the CLI and the viewer poll.

use serde::{Deserialize, Serialize};

use crate::{id::ExecutionId, status::Status};

/// One line of the command's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// When it was written, in milliseconds since the epoch.
    pub timestamp: i64,
    /// The line, without its line feed.
    pub message: String,
}

/// Reply of `GET /executions/{id}/logs` and of the viewer's `GET /api/logs/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Whose log this is.
    pub execution_id: ExecutionId,
    /// Where the execution stands.
    pub status: Status,
    /// While it waits for its lock: its place in the queue, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<usize>,
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
    /// Pass it back to get what follows. Always present, so that a reader can go on after a pause.
    pub cursor: String,
}
