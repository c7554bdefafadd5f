//! What the templates and the code must spell alike. The templates are rendered from this; nothing here is typed twice.

mod grants;
mod tables;

use serde::Serialize;

pub use grants::{API_GRANTS, Condition, EVENTS_GRANTS, Grant};
pub use tables::{
    API_KEYS, AUDIT, CommandRow, EXECUTIONS, IdempotencyRow, Index, KeyRow, LOCKS, Sentinel, TABLES, Table,
};

/// Every resource carries this tag; its value is the stack's name.
pub const TAG: &str = "runvoy:stack";

/// Environment variables of both functions.
pub mod env {
    /// Table of keys and users.
    pub const API_KEYS_TABLE: &str = "API_KEYS_TABLE";
    /// Table of executions.
    pub const EXECUTIONS_TABLE: &str = "EXECUTIONS_TABLE";
    /// Table of locks.
    pub const LOCKS_TABLE: &str = "LOCKS_TABLE";
    /// Table of audit records.
    pub const AUDIT_TABLE: &str = "AUDIT_TABLE";
    /// Name of the stack: prefix of task-definition families and log groups.
    pub const STACK_NAME: &str = "STACK_NAME";
    /// Name of the ECS cluster.
    pub const ECS_CLUSTER: &str = "ECS_CLUSTER";
    /// Comma-separated subnets of the tasks.
    pub const SUBNET_IDS: &str = "SUBNET_IDS";
    /// Security group of the tasks.
    pub const SECURITY_GROUP_ID: &str = "SECURITY_GROUP_ID";
    /// `ENABLED` where tasks need a public address to reach the internet, else `DISABLED`.
    pub const ASSIGN_PUBLIC_IP: &str = "ASSIGN_PUBLIC_IP";
    /// ARN of the role that commands run under.
    pub const TASK_ROLE_ARN: &str = "TASK_ROLE_ARN";
    /// The other roles that commands may run under, as `NAME=ARN`, apart by spaces; not there if there are none.
    pub const TASK_ROLES: &str = "TASK_ROLES";
    /// ARN of the role that ECS pulls images and writes logs with.
    pub const TASK_EXECUTION_ROLE_ARN: &str = "TASK_EXECUTION_ROLE_ARN";
    /// CPU architecture of the tasks, as ECS spells it: `ARM64` or `X86_64`.
    pub const TASK_ARCHITECTURE: &str = "TASK_ARCHITECTURE";
    /// Image of executions that name none.
    pub const DEFAULT_IMAGE: &str = "DEFAULT_IMAGE";
    /// Image of the container that brings an execution's code.
    pub const PREPARE_IMAGE: &str = "PREPARE_IMAGE";
    /// `true` where executions that don't say take spare capacity.
    pub const DEFAULT_SPOT: &str = "DEFAULT_SPOT";
    /// Log group of the commands' output.
    pub const EXECUTION_LOG_GROUP: &str = "EXECUTION_LOG_GROUP";
    /// Name of the bucket that uploads go to.
    pub const BUCKET: &str = "BUCKET";
    /// Secrets Manager id of the secret that signs log links.
    pub const JWT_SECRET_ID: &str = "JWT_SECRET_ID";
    /// Base of log links; empty where the orchestrator serves the viewer itself.
    pub const WEB_UI_URL: &str = "WEB_UI_URL";
}

/// Environment variables that every command finds.
pub mod task_env {
    /// Id of the execution.
    pub const EXECUTION_ID: &str = "RUNVOY_EXECUTION_ID";
    /// E-mail address of whoever started it.
    pub const USER_EMAIL: &str = "RUNVOY_USER_EMAIL";
    /// Name of its lock, where it has one.
    pub const LOCK_NAME: &str = "RUNVOY_LOCK_NAME";
    /// Fence of that lock.
    pub const LOCK_FENCE: &str = "RUNVOY_LOCK_FENCE";
}

/// The metrics that the functions write into their logs, from where CloudWatch takes them (embedded metric format).
pub mod metric {
    /// Namespace of all of them.
    pub const NAMESPACE: &str = "runvoy";
    /// Their one dimension; its value is the stack's name.
    pub const DIMENSION: &str = "Stack";
    /// 1 for a reply that is an error of the API's own (5xx), 0 for any other.
    pub const SERVER_ERRORS: &str = "ServerErrors";
    /// 1 for a task that failed without its command having ended, 0 for any other that ended.
    pub const TASK_FAILURES: &str = "TaskFailures";
    /// 1 for a command that did not start because its lock was held.
    pub const LOCK_CONFLICTS: &str = "LockConflicts";
}

/// Environment variables of the container that brings an execution's code. `executor-image/scripts/prepare.sh` reads them.
pub mod prepare_env {
    /// Address of the repository.
    pub const REPO: &str = "RUNVOY_REPO";
    /// Its branch, tag or commit.
    pub const REF: &str = "RUNVOY_REF";
    /// `true` to bring its submodules.
    pub const SUBMODULES: &str = "RUNVOY_SUBMODULES";
    /// `true` to bring its large files.
    pub const LFS: &str = "RUNVOY_LFS";
    /// Where in the code the command runs.
    pub const PATH: &str = "RUNVOY_PATH";
    /// Where the upload is.
    pub const UPLOAD_URL: &str = "RUNVOY_UPLOAD_URL";
    /// Its SHA-256 in hex.
    pub const UPLOAD_SHA256: &str = "RUNVOY_UPLOAD_SHA256";
    /// Where a long command is.
    pub const COMMAND_URL: &str = "RUNVOY_COMMAND_URL";
    /// Its SHA-256 in hex.
    pub const COMMAND_SHA256: &str = "RUNVOY_COMMAND_SHA256";
    /// The credential, as JSON, by ECS from Secrets Manager: never in a request.
    pub const GIT_CREDENTIAL: &str = "RUNVOY_GIT_CREDENTIAL";
}

