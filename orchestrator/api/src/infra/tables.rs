//! The DynamoDB tables: keys, indexes, and the rows that the installer writes beside the orchestrator.

/// A table. All keys are strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Logical id in the template, without `Table` at its end.
    pub logical: &'static str,
    /// What follows the stack's name in the table's.
    pub suffix: &'static str,
    /// Environment variable that carries its name.
    pub env: &'static str,
    /// What it holds, in the admin's words.
    pub description: &'static str,
    /// Partition key.
    pub partition: &'static str,
    /// Sort key.
    pub sort: Option<&'static str>,
    /// Global secondary indexes.
    pub indexes: &'static [Index],
    /// Number, seconds since the epoch: DynamoDB deletes a row some time after it. Rows without it stay for ever.
    pub ttl: Option<&'static str>,
}

/// A global secondary index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Partition key.
    pub partition: &'static str,
    /// Sort key.
    pub sort: Option<&'static str>,
    include: &'static [&'static str],
}

impl Index {
    /// Attributes that it carries beside the keys; none means keys only.
    pub fn projected(&self) -> impl Iterator<Item = &'static str> {
        let key = |name: &&str| *name == self.partition || Some(*name) == self.sort;
        self.include.iter().copied().filter(move |name| !key(name))
    }
}

impl Table {
    /// The table's name in a deployment.
    pub fn name(&self, stack: &str) -> String {
        format!("{stack}-{}", self.suffix)
    }
}

/// What a list of executions shows of each. Anything more takes a look at the row itself.
const LISTED: &[&str] = &[
    "user_email",
    "status",
    "command",
    "image",
    "lock_name",
    "lock_fence",
    "completed_at",
    "exit_code",
    "reason",
    "duration_seconds",
    "cost_usd",
    "cost_basis",
    "task_arn",
    "log_stream_name",
    "cpu",
    "memory",
    "timeout_seconds",
    "spot",
];

/// Keys by hash, sentinels ([`Sentinel`]) and the deployment's settings.
pub const API_KEYS: Table = Table {
    logical: "ApiKeys",
    suffix: "api-keys",
    env: super::env::API_KEYS_TABLE,
    description: "API keys and users",
    partition: "api_key_hash",
    sort: None,
    indexes: &[Index { name: "user_email", partition: "user_email", sort: None, include: &[] }],
    ttl: None,
};

/// Who ran what, when, with which result.
pub const EXECUTIONS: Table = Table {
    logical: "Executions",
    suffix: "executions",
    env: super::env::EXECUTIONS_TABLE,
    description: "execution history",
    partition: "execution_id",
    sort: Some("started_at"),
    indexes: &[
        Index { name: "user_email-started_at", partition: "user_email", sort: Some("started_at"), include: LISTED },
        Index { name: "status-started_at", partition: "status", sort: Some("started_at"), include: LISTED },
    ],
    ttl: Some(IdempotencyRow::EXPIRES),
};

/// One row a lock name ever used; `holder` is there only while it is held. It has no time to live on purpose: DynamoDB
/// would delete a live lock, and its fence with it.
pub const LOCKS: Table = Table {
    logical: "Locks",
    suffix: "locks",
    env: super::env::LOCKS_TABLE,
    description: "locks",
    partition: "lock_name",
    sort: None,
    indexes: &[],
    ttl: None,
};

/// Append-only: a row a mutation, by day.
pub const AUDIT: Table = Table {
    logical: "Audit",
    suffix: "audit",
    env: super::env::AUDIT_TABLE,
    description: "audit trail",
    partition: "day",
    sort: Some("entry"),
    indexes: &[],
    ttl: None,
};

/// All of them.
pub const TABLES: [Table; 4] = [API_KEYS, EXECUTIONS, LOCKS, AUDIT];

/// A row of [`API_KEYS`] that holds a key. The installer writes the first one, the orchestrator all others.
#[derive(Debug, Clone, Copy)]
pub struct KeyRow;

