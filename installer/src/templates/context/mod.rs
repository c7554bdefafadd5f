//! What the templates are rendered with: the contract's data, in the shape that they walk through.

mod alarms;
mod by_hand;
mod guarded;
mod network;
mod roles;

use runvoy_api::{
    infra::{self, Grant, Index, Table, env, name, output},
    key::hex,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::viewer;
use crate::{
    deploy::answers::{Answers, DEFAULT_PREPARE_IMAGE, Viewer},
    error::Result,
};

/// Parameters of the main template.
pub mod parameter {
    /// The bucket with the functions' code.
    pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";
    /// The code's key in it.
    pub const ARTIFACT_KEY: &str = "ArtifactKey";
    /// Only with a viewer of its own: its address, which AWS makes up, so that it is known only after the first
    /// deployment. Whoever leaves it out of an update resets it to nothing.
    pub const VIEWER_URL: &str = "ViewerUrl";
}

pub(super) use by_hand::by_hand;

const ARN: &str = "arn:${AWS::Partition}";
const PLACE: &str = "${AWS::Region}:${AWS::AccountId}";

/// Eight hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes)[..4])
}

pub(super) fn bucket(stack: &str, answers: &Answers) -> Value {
    json!({
        "description": format!("runvoy `{stack}`: code and uploads"),
        "bucket": bucket_name(stack),
        "uploads_prefix": infra::prefix::UPLOADS,
        "output": { "bucket_name": output::BUCKET_NAME },
        "tags": tags(answers),
    })
}

pub(super) fn main(stack: &str, answers: &Answers) -> Result<Value> {
    let events = infra::EVENTS_FUNCTION;
    let functions = [
        function(stack, &infra::API_FUNCTION, "api", "the API", infra::API_GRANTS, roles::pass_others(answers)),
        function(
            stack,
            &events,
            "events",
            "events",
            infra::EVENTS_GRANTS,
            [vec![send_dead_letters(stack)], roles::pass_others(answers)].concat(),
        ),
    ];
    let network = network::of(stack, answers);
    Ok(json!({
        "description": format!("runvoy `{stack}`: runs commands for people without AWS credentials"),
        "stack": stack,
        "answers": serde_json::to_value(answers)?,
        "answers_digest": digest(&serde_json::to_vec(answers)?),
        "tags": tags(answers),
        "boundary": answers.permissions_boundary,
        "parameter": { "artifact_bucket": parameter::ARTIFACT_BUCKET, "artifact_key": parameter::ARTIFACT_KEY,
            "viewer_url": parameter::VIEWER_URL },
        "output": { "api_endpoint": output::API_ENDPOINT, "artifact_key": output::ARTIFACT_KEY },
        "viewer_output": { "url": viewer::output::URL, "bucket": viewer::output::BUCKET,
            "target": viewer::output::TARGET },
        "environment": environment(stack, answers, &network),
        "network": network,
        "cluster": stack,
        "tag_condition": format!("aws:ResourceTag/{}", infra::TAG),
        "cluster_arn": cluster_arn(stack),
        "task_roles": roles::all(answers),
        "guarded": guarded::arns(stack, answers),
        "tables": infra::TABLES.map(|table| self::table(stack, &table)),
        "jwt_secret": jwt_secret(stack),
        "container_secrets": container_secrets(stack),
        "execution_log_group": name::execution_log_group(stack),
        "execution_log_group_arn": execution_log_group_arn(stack),
        "log_retention_days": answers.log_retention_days,
        "functions": functions,
        "api_function": infra::API_FUNCTION.logical,
        "events_function": events.logical,
        "events_function_name": function_name(stack, &events),
        "events_function_arn": function_arn(stack, &events),
        "dead_letters": { "name": dead_letters(stack), "arn": dead_letters_arn(stack) },
        "rules": rules(stack),
        "alarm_email": answers.alarm_email,
        "alarm_topic": alarms::topic(stack),
        "alarms": alarms::all(stack),
        // Dashboards of all regions share their names.
        "dashboard_name": format!("{stack}-${{AWS::Region}}"),
        "dashboard": alarms::dashboard(stack),
        "viewer": (answers.viewer == Viewer::Cloudfront).then(|| viewer(stack, answers)),
    }))
}

fn viewer(stack: &str, answers: &Answers) -> Value {
    json!({
        "bucket": viewer_bucket(stack),
        // These names are shared by all regions of the account.
        "name": format!("{stack}-${{AWS::Region}}"),
        "comment": format!("runvoy {stack}: log viewer"),
        "key": viewer::key(),
        "policy": viewer::policy(),
        "domain": answers.viewer_domain,
    })
}

/// None instead of an empty object, which handlebars takes for something.
fn tags(answers: &Answers) -> Value {
    if answers.tags.is_empty() { Value::Null } else { json!(answers.tags) }
}

