//! The cases, by role. `ACCOUNT` and `REGION` stand for the deployment's.

/// One question to IAM, and its answer.
#[derive(Debug)]
pub(super) struct Case {
    pub allowed: bool,
    pub role: &'static str,
    pub action: &'static str,
    pub resource: &'static str,
    pub context: &'static [(&'static str, &'static str)],
}

const fn yes(role: &'static str, action: &'static str, resource: &'static str) -> Case {
    Case { allowed: true, role, action, resource, context: &[] }
}

const fn no(role: &'static str, action: &'static str, resource: &'static str) -> Case {
    Case { allowed: false, role, action, resource, context: &[] }
}

impl Case {
    const fn with(mut self, context: &'static [(&'static str, &'static str)]) -> Self {
        self.context = context;
        self
    }
}

const API: &str = "ApiFunctionRole";
const EVENTS: &str = "EventsFunctionRole";
const EXECUTION: &str = "TaskExecutionRole";
const COMMANDS: &str = "TaskRole";

const CLUSTER: &[(&str, &str)] = &[("ecs:cluster", "arn:aws:ecs:REGION:ACCOUNT:cluster/acme")];
const OTHER_CLUSTER: &[(&str, &str)] = &[("ecs:cluster", "arn:aws:ecs:REGION:ACCOUNT:cluster/other")];
const TO_TASKS: &[(&str, &str)] = &[("iam:PassedToService", "ecs-tasks.amazonaws.com")];
const TO_LAMBDA: &[(&str, &str)] = &[("iam:PassedToService", "lambda.amazonaws.com")];
const OWN_TAG: &[(&str, &str)] = &[("aws:ResourceTag/runvoy:stack", "acme")];

