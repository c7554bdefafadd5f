//! Executions: the request that starts one, and what the API tells of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    error::Invalid, fargate, id::ExecutionId, image, lock, repo, secret, status::Status, timeout::Timeout,
    upload::UploadRef,
};

/// The longest command, in bytes.
pub const MAX_COMMAND_BYTES: usize = 200 * 1024;

/// The longest command that travels in the task's overrides, in bytes. A longer one goes through the bucket.
pub const MAX_INLINE_COMMAND_BYTES: usize = 4096;

/// The longest value of one environment variable, in bytes.
pub const MAX_ENV_VALUE_BYTES: usize = 4096;

/// Names that a request may not set: they are the orchestrator's to set.
pub const RESERVED_ENV_PREFIX: &str = "RUNVOY_";

/// Body of `POST /executions`. A field that is not known here is refused by name: a typo in `lock` must never run
/// unlocked. What is left out takes the deployment's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutionRequest {
    /// Run by the image's `/bin/sh -c`, once, exactly as given.
    pub command: String,
    /// The container image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The git repository that it runs in: see [`repo::Remote::parse`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The branch, tag or full commit id of `repo`; its default branch if left out.
    #[serde(default, rename = "ref", alias = "branch", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The folder of `repo` or `upload` that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With the repositories that `repo` names as its submodules.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub submodules: bool,
    /// With the large files that `repo` keeps in Git LFS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lfs: bool,
    /// Files of the caller's own, in the place of a repository; sent before by `POST /uploads`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadRef>,
    /// Added to the command's environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Secrets in the command's environment: their aliases, by variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// Held from launch until the task has stopped; no other execution runs under it meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// How long to wait for the lock if somebody else holds it, first come, first served. Without it a held lock refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_lock: Option<Timeout>,
    /// How long the command may run.
    #[serde(default, alias = "timeout_seconds", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Timeout>,
    /// Units of 1/1024 vCPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// Storage in GiB, from 21 to 200; 20 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<u32>,
    /// Spare capacity: cheaper, and may be interrupted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spot: Option<bool>,
    /// What the command may do in the AWS account: one of the deployment's task roles, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_role: Option<String>,
}

impl ExecutionRequest {
    /// Checks every rule that needs no look at the deployment. The first field that breaks one is named.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.validate_command()?;
        if let Some(image) = &self.image {
            image::validate(image)?;
        }
        if let Some(lock) = &self.lock {
            lock::validate(lock)?;
        } else if self.wait_lock.is_some() {
            return Err(Invalid::new("wait_lock", "is for a `lock`, and there is none"));
        }
        self.validate_code()?;
        fargate::size(self.cpu, self.memory)?;
        self.disk.map_or(Ok(()), fargate::validate_disk)?;
        self.env.iter().try_for_each(|(name, value)| validate_env(name, value))?;
        secret::validate(&self.secrets, &self.env)
    }

    /// Whether it runs with code of its own, from a repository or an upload.
    pub fn has_code(&self) -> bool {
        self.repo.is_some() || self.upload.is_some()
    }

    fn validate_code(&self) -> Result<(), Invalid> {
        if let Some(url) = &self.repo {
            repo::Remote::parse(url).map_err(|problem| Invalid::new("repo", problem))?;
        }
        if let Some(upload) = &self.upload {
            let nested = |invalid: Invalid| Invalid::new("upload", format!("`{}` {}", invalid.field, invalid.problem));
            upload.validate().map_err(nested)?;
        }
        if self.repo.is_some() && self.upload.is_some() {
            return Err(Invalid::new("upload", "takes the place of `repo`: give one of them"));
        }
        let of_repo = [("ref", self.git_ref.is_some()), ("submodules", self.submodules), ("lfs", self.lfs)];
        if let Some((field, _)) = of_repo.into_iter().find(|(_, given)| *given && self.repo.is_none()) {
            return Err(Invalid::new(field, "is for a `repo`, and there is none"));
        }
        if self.path.is_some() && !self.has_code() {
            return Err(Invalid::new("path", "is a folder of `repo` or `upload`, and there is neither"));
        }
        self.git_ref.as_deref().map_or(Ok(()), repo::validate_ref)?;
        self.path.as_deref().map_or(Ok(()), repo::validate_path)
    }

    fn validate_command(&self) -> Result<(), Invalid> {
        if self.command.trim().is_empty() {
            return Err(Invalid::new("command", "is required"));
        }
        if self.command.len() > MAX_COMMAND_BYTES {
            let problem = format!("must have at most {MAX_COMMAND_BYTES} bytes, not {}", self.command.len());
            return Err(Invalid::new("command", problem));
        }
        if self.command.contains('\0') {
            return Err(Invalid::new("command", "must not contain a NUL character"));
        }
        Ok(())
    }
}

