//! Errors as the API sends them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The body of every reply that is not a success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// What went wrong.
    pub error: ErrorBody,
}

/// One error: a code for programs, a message and a hint for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// Stable, for programs.
    pub code: ErrorCode,
    /// What failed, in words.
    pub message: String,
    /// What to do next, where there is something to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Names this request in the orchestrator's logs.
    #[serde(default)]
    pub request_id: String,
    /// What the code calls for: `field` with `invalid_request`, the holder with `lock_held`, and so on.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

/// The codes of [`ErrorBody::code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: a field is missing, malformed or not known; `field` names it.
    InvalidRequest,
    /// 401: no key, or one that is unknown or revoked.
    Unauthorized,
    /// 403: the key is good, its role or policy is not enough.
    Forbidden,
    /// 404: no such path, execution, lock or user.
    NotFound,
    /// 405: the path exists, the method does not.
    MethodNotAllowed,
    /// 409: another execution holds the lock; see [`LockHeld`].
    LockHeld,
    /// 409: what was to be created exists already, or what was to be changed is past changing.
    Conflict,
    /// 422: this `Idempotency-Key` came before, with another body; `execution_id` names what that one started.
    IdempotencyKeyReused,
    /// 429: this key, or this user, asks for more than its share; nothing was started and a retry is safe.
    TooManyRequests,
    /// 413: the body is larger than [`crate::MAX_BODY_BYTES`].
    TooLarge,
    /// 502: AWS refused to start the task; the message carries its reason.
    LaunchFailed,
    /// 503: the deployment takes no new executions.
    Draining,
    /// 503: AWS did not answer, or threw the request back; nothing was started and a retry is safe.
    Unavailable,
    /// 500: the orchestrator's own fault; `request_id` finds it in the logs.
    Internal,
    /// A code that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The details of [`ErrorCode::LockHeld`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockHeld {
    /// The lock that was asked for.
    pub lock_name: String,
    /// Whose execution holds it.
    pub held_by: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// The execution that holds it.
    pub execution_id: String,
    /// Where to read that execution's log; with a token only if the caller may read it.
    pub log_url: String,
    /// How many wait for it.
    #[serde(default)]
    pub waiting: usize,
}

/// A request that breaks a rule of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The field as the client spells it.
    pub field: &'static str,
    /// What is wrong with it, without the field's name.
    pub problem: String,
}

impl Invalid {
    /// This field has this problem.
    pub fn new(field: &'static str, problem: impl Into<String>) -> Self {
        Self { field, problem: problem.into() }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` {}", self.field, self.problem)
    }
}

impl std::error::Error for Invalid {}