pub(super) const CASES: &[Case] = &[
    // The API: its tables, its tasks, the commands' output, the secret that signs links.
    yes(API, "dynamodb:GetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    yes(API, "dynamodb:BatchGetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    yes(API, "dynamodb:BatchGetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-locks"),
    yes(API, "dynamodb:PutItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions"),
    yes(API, "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions"),
    yes(API, "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-locks"),
    yes(API, "dynamodb:Scan", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-locks"),
    yes(API, "dynamodb:Query", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions/index/status-started_at"),
    yes(API, "dynamodb:Query", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions/index/user_email-started_at"),
    yes(API, "dynamodb:PutItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-audit"),
    yes(API, "dynamodb:Query", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-audit"),
    yes(API, "ecs:RunTask", "arn:aws:ecs:REGION:ACCOUNT:task-definition/acme-0123abcd").with(CLUSTER),
    yes(API, "ecs:RegisterTaskDefinition", "arn:aws:ecs:REGION:ACCOUNT:task-definition/acme-0123abcd:*"),
    yes(API, "ecs:StopTask", "arn:aws:ecs:REGION:ACCOUNT:task/acme/0123456789abcdef").with(CLUSTER),
    yes(API, "ecs:DescribeTasks", "arn:aws:ecs:REGION:ACCOUNT:task/acme/0123456789abcdef").with(CLUSTER),
    yes(API, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/acme-TaskRole-AbCdEf123456").with(TO_TASKS),
    yes(API, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/acme-TaskExecutionRole-AbCdEf123456").with(TO_TASKS),
    yes(
        API,
        "logs:GetLogEvents",
        "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions:log-stream:exec/executor/1",
    ),
    yes(API, "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/jwt-AbCdEf"),
    yes(API, "logs:PutLogEvents", "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/acme-api:log-stream:1"),
    no(API, "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-audit"),
    no(API, "dynamodb:DeleteItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-audit"),
    no(API, "dynamodb:DeleteItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions"),
    no(API, "dynamodb:DeleteItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-locks"),
    no(API, "dynamodb:DeleteTable", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions"),
    no(API, "dynamodb:UpdateTable", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(API, "dynamodb:GetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-prod-api-keys"),
    no(API, "dynamodb:GetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/other-api-keys"),
    no(API, "ecs:RunTask", "arn:aws:ecs:REGION:ACCOUNT:task-definition/acme-0123abcd").with(OTHER_CLUSTER),
    no(API, "ecs:RunTask", "arn:aws:ecs:REGION:ACCOUNT:task-definition/acme-0123abcd"),
    no(API, "ecs:RunTask", "arn:aws:ecs:REGION:ACCOUNT:task-definition/other-0123abcd").with(CLUSTER),
    no(API, "ecs:StopTask", "arn:aws:ecs:REGION:ACCOUNT:task/other/0123456789abcdef").with(OTHER_CLUSTER),
    no(API, "ecs:ExecuteCommand", "arn:aws:ecs:REGION:ACCOUNT:task/acme/0123456789abcdef").with(CLUSTER),
    no(API, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/acme-TaskRole-AbCdEf123456").with(TO_LAMBDA),
    no(API, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/acme-TaskRole-AbCdEf123456"),
    no(API, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/acme-ApiFunctionRole-AbCdEf123456").with(TO_TASKS),
    no(API, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/Admin").with(TO_TASKS),
    no(API, "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/other-AbCdEf"),
    no(API, "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:REGION:ACCOUNT:secret:other/internal/jwt-AbCdEf"),
    no(API, "secretsmanager:PutSecretValue", "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/jwt-AbCdEf"),
    no(API, "secretsmanager:DeleteSecret", "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/jwt-AbCdEf"),
    no(API, "logs:GetLogEvents", "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/acme-api:log-stream:1"),
    no(API, "logs:DeleteLogGroup", "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions"),
    no(
        API,
        "logs:PutLogEvents",
        "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions:log-stream:exec/executor/1",
    ),
    no(API, "lambda:UpdateFunctionCode", "arn:aws:lambda:REGION:ACCOUNT:function:acme-api"),
    no(API, "lambda:InvokeFunction", "arn:aws:lambda:REGION:ACCOUNT:function:acme-events"),
    no(API, "cloudformation:DeleteStack", "arn:aws:cloudformation:REGION:ACCOUNT:stack/acme/1"),
    no(API, "sts:AssumeRole", "arn:aws:iam::ACCOUNT:role/acme-TaskRole-AbCdEf123456"),
    // Events: what ends executions and hands locks over, and no keys.
    yes(EVENTS, "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions"),
    yes(EVENTS, "dynamodb:Query", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions/index/status-started_at"),
    yes(EVENTS, "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-locks"),
    yes(EVENTS, "ecs:ListTasks", "arn:aws:ecs:REGION:ACCOUNT:container-instance/acme/*").with(CLUSTER),
    yes(EVENTS, "ecs:StopTask", "arn:aws:ecs:REGION:ACCOUNT:task/acme/0123456789abcdef").with(CLUSTER),
    yes(EVENTS, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/acme-TaskRole-AbCdEf123456").with(TO_TASKS),
    yes(EVENTS, "sqs:SendMessage", "arn:aws:sqs:REGION:ACCOUNT:acme-dead-letters"),
    no(EVENTS, "dynamodb:GetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(EVENTS, "dynamodb:Scan", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(EVENTS, "dynamodb:DeleteItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions"),
    no(EVENTS, "dynamodb:Query", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions/index/user_email-started_at"),
    no(EVENTS, "ecs:ListTasks", "arn:aws:ecs:REGION:ACCOUNT:container-instance/other/*").with(OTHER_CLUSTER),
    no(
        EVENTS,
        "logs:GetLogEvents",
        "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions:log-stream:exec/executor/1",
    ),
    no(
        EVENTS,
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/jwt-AbCdEf",
    ),
    no(EVENTS, "sqs:ReceiveMessage", "arn:aws:sqs:REGION:ACCOUNT:acme-dead-letters"),
    no(EVENTS, "lambda:InvokeFunction", "arn:aws:lambda:REGION:ACCOUNT:function:acme-api"),
    // What ECS itself does for a task: images, output.
    yes(EXECUTION, "ecr:GetAuthorizationToken", "*"),
    yes(EXECUTION, "ecr:BatchGetImage", "arn:aws:ecr:REGION:ACCOUNT:repository/tools"),
    yes(
        EXECUTION,
        "logs:CreateLogStream",
        "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions:log-stream:exec/executor/1",
    ),
    yes(
        EXECUTION,
        "logs:PutLogEvents",
        "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions:log-stream:exec/executor/1",
    ),
    no(EXECUTION, "ecr:PutImage", "arn:aws:ecr:REGION:ACCOUNT:repository/tools"),
    no(EXECUTION, "ecr:BatchGetImage", "arn:aws:ecr:REGION:999999999999:repository/tools"),
    no(EXECUTION, "logs:PutLogEvents", "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/acme-api:log-stream:1"),
    no(
        EXECUTION,
        "logs:DeleteLogStream",
        "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions:log-stream:exec/executor/1",
    ),
    no(
        EXECUTION,
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/jwt-AbCdEf",
    ),
    no(EXECUTION, "dynamodb:GetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(EXECUTION, "s3:GetObject", "arn:aws:s3:::acme-ACCOUNT-REGION/artifacts/1.zip"),
    // A command that may do anything in the account: anything else, and nothing of this deployment's.
    yes(COMMANDS, "ec2:DescribeInstances", "*"),
    yes(COMMANDS, "dynamodb:GetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/customers"),
    yes(COMMANDS, "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:REGION:ACCOUNT:secret:shop/database-AbCdEf"),
    yes(COMMANDS, "s3:PutObject", "arn:aws:s3:::website/index.html"),
    yes(COMMANDS, "lambda:UpdateFunctionCode", "arn:aws:lambda:REGION:ACCOUNT:function:shop"),
    yes(COMMANDS, "iam:CreateRole", "arn:aws:iam::ACCOUNT:role/shop"),
    yes(COMMANDS, "ecs:RunTask", "arn:aws:ecs:REGION:ACCOUNT:task-definition/shop:1").with(OTHER_CLUSTER),
    no(COMMANDS, "dynamodb:GetItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(COMMANDS, "dynamodb:PutItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(COMMANDS, "dynamodb:Scan", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions"),
    no(COMMANDS, "dynamodb:Query", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-executions/index/status-started_at"),
    no(COMMANDS, "dynamodb:UpdateItem", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-locks"),
    no(COMMANDS, "dynamodb:DeleteTable", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-audit"),
    no(COMMANDS, "dynamodb:ExportTableToPointInTime", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-audit"),
    no(COMMANDS, "dynamodb:CreateBackup", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(COMMANDS, "dynamodb:PartiQLSelect", "arn:aws:dynamodb:REGION:ACCOUNT:table/acme-api-keys"),
    no(
        COMMANDS,
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/jwt-AbCdEf",
    ),
    no(
        COMMANDS,
        "secretsmanager:PutResourcePolicy",
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/internal/jwt-AbCdEf",
    ),
    no(
        COMMANDS,
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/git/github.com-AbCdEf",
    ),
    no(
        COMMANDS,
        "secretsmanager:GetSecretValue",
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:acme/user/token-AbCdEf",
    ),
    no(COMMANDS, "s3:GetObject", "arn:aws:s3:::acme-ACCOUNT-REGION/artifacts/1.zip"),
    no(COMMANDS, "s3:PutBucketPolicy", "arn:aws:s3:::acme-ACCOUNT-REGION"),
    no(COMMANDS, "s3:PutObject", "arn:aws:s3:::acme-ACCOUNT-REGION-web/viewer.html"),
    no(
        COMMANDS,
        "logs:GetLogEvents",
        "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions:log-stream:exec/executor/1",
    ),
    no(COMMANDS, "logs:DeleteLogGroup", "arn:aws:logs:REGION:ACCOUNT:log-group:/runvoy/acme/executions"),
    no(COMMANDS, "logs:FilterLogEvents", "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/acme-api:*"),
    no(COMMANDS, "lambda:UpdateFunctionCode", "arn:aws:lambda:REGION:ACCOUNT:function:acme-api"),
    no(COMMANDS, "lambda:GetFunction", "arn:aws:lambda:REGION:ACCOUNT:function:acme-events"),
    no(COMMANDS, "lambda:UpdateFunctionConfiguration", "arn:aws:lambda:REGION:ACCOUNT:function:acme-api:$LATEST"),
    no(COMMANDS, "iam:PutRolePolicy", "arn:aws:iam::ACCOUNT:role/acme-TaskRole-AbCdEf123456"),
    no(COMMANDS, "iam:DeleteRolePolicy", "arn:aws:iam::ACCOUNT:role/acme-TaskRole-AbCdEf123456"),
    no(COMMANDS, "iam:PassRole", "arn:aws:iam::ACCOUNT:role/acme-ApiFunctionRole-AbCdEf123456").with(TO_LAMBDA),
    no(COMMANDS, "sts:AssumeRole", "arn:aws:iam::ACCOUNT:role/acme-ApiFunctionRole-AbCdEf123456"),
    no(COMMANDS, "ecs:RunTask", "arn:aws:ecs:REGION:ACCOUNT:task-definition/shop:1").with(CLUSTER),
    no(COMMANDS, "ecs:CreateService", "arn:aws:ecs:REGION:ACCOUNT:service/acme/mine").with(CLUSTER),
    no(COMMANDS, "ecs:ExecuteCommand", "arn:aws:ecs:REGION:ACCOUNT:task/acme/0123456789abcdef").with(CLUSTER),
    no(COMMANDS, "ecs:StopTask", "arn:aws:ecs:REGION:ACCOUNT:task/acme/0123456789abcdef").with(CLUSTER),
    no(COMMANDS, "ecs:DescribeTasks", "arn:aws:ecs:REGION:ACCOUNT:task/acme/0123456789abcdef").with(CLUSTER),
    no(COMMANDS, "ecs:DeleteCluster", "arn:aws:ecs:REGION:ACCOUNT:cluster/acme"),
    no(COMMANDS, "ecs:DeregisterTaskDefinition", "arn:aws:ecs:REGION:ACCOUNT:task-definition/acme-0123abcd:1"),
    no(COMMANDS, "sqs:PurgeQueue", "arn:aws:sqs:REGION:ACCOUNT:acme-dead-letters"),
    no(COMMANDS, "events:DisableRule", "arn:aws:events:REGION:ACCOUNT:rule/acme-sweep"),
    no(COMMANDS, "cloudformation:UpdateStack", "arn:aws:cloudformation:REGION:ACCOUNT:stack/acme/1"),
    no(COMMANDS, "cloudformation:DeleteStack", "arn:aws:cloudformation:REGION:ACCOUNT:stack/acme-bucket/1"),
    no(COMMANDS, "sns:DeleteTopic", "arn:aws:sns:REGION:ACCOUNT:acme-alarms"),
    no(COMMANDS, "cloudwatch:DeleteAlarms", "arn:aws:cloudwatch:REGION:ACCOUNT:alarm:acme-sweep"),
    no(COMMANDS, "cloudfront:UpdateDistribution", "arn:aws:cloudfront::ACCOUNT:distribution/E1").with(OWN_TAG),
];