/// Checks the name of a variable that `field` sets.
pub(crate) fn validate_env_name(field: &'static str, name: &str) -> Result<(), Invalid> {
    let shown = name.escape_debug();
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    if name.is_empty() || name.as_bytes()[0].is_ascii_digit() || !name.bytes().all(word) {
        return Err(Invalid::new(field, format!("has a name that no shell can read: `{shown}`")));
    }
    if name.starts_with(RESERVED_ENV_PREFIX) {
        return Err(Invalid::new(field, format!("must not set `{shown}`: `{RESERVED_ENV_PREFIX}*` is runvoy's own")));
    }
    Ok(())
}

fn validate_env(name: &str, value: &str) -> Result<(), Invalid> {
    validate_env_name("env", name)?;
    let shown = name.escape_debug();
    if value.len() > MAX_ENV_VALUE_BYTES || value.contains('\0') {
        let problem = format!("has a value of more than {MAX_ENV_VALUE_BYTES} bytes or with a NUL: `{shown}`");
        return Err(Invalid::new("env", problem));
    }
    Ok(())
}

/// Reply of `POST /executions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionStarted {
    /// Names the execution from now on.
    pub execution_id: ExecutionId,
    /// [`Status::Starting`], or [`Status::Queued`] where it waits for its lock.
    pub status: Status,
    /// Its place among those that wait for the lock: the first is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<usize>,
    /// The log viewer, with a token that reads this execution's log for 48 hours.
    pub log_url: String,
    /// The fence that the lock was taken with, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_fence: Option<u64>,
}

/// One execution, as `GET /executions/{id}` tells it. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Its id.
    pub execution_id: ExecutionId,
    /// Where it stands.
    pub status: Status,
    /// Who started it.
    pub user_email: String,
    /// What it runs; in lists, its first [`MAX_INLINE_COMMAND_BYTES`] bytes.
    pub command: String,
    /// In which image.
    pub image: String,
    /// Under which of the deployment's task roles, where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_role: Option<String>,
    /// In which git repository. This and the other fields about code, secrets, variables and disk are in the reply for this one
    /// execution only, not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// The branch, tag or commit that was asked for.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The folder of its code that it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether it has the repository's submodules.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub submodules: bool,
    /// Whether it has the repository's large files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lfs: bool,
    /// The archive that it runs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadRef>,
    /// The aliases of its secrets, by variable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, String>,
    /// The names of the variables that its request set. Their values are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_names: Vec<String>,
    /// Under which lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_name: Option<String>,
    /// The fence of that lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_fence: Option<u64>,
    /// When it was accepted.
    pub started_at: String,
    /// When it got the lock that it had waited for, where it had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launched_at: Option<String>,
    /// How long it waits for its lock at most, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_until: Option<String>,
    /// While it waits: its place in the queue, from 1; in the reply for this one execution only, not in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<usize>,
    /// When it reached its terminal status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// The command's own; absent while it runs, and when it never ran or can't be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why it ended as it did, where the exit code alone does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From `started_at` to `completed_at`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<u64>,
    /// What its task cost, in US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Which rates the cost was reckoned with; `estimated` where the true price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_basis: Option<String>,
    /// The ECS task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_arn: Option<String>,
    /// The CloudWatch Logs stream of the command's output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_stream_name: Option<String>,
    /// Units of 1/1024 vCPU.
    pub cpu: u32,
    /// MiB.
    pub memory: u32,
    /// GiB, where it is more than the usual 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<u32>,
    /// How long the command may run, in seconds.
    pub timeout_seconds: u32,
    /// Whether it runs on spare capacity.
    #[serde(default)]
    pub spot: bool,
}

impl Execution {
    /// When its task was asked for: when it was accepted, or when it got the lock that it had waited for.
    pub fn launched(&self) -> time::OffsetDateTime {
        let waited = self.launched_at.as_deref().and_then(crate::id::parse_rfc3339);
        waited.unwrap_or_else(|| self.execution_id.started())
    }
}