/// Outputs of the stacks.
pub mod output {
    /// Bucket stack: name of the bucket.
    pub const BUCKET_NAME: &str = "BucketName";
    /// Main stack: the API's address, with a slash at its end.
    pub const API_ENDPOINT: &str = "ApiEndpoint";
    /// Main stack: S3 key of the artifact that runs.
    pub const ARTIFACT_KEY: &str = "ArtifactKey";
}

/// What keys in the bucket start with.
pub mod prefix {
    /// The functions' code, by content. Never expires.
    pub const ARTIFACTS: &str = "artifacts/";
    /// Templates, by content. Never expire.
    pub const TEMPLATES: &str = "templates/";
    /// Code archives of executions. They expire after 7 days.
    pub const UPLOADS: &str = "uploads/";
    /// Commands that are too long for a task's overrides, by content. They expire like uploads.
    pub const COMMANDS: &str = "uploads/commands/";
}

/// The container of a task that runs the command, and what its log stream is called after.
pub const EXECUTOR_CONTAINER: &str = "executor";

/// The container of a task that brings its code; only where there is some.
pub const PREPARE_CONTAINER: &str = "prepare";

/// `awslogs-stream-prefix` of the tasks; streams are `exec/executor/{task id}`.
pub const LOG_STREAM_PREFIX: &str = "exec";

/// One of the two functions that the one artifact serves as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Function {
    /// Logical id in the template.
    pub logical: &'static str,
    /// What follows the stack's name in the function's.
    pub suffix: &'static str,
    /// Its `Handler`: how the artifact knows which of the two it is.
    pub handler: &'static str,
    /// Seconds.
    pub timeout: u32,
    /// MiB.
    pub memory: u32,
}

/// Answers HTTP through the Function URL.
pub const API_FUNCTION: Function =
    Function { logical: "ApiFunction", suffix: "api", handler: "api", timeout: 30, memory: 256 };

/// Takes ECS task state changes and the sweep's schedule.
pub const EVENTS_FUNCTION: Function =
    Function { logical: "EventsFunction", suffix: "events", handler: "events", timeout: 120, memory: 256 };

/// The `detail-type` of the event that the schedule sends to [`EVENTS_FUNCTION`].
pub const SWEEP_DETAIL_TYPE: &str = "runvoy sweep";

/// Names that follow from the stack's.
pub mod name {
    /// The bucket stack.
    pub fn bucket_stack(stack: &str) -> String {
        format!("{stack}-bucket")
    }

    /// The bucket for artifacts and uploads. Bucket names are shared by all accounts, so it adds account and region.
    pub fn bucket(stack: &str, account: &str, region: &str) -> String {
        format!("{stack}-{account}-{region}")
    }

    /// A function's log group.
    pub fn function_log_group(stack: &str, function: &super::Function) -> String {
        format!("/aws/lambda/{stack}-{}", function.suffix)
    }

    /// Log group of the commands' output.
    pub fn execution_log_group(stack: &str) -> String {
        format!("/runvoy/{stack}/executions")
    }

    /// The secret of this alias.
    pub fn secret(stack: &str, alias: &str) -> String {
        format!("{stack}/user/{alias}")
    }

    /// The git credential for this host.
    pub fn git_credential(stack: &str, host: &str) -> String {
        format!("{stack}/git/{host}")
    }

    /// The credential for this registry. Secrets Manager takes no colon, and a host has no plus sign.
    pub fn registry_credential(stack: &str, host: &str) -> String {
        format!("{stack}/registry/{}", host.replace(':', "+"))
    }

    /// Family of a task definition whose content has this hash.
    pub fn task_family(stack: &str, hash: &str) -> String {
        format!("{stack}-{hash}")
    }
}

/// What the role that commands usually run under is called where roles are named.
pub const DEFAULT_TASK_ROLE: &str = "default";

/// Checks the name of one of the other task roles: formed as a deployment's, of words that begin with a letter.
pub fn validate_task_role(name: &str) -> Result<(), String> {
    // So that no two names become the same logical id.
    let words = name.split('-').all(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    if validate_stack_name(name).is_ok() && words && name != DEFAULT_TASK_ROLE {
        return Ok(());
    }
    let shown = name.escape_debug();
    Err(format!(
        "`{shown}` is no task role's name: 2 to 31 lower-case letters, digits and single hyphens, a letter first and after each"
    ))
}

/// Checks a deployment's name: `[a-z][a-z0-9-]{1,30}`, and no hyphen at its end.
pub fn validate_stack_name(name: &str) -> Result<(), String> {
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let shaped = (2..=31).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(inner)
        && !name.ends_with('-');
    if shaped {
        return Ok(());
    }
    let shown = name.escape_debug();
    Err(format!("`{shown}` is no stack name: 2 to 31 lower-case letters, digits and hyphens, a letter first"))
}
