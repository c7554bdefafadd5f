//! What the templates are rendered with: the contract's data, in the shape that they walk through.

use runvoy_api::infra::{self, Grant, Index, Table, env, name, output};
use serde_json::{Value, json};

use crate::{deploy::answers::Answers, error::Result};

/// Parameters of the main template.
pub mod parameter {
    /// The bucket with the functions' code.
    pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";
    /// The code's key in it.
    pub const ARTIFACT_KEY: &str = "ArtifactKey";
}

const ARN: &str = "arn:${AWS::Partition}";
const PLACE: &str = "${AWS::Region}:${AWS::AccountId}";

pub(super) fn bucket(stack: &str) -> Value {
    json!({
        "description": format!("runvoy `{stack}`: code and uploads"),
        "bucket": bucket_name(stack),
        "uploads_prefix": infra::prefix::UPLOADS,
        "output": { "bucket_name": output::BUCKET_NAME },
    })
}

pub(super) fn main(stack: &str, answers: &Answers) -> Result<Value> {
    let events = infra::EVENTS_FUNCTION;
    let functions = [
        function(stack, &infra::API_FUNCTION, "the API", infra::API_GRANTS, vec![]),
        function(stack, &events, "events", infra::EVENTS_GRANTS, vec![send_dead_letters(stack)]),
    ];
    Ok(json!({
        "description": format!("runvoy `{stack}`: runs commands for people without AWS credentials"),
        "stack": stack,
        "answers": serde_json::to_value(answers)?,
        "parameter": { "artifact_bucket": parameter::ARTIFACT_BUCKET, "artifact_key": parameter::ARTIFACT_KEY },
        "output": { "api_endpoint": output::API_ENDPOINT, "artifact_key": output::ARTIFACT_KEY },
        "subnets": [subnet(stack, "a", "first", 0), subnet(stack, "b", "second", 1)],
        "cluster": stack,
        "cluster_arn": format!("{ARN}:ecs:{PLACE}:cluster/{stack}"),
        "task_policies": answers.task_permissions.managed_policies(),
        "guarded": guarded(stack),
        "tables": infra::TABLES.map(|table| self::table(stack, &table)),
        "jwt_secret": jwt_secret(stack),
        "execution_log_group": name::execution_log_group(stack),
        "log_retention_days": answers.log_retention_days,
        "functions": functions,
        "environment": environment(stack, answers),
        "api_function": infra::API_FUNCTION.logical,
        "events_function": events.logical,
        "events_function_name": function_name(stack, &events),
        "events_function_arn": function_arn(stack, &events),
        "dead_letters": { "name": dead_letters(stack), "arn": dead_letters_arn(stack) },
        "rules": rules(stack),
    }))
}