/// Reply of `GET /executions/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionDetails {
    /// The execution.
    #[serde(flatten)]
    pub execution: Execution,
    /// The log viewer, with a token that reads this execution's log for 48 hours; only for those who may read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_url: Option<String>,
}

/// Reply of `GET /executions`, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExecutionList {
    /// One page.
    pub executions: Vec<Execution>,
    /// Asks for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(json: serde_json::Value) -> &'static str {
        serde_json::from_value::<ExecutionRequest>(json).unwrap().validate().unwrap_err().field
    }

    #[test]
    fn the_broken_field_is_named() {
        use serde_json::json;
        assert_eq!(field(json!({"command": " \n"})), "command");
        assert_eq!(field(json!({"command": "x".repeat(MAX_COMMAND_BYTES + 1)})), "command");
        assert_eq!(field(json!({"command": "a\0b"})), "command");
        assert_eq!(field(json!({"command": "x", "lock": "in\u{7}fra"})), "lock");
        assert_eq!(field(json!({"command": "x", "image": "a b"})), "image");
        assert_eq!(field(json!({"command": "x", "cpu": 3})), "cpu");
        assert_eq!(field(json!({"command": "x", "memory": 3})), "memory");
        assert_eq!(field(json!({"command": "x", "env": {"RUNVOY_LOCK_FENCE": "1"}})), "env");
        assert_eq!(field(json!({"command": "x", "env": {"A-B": "1"}})), "env");
        assert_eq!(field(json!({"command": "x", "disk": 20})), "disk");
        assert_eq!(field(json!({"command": "x", "disk": 201})), "disk");
        assert_eq!(field(json!({"command": "x", "secrets": {"A": "/"}})), "secrets");
        assert_eq!(field(json!({"command": "x", "secrets": {"A": "b"}, "env": {"A": "1"}})), "secrets");
    }

    #[test]
    fn code_comes_from_one_place() {
        use serde_json::json;
        let (repo, upload) = ("https://github.com/acme/infra", json!({"sha256": "0a".repeat(32), "size": 1}));
        for good in [
            json!({"command": "x", "repo": repo, "branch": "main", "path": "prod", "submodules": true, "lfs": true}),
            json!({"command": "x", "upload": upload, "path": "prod"}),
        ] {
            let request: ExecutionRequest = serde_json::from_value(good).unwrap();
            assert_eq!(request.validate(), Ok(()));
            assert!(request.has_code());
        }
        assert_eq!(field(json!({"command": "x", "repo": "file:///x"})), "repo");
        assert_eq!(field(json!({"command": "x", "repo": repo, "upload": upload})), "upload");
        assert_eq!(field(json!({"command": "x", "upload": {"sha256": "x", "size": 1}})), "upload");
        assert_eq!(field(json!({"command": "x", "repo": repo, "ref": "-x"})), "ref");
        assert_eq!(field(json!({"command": "x", "upload": upload, "ref": "main"})), "ref");
        assert_eq!(field(json!({"command": "x", "submodules": true})), "submodules");
        assert_eq!(field(json!({"command": "x", "lfs": true})), "lfs");
        assert_eq!(field(json!({"command": "x", "path": "prod"})), "path");
        assert_eq!(field(json!({"command": "x", "repo": repo, "path": "../x"})), "path");
    }

    #[test]
    fn a_typo_never_runs_unlocked() {
        let error = serde_json::from_str::<ExecutionRequest>(r#"{"command":"x","lokc":"prod"}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `lokc`"), "{error}");
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        let request = ExecutionRequest { command: "true".into(), ..ExecutionRequest::default() };
        assert_eq!(serde_json::to_string(&request).unwrap(), r#"{"command":"true"}"#);
    }

    #[test]
    fn timeouts_come_as_numbers_or_words() {
        for json in [r#"{"command":"x","timeout":600}"#, r#"{"command":"x","timeout_seconds":"10m"}"#] {
            let request: ExecutionRequest = serde_json::from_str(json).unwrap();
            assert_eq!(request.timeout.unwrap().seconds(), 600);
        }
        assert!(serde_json::from_str::<ExecutionRequest>(r#"{"command":"x","timeout":-5}"#).is_err());
    }
}
