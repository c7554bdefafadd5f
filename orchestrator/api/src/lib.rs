//! The contract between the CLI, the orchestrator and the templates.
//!
//! Requests, replies, errors and their validation, and the names that more than one side must spell alike. Data and
//! rules only: nothing here performs I/O.

pub mod argv;
pub mod audit;
pub mod config;
pub mod costs;
pub mod error;
pub mod execution;
pub mod fargate;
pub mod git_credential;
pub mod id;
pub mod image;
pub mod infra;
pub mod key;
pub mod lock;
pub mod logs;
pub mod policy;
pub mod registry_credential;
pub mod repo;
pub mod secret;
pub mod status;
pub mod timeout;
pub mod upload;
pub mod user;

use serde::{Deserialize, Deserializer, Serialize};

/// Tells `null` from absent: with `default`, absent is `None` and `null` is `Some(None)`.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// The version of this contract, in `GET /health`. It grows when a client must be able to tell.
pub const CONTRACT_VERSION: u32 = 2;

/// The first [`CONTRACT_VERSION`] whose `POST /executions` heeds [`IDEMPOTENCY_HEADER`].
pub const IDEMPOTENT_SINCE: u32 = 2;

/// The prefix of the API's paths. The same routes answer without it.
pub const PREFIX: &str = "/api/v1";

/// Where the API key travels. `Authorization: Bearer` is accepted too.
pub const API_KEY_HEADER: &str = "x-api-key";

/// Carried by every reply, and named in the orchestrator's own logs.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// Carried by `POST /executions`: a second one with the same key starts nothing and gets the first one's reply, for
/// [`IDEMPOTENCY_HOURS`].
pub const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// How long an idempotency key is remembered, in hours.
pub const IDEMPOTENCY_HOURS: i64 = 24;

/// The largest request body that the API reads, in bytes.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Reply of `GET /health`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// `ok` whenever the orchestrator can answer at all.
    pub status: String,
    /// The orchestrator's release.
    pub version: String,
    /// [`CONTRACT_VERSION`] of the orchestrator.
    pub contract: u32,
    /// Since when the deployment is being removed, RFC 3339: it takes no new executions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed_since: Option<String>,
}

/// Reply of `GET /greet/{name}`, a check of connectivity that needs no key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// The greeting.
    pub message: String,
}