/// Environment variables of both functions. A table's name is known beforehand, so that no function waits for a table.
pub(super) fn environment(stack: &str, answers: &Answers) -> Vec<Value> {
    let tables = infra::TABLES.iter().map(|table| (table.env, table.name(stack)));
    let others = [
        (env::STACK_NAME, stack.to_owned()),
        (env::ECS_CLUSTER, "${Cluster}".into()),
        (env::SUBNET_IDS, "${SubnetA},${SubnetB}".into()),
        (env::SECURITY_GROUP_ID, "${SecurityGroup.GroupId}".into()),
        (env::ASSIGN_PUBLIC_IP, "ENABLED".into()),
        (env::TASK_ROLE_ARN, "${TaskRole.Arn}".into()),
        (env::TASK_EXECUTION_ROLE_ARN, "${TaskExecutionRole.Arn}".into()),
        (env::TASK_ARCHITECTURE, answers.architecture.ecs().into()),
        (env::DEFAULT_IMAGE, answers.image.clone()),
        (env::DEFAULT_SPOT, answers.spot.to_string()),
        (env::EXECUTION_LOG_GROUP, name::execution_log_group(stack)),
        (env::JWT_SECRET_ID, "${JwtSecret}".into()),
        (env::WEB_UI_URL, String::new()),
    ];
    tables.chain(others).map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn bucket_name(stack: &str) -> String {
    name::bucket(stack, "${AWS::AccountId}", "${AWS::Region}")
}

fn jwt_secret(stack: &str) -> String {
    format!("{stack}/internal/jwt")
}

fn dead_letters(stack: &str) -> String {
    format!("{stack}-dead-letters")
}

fn dead_letters_arn(stack: &str) -> String {
    format!("{ARN}:sqs:{PLACE}:{}", dead_letters(stack))
}

fn function_name(stack: &str, function: &infra::Function) -> String {
    format!("{stack}-{}", function.suffix)
}

fn function_arn(stack: &str, function: &infra::Function) -> String {
    format!("{ARN}:lambda:{PLACE}:function:{}", function_name(stack, function))
}

fn subnet(stack: &str, letter: &str, ordinal: &str, index: u8) -> Value {
    json!({
        "logical": format!("Subnet{}", letter.to_uppercase()),
        "name": format!("{stack}-{letter}"),
        "cidr": format!("10.0.{}.0/20", u16::from(index) * 16),
        "description": format!("{ordinal} subnet"),
        "routes_description": format!("routes of the {ordinal} subnet"),
    })
}

fn table(stack: &str, table: &Table) -> Value {
    let mut attributes: Vec<_> = [Some(table.partition), table.sort].into_iter().flatten().collect();
    for key in table.indexes.iter().flat_map(|index| [Some(index.partition), index.sort]).flatten() {
        if !attributes.contains(&key) {
            attributes.push(key);
        }
    }
    json!({
        "logical": format!("{}Table", table.logical),
        "name": table.name(stack),
        "description": format!("table: {}", table.description),
        "attributes": attributes,
        "ttl": table.ttl,
        "key": key(table.partition, table.sort),
        "indexes": table.indexes.iter().map(index).collect::<Vec<_>>(),
    })
}

fn index(index: &Index) -> Value {
    let projected: Vec<_> = index.projected().collect();
    json!({ "name": index.name, "key": key(index.partition, index.sort), "projected": projected })
}

fn key(partition: &str, sort: Option<&str>) -> Vec<Value> {
    let sort = sort.map(|name| json!({ "name": name, "kind": "RANGE" }));
    [json!({ "name": partition, "kind": "HASH" })].into_iter().chain(sort).collect()
}

fn function(stack: &str, function: &infra::Function, what: &str, grants: &[Grant], more: Vec<Value>) -> Value {
    let own_logs = json!({
        "sid": "WriteOwnLogs",
        "actions": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "resources": [format!("${{{}LogGroup.Arn}}", function.logical)],
        "condition": null,
    });
    let grants: Vec<Value> = grants.iter().map(|grant| json!(grant)).chain([own_logs]).chain(more).collect();
    let mut context = json!(function);
    context["name"] = function_name(stack, function).into();
    context["description"] = format!("function for {what}").into();
    context["function_description"] = format!("runvoy `{stack}`: {what}").into();
    context["role_description"] = format!("permissions of the function for {what}").into();
    context["log_group"] = name::function_log_group(stack, function).into();
    context["log_description"] = format!("log group of the function for {what}").into();
    context["grants"] = grants.into();
    context
}

fn send_dead_letters(stack: &str) -> Value {
    json!({
        "sid": "SendDeadLetters",
        "actions": ["sqs:SendMessage"],
        "resources": [dead_letters_arn(stack)],
        "condition": null,
    })
}

fn rules(stack: &str) -> [Value; 2] {
    let rule = |logical: &str, suffix: &str, description: &str| {
        json!({
            "logical": logical,
            "name": format!("{stack}-{suffix}"),
            "arn": format!("{ARN}:events:{PLACE}:rule/{stack}-{suffix}"),
            "description": format!("rule: {description}"),
            "rule_description": format!("runvoy `{stack}`: {description}"),
            "permission_description": format!("permission of the rule: {description}"),
            "schedule": null,
            "input": null,
            // A day and 185 attempts are EventBridge's own limits: a task that ended must become known.
            "retries": 185,
            "max_age": 86400,
        })
    };
    let task_state = rule("TaskStateRule", "task-state", "containers report what becomes of them");
    let mut sweep = rule("SweepRule", "sweep", "every 5 minutes, repair what was missed");
    sweep["schedule"] = "rate(5 minutes)".into();
    sweep["input"] = json!({ "detail-type": infra::SWEEP_DETAIL_TYPE }).to_string().into();
    // The next sweep does what this one did not.
    sweep["retries"] = 1.into();
    sweep["max_age"] = 300.into();
    [task_state, sweep]
}

/// What commands must keep off, whatever the admin allows them: this deployment itself.
fn guarded(stack: &str) -> Vec<String> {
    let bucket = bucket_name(stack);
    let place = |service: &str, what: String| format!("{ARN}:{service}:{PLACE}:{what}");
    let mut arns = vec![
        format!("{ARN}:s3:::{bucket}"),
        format!("{ARN}:s3:::{bucket}/*"),
        format!("{ARN}:iam::${{AWS::AccountId}}:role/{stack}-*"),
        place("secretsmanager", format!("secret:{stack}/*")),
        place("logs", format!("log-group:{}*", name::execution_log_group(stack))),
        place("ecs", format!("cluster/{stack}")),
        place("ecs", format!("task/{stack}/*")),
        place("ecs", format!("task-definition/{}:*", name::task_family(stack, "*"))),
        place("sqs", dead_letters(stack)),
        place("events", format!("rule/{stack}-*")),
        place("cloudformation", format!("stack/{stack}/*")),
        place("cloudformation", format!("stack/{}/*", name::bucket_stack(stack))),
    ];
    for table in infra::TABLES {
        arns.push(place("dynamodb", format!("table/{}", table.name(stack))));
        arns.push(place("dynamodb", format!("table/{}/*", table.name(stack))));
    }
    for function in [infra::API_FUNCTION, infra::EVENTS_FUNCTION] {
        arns.push(function_arn(stack, &function));
        arns.push(format!("{}:*", function_arn(stack, &function)));
        arns.push(place("logs", format!("log-group:{}*", name::function_log_group(stack, &function))));
    }
    arns
}
