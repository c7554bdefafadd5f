//! The life of an execution.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Where an execution stands. The last five are terminal, and an execution enters exactly one of them, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its lock.
    Queued,
    /// Accepted: its row stands, its task is being asked for or provisioned.
    Starting,
    /// Its command runs.
    Running,
    /// It was asked to stop and has not stopped yet.
    Stopping,
    /// The command ended with exit code 0.
    Completed,
    /// The command ended with another exit code, or could not be started.
    Failed,
    /// Somebody stopped it.
    Stopped,
    /// Its timeout passed.
    TimedOut,
    /// Its end can't be known any more.
    Lost,
    /// A status that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Every status an execution can have, in the order of its life.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Completed,
        Self::Failed,
        Self::Stopped,
        Self::TimedOut,
        Self::Lost,
    ];

    /// Whether the execution is over for good.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Stopped | Self::TimedOut | Self::Lost)
    }

    /// The status as tables and replies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for Status {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{}` is not a status ({known})", text.escape_debug())
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serde_and_text_spell_each_status_alike() {
        for status in Status::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(status.as_str().parse::<Status>().unwrap(), status);
        }
        assert_eq!(serde_json::from_str::<Status>("\"paused\"").unwrap(), Status::Unknown);
    }
}
