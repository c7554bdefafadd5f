//! The audit trail as admins read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change that somebody made. The trail only grows: no record is ever changed or deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When, RFC 3339.
    pub at: String,
    /// Who: an e-mail address.
    pub actor: String,
    /// What, such as `execution.start` or `user.revoke`.
    pub action: String,
    /// What it was done to: an execution's id, a lock's name, an e-mail address.
    pub target: String,
    /// From where: the caller's IP address as AWS saw it.
    pub source_ip: String,
    /// `done`, or `accepted` where the end of it shows later: in the execution's own record.
    pub result: String,
    /// What the action calls for. Never a secret's value.
    pub details: Value,
}

/// Reply of `GET /audit`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditList {
    /// One page; it may be empty although there are more.
    pub entries: Vec<AuditEntry>,
    /// Asks for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