impl KeyRow {
    /// String: SHA-256 of the key, hex; the partition key.
    pub const HASH: &'static str = API_KEYS.partition;
    /// String: whose key it is.
    pub const EMAIL: &'static str = "user_email";
    /// String: a [`crate::user::Role`].
    pub const ROLE: &'static str = "role";
    /// String: RFC 3339.
    pub const CREATED_AT: &'static str = "created_at";
    /// String: RFC 3339; absent until the key is used.
    pub const LAST_USED: &'static str = "last_used";
    /// String: a [`crate::policy::Policy`] as JSON; absent if there is none.
    pub const POLICY: &'static str = "policy";
    /// Boolean.
    pub const REVOKED: &'static str = "revoked";
    /// Number: the version of the row's layout, on every row of every table.
    pub const SCHEMA: &'static str = "schema";
    /// The layout that this code writes.
    pub const SCHEMA_VERSION: u32 = 1;
}

/// A row of [`EXECUTIONS`] that remembers an `Idempotency-Key`. It is on no index, so no list shows it.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyRow;

impl IdempotencyRow {
    /// The sort key of all of them.
    pub const SORT: &'static str = "idempotency";
    /// Number: when it is forgotten, in seconds since the epoch.
    pub const EXPIRES: &'static str = "expires_epoch";

    /// Partition key: whose key and which key, as a hash.
    pub fn key(hash: &str) -> String {
        format!("idempotency#{hash}")
    }
}

/// A row of [`EXECUTIONS`] with the whole of a command that is too long for its execution's own row. It is on no index.
#[derive(Debug, Clone, Copy)]
pub struct CommandRow;

impl CommandRow {
    /// The sort key of all of them.
    pub const SORT: &'static str = "command";

    /// Partition key.
    pub fn key(id: &crate::id::ExecutionId) -> String {
        format!("command#{id}")
    }
}

/// Rows of [`API_KEYS`] that make something unique: they are written in the transaction that makes it, on the condition
/// that they don't exist.
#[derive(Debug, Clone, Copy)]
pub struct Sentinel;

impl Sentinel {
    /// Partition key of the row that says that the first admin has been made.
    pub const FIRST_ADMIN: &'static str = "meta#first-admin";
    /// What the partition keys of [`Self::secret`] begin with.
    pub const SECRETS: &'static str = "secret#";
    /// What the partition keys of [`Self::git`] begin with.
    pub const GIT: &'static str = "git#";
    /// What the partition keys of [`Self::registry`] begin with, and the whole key of the row that has the ARNs of all of
    /// them, by host: which image a launch takes is told by the same read that must bring its registry's credential.
    pub const REGISTRIES: &'static str = "registry#";
    /// Partition key of the row with the deployment's settings.
    pub const CONFIG: &'static str = "meta#config";
    /// String, on the row of settings: a [`crate::config::Config`] as JSON.
    pub const SETTINGS: &'static str = "settings";
    /// Boolean, on the row of settings, whatever those say: the deployment is being removed, and nothing may start.
    pub const DRAINING: &'static str = "draining";
    /// String, beside [`Self::DRAINING`]: who has set it. What somebody else has set is theirs to take back.
    pub const DRAINING_BY: &'static str = "draining_by";
    /// String, beside it: since when, RFC 3339.
    pub const DRAINING_SINCE: &'static str = "draining_since";
    /// String, on a sentinel: the hash of the key that it stands for.
    pub const KEY_HASH: &'static str = "key_hash";

    /// Partition key of the row that says that there is a secret of this alias. Its value is elsewhere.
    pub fn secret(alias: &str) -> String {
        format!("{}{alias}", Self::SECRETS)
    }

    /// Partition key of the row that says that there is a git credential for this host.
    pub fn git(host: &str) -> String {
        format!("{}{host}", Self::GIT)
    }

    /// Partition key of the row that says that there is a credential for this registry.
    pub fn registry(host: &str) -> String {
        format!("{}{host}", Self::REGISTRIES)
    }

    /// Partition key of the row that says that this user has a key.
    pub fn user(email: &str) -> String {
        format!("user#{email}")
    }
}
