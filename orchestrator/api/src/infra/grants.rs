//! What each function's role may do: the calls that the orchestrator makes, and nothing else.
//!
//! `resources` are `Fn::Sub` texts over the template's logical ids, so that a policy can name only what the template has.

use serde::Serialize;

/// One statement of a role's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// `Sid` of the statement.
    pub sid: &'static str,
    /// IAM actions.
    pub actions: &'static [&'static str],
    /// `Fn::Sub` texts.
    pub resources: &'static [&'static str],
    /// Narrows the statement.
    pub condition: Option<Condition>,
}

/// `{operator: {key: value}}`; the value is a `Fn::Sub` text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Such as `ArnEquals`.
    pub operator: &'static str,
    /// Such as `ecs:cluster`.
    pub key: &'static str,
    /// What it is compared with.
    pub value: &'static str,
}

const CLUSTER_ONLY: Option<Condition> =
    Some(Condition { operator: "ArnEquals", key: "ecs:cluster", value: "${Cluster.Arn}" });

const RUN: Grant = Grant {
    sid: "RunTasks",
    actions: &["ecs:RunTask"],
    // Without a revision at its end: RunTask by family is authorised on the family's ARN, which has none.
    resources: &["arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition/${AWS::StackName}-*"],
    condition: CLUSTER_ONLY,
};

const REGISTER: Grant = Grant {
    sid: "RegisterTaskDefinitions",
    actions: &["ecs:RegisterTaskDefinition"],
    resources: &["arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition/${AWS::StackName}-*"],
    condition: None,
};

const PASS: Grant = Grant {
    sid: "PassTaskRoles",
    actions: &["iam:PassRole"],
    resources: &["${TaskRole.Arn}", "${TaskExecutionRole.Arn}"],
    condition: Some(Condition {
        operator: "StringEquals",
        key: "iam:PassedToService",
        value: "ecs-tasks.amazonaws.com",
    }),
};

const WATCH: Grant = Grant {
    sid: "WatchAndStopTasks",
    actions: &["ecs:DescribeTasks", "ecs:StopTask"],
    resources: &["arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Cluster}/*"],
    condition: CLUSTER_ONLY,
};

/// Those that admins set, for commands, git and registries.
const SECRETS: &[&str] = &[
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/user/*",
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/git/*",
    "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/registry/*",
];

/// What presigned addresses allow is what the role of their signer allows.
const READ_UPLOADS: Grant = Grant {
    sid: "ReadUploads",
    actions: &["s3:GetObject"],
    resources: &["arn:${AWS::Partition}:s3:::${ArtifactBucket}/uploads/*"],
    condition: None,
};

/// The role of the `api` function.
pub const API_GRANTS: &[Grant] = &[
    Grant {
        sid: "Keys",
        // PutItem and DeleteItem: users come and go, and a revoked address can come back. UpdateItem: last_used, revoked.
        actions: &[
            "dynamodb:BatchGetItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
            "dynamodb:Scan",
        ],
        resources: &["${ApiKeysTable.Arn}"],
        condition: None,
    },
    Grant {
        sid: "Executions",
        actions: &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
        resources: &["${ExecutionsTable.Arn}"],
        condition: None,
    },
    Grant {
        sid: "ListExecutions",
        actions: &["dynamodb:Query"],
        resources: &["${ExecutionsTable.Arn}/index/*"],
        condition: None,
    },
    Grant {
        sid: "Locks",
        actions: &["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:Scan"],
        resources: &["${LocksTable.Arn}"],
        condition: None,
    },
    Grant {
        sid: "AppendAndReadAudit",
        // Neither UpdateItem nor DeleteItem: what is on record stays as it is.
        actions: &["dynamodb:PutItem", "dynamodb:Query"],
        resources: &["${AuditTable.Arn}"],
        condition: None,
    },
    RUN,
    REGISTER,
    PASS,
    WATCH,
    READ_UPLOADS,
    Grant {
        sid: "WriteUploads",
        actions: &["s3:PutObject"],
        resources: &["arn:${AWS::Partition}:s3:::${ArtifactBucket}/uploads/*"],
        condition: None,
    },
    Grant {
        sid: "ReadExecutionLogs",
        actions: &["logs:GetLogEvents"],
        resources: &["${ExecutionLogGroup.Arn}"],
        condition: None,
    },
    Grant {
        sid: "CreateSecrets",
        actions: &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
        resources: SECRETS,
        condition: Some(Condition {
            operator: "StringEquals",
            key: "aws:RequestTag/runvoy:stack",
            value: "${AWS::StackName}",
        }),
    },
    Grant {
        sid: "SetAndDeleteSecrets",
        // Not GetSecretValue: what has gone in never comes out through the API.
        actions: &["secretsmanager:PutSecretValue", "secretsmanager:DeleteSecret", "secretsmanager:RestoreSecret"],
        resources: SECRETS,
        condition: None,
    },
    Grant {
        sid: "ReadSigningSecret",
        actions: &["secretsmanager:GetSecretValue"],
        // By its name and the six characters that AWS appends: a reference would make the role wait for the secret.
        resources: &[
            "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${AWS::StackName}/internal/jwt-??????",
        ],
        condition: None,
    },
];

/// The role of the `events` function.
pub const EVENTS_GRANTS: &[Grant] = &[
    Grant {
        sid: "Executions",
        actions: &["dynamodb:GetItem", "dynamodb:UpdateItem"],
        resources: &["${ExecutionsTable.Arn}"],
        condition: None,
    },
    Grant {
        sid: "FindOpenExecutions",
        actions: &["dynamodb:Query"],
        resources: &["${ExecutionsTable.Arn}/index/status-started_at"],
        condition: None,
    },
    Grant {
        sid: "ReleaseAndHandOverLocks",
        actions: &["dynamodb:GetItem", "dynamodb:UpdateItem"],
        resources: &["${LocksTable.Arn}"],
        condition: None,
    },
    // Whoever waited for a lock is started when it comes free.
    RUN,
    REGISTER,
    PASS,
    WATCH,
    READ_UPLOADS,
    Grant {
        sid: "FindTasks",
        actions: &["ecs:ListTasks"],
        // ListTasks is authorised on the cluster's container instances, of which Fargate has none: only `*` is left, and
        // the condition narrows it.
        resources: &["*"],
        condition: CLUSTER_ONLY,
    },
];