/// Environment variables of both functions. Names are known beforehand, so that no function waits for table or cluster.
fn environment(stack: &str, answers: &Answers, network: &Value) -> Vec<Value> {
    let viewer_url = match answers.viewer {
        Viewer::Cloudfront => format!("${{{}}}", parameter::VIEWER_URL),
        Viewer::FunctionUrl => String::new(),
    };
    let tables = infra::TABLES.iter().map(|table| (table.env, table.name(stack)));
    let others = [
        (env::STACK_NAME, stack.to_owned()),
        (env::ECS_CLUSTER, stack.to_owned()),
        (env::SUBNET_IDS, network::subnet_ids(network)),
        (env::SECURITY_GROUP_ID, "${SecurityGroup.GroupId}".into()),
        (env::ASSIGN_PUBLIC_IP, if answers.public_addresses() { "ENABLED" } else { "DISABLED" }.into()),
        (env::TASK_ROLE_ARN, "${TaskRole.Arn}".into()),
        (env::TASK_EXECUTION_ROLE_ARN, "${TaskExecutionRole.Arn}".into()),
        (env::TASK_ARCHITECTURE, answers.architecture.ecs().into()),
        (env::DEFAULT_IMAGE, answers.image.clone()),
        (env::PREPARE_IMAGE, answers.prepare_image.clone().unwrap_or_else(|| DEFAULT_PREPARE_IMAGE.to_owned())),
        (env::DEFAULT_SPOT, answers.spot.to_string()),
        (env::EXECUTION_LOG_GROUP, name::execution_log_group(stack)),
        (env::BUCKET, format!("${{{}}}", parameter::ARTIFACT_BUCKET)),
        (env::JWT_SECRET_ID, "${JwtSecret}".into()),
        (env::WEB_UI_URL, viewer_url),
    ];
    tables
        .chain(others)
        .chain(roles::variable(answers))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}

fn bucket_name(stack: &str) -> String {
    name::bucket(stack, "${AWS::AccountId}", "${AWS::Region}")
}

fn viewer_bucket(stack: &str) -> String {
    viewer::bucket(stack, "${AWS::AccountId}", "${AWS::Region}")
}

fn cluster_arn(stack: &str) -> String {
    format!("{ARN}:ecs:{PLACE}:cluster/{stack}")
}

fn table_arn(stack: &str, table: &Table) -> String {
    format!("{ARN}:dynamodb:{PLACE}:table/{}", table.name(stack))
}

/// With all its streams.
fn execution_log_group_arn(stack: &str) -> String {
    format!("{ARN}:logs:{PLACE}:log-group:{}:*", name::execution_log_group(stack))
}

fn jwt_secret(stack: &str) -> String {
    format!("{stack}/internal/jwt")
}

/// Those that admins set, and no internal one.
fn container_secrets(stack: &str) -> [String; 3] {
    let names = [name::secret(stack, "*"), name::git_credential(stack, "*"), name::registry_credential(stack, "*")];
    names.map(|name| format!("{ARN}:secretsmanager:{PLACE}:secret:{name}"))
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

/// A grant's text with ARNs instead of references to what has a known name: a reference would make the role wait for
/// the table, and the function for the role.
pub(super) fn without_waiting(stack: &str, text: &str) -> String {
    let known = [
        ("${Cluster.Arn}", cluster_arn(stack)),
        ("${Cluster}", stack.to_owned()),
        ("${ExecutionLogGroup.Arn}", execution_log_group_arn(stack)),
    ];
    let tables = infra::TABLES.map(|table| (format!("${{{}Table.Arn}}", table.logical), table_arn(stack, &table)));
    let text = known.iter().fold(text.to_owned(), |text, (reference, arn)| text.replace(reference, arn));
    tables.iter().fold(text, |text, (reference, arn)| text.replace(reference, arn))
}

fn grant(stack: &str, grant: &Grant) -> Value {
    let mut context = json!(grant);
    let resources: Vec<_> = grant.resources.iter().map(|resource| without_waiting(stack, resource)).collect();
    context["resources"] = resources.into();
    if let Some(condition) = grant.condition {
        context["condition"]["value"] = without_waiting(stack, condition.value).into();
    }
    context
}

fn function(
    stack: &str,
    function: &infra::Function,
    group: &str,
    what: &str,
    grants: &[Grant],
    more: Vec<Value>,
) -> Value {
    let own_logs = json!({
        "sid": "WriteOwnLogs",
        "actions": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "resources": [format!("${{{}LogGroup.Arn}}", function.logical)],
        "condition": null,
    });
    let grants: Vec<Value> =
        grants.iter().map(|grant| self::grant(stack, grant)).chain([own_logs]).chain(more).collect();
    let mut context = json!(function);
    context["group"] = group.into();
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
