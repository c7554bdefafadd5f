//! ECS asks for the roles too that a task is to run under: whoever starts it hands them over.

use serde_json::{Value, json};

use super::map::{Map, tagged, text};
use crate::iam::Request;

pub(super) async fn needs(map: &Map<'_>, action: &str, request: &Value) -> Option<Vec<Request>> {
    let cluster = cluster(map, request);
    let need = |resource: String| Request::new(format!("ecs:{action}"), resource).with("ecs:cluster", cluster.as_str());
    let needs = match action {
        "RunTask" => {
            let definition = text(&request["taskDefinition"]);
            let run = need(named(map, "task-definition", definition));
            let tag = request["tags"].as_array().is_some_and(|tags| !tags.is_empty()).then(|| {
                let new = Request::new("ecs:TagResource", task(map, &cluster, "*")).with("ecs:CreateAction", "RunTask");
                tagged(new, &request["tags"], ["key", "value"])
            });
            let roles = roles(&self::definition(map, definition, request).await);
            [run].into_iter().chain(tag).chain(roles).collect()
        }
        "RegisterTaskDefinition" => {
            let family = format!("{}:*", text(&request["family"]));
            // It is about no cluster.
            let register = Request::new("ecs:RegisterTaskDefinition", named(map, "task-definition", &family));
            let register = tagged(register, &request["tags"], ["key", "value"]);
            [register].into_iter().chain(roles(request)).collect()
        }
        "DescribeTasks" => {
            request["tasks"].as_array().into_iter().flatten().map(|id| need(task(map, &cluster, text(id)))).collect()
        }
        "StopTask" => vec![need(task(map, &cluster, text(&request["task"])))],
        // Authorised on the cluster's container instances, of which Fargate has none.
        "ListTasks" => vec![need(format!("{}/*", cluster.replace(":cluster/", ":container-instance/")))],
        "DescribeTaskDefinition" | "ListTaskDefinitions" | "DeregisterTaskDefinition" => {
            vec![Request::new(format!("ecs:{action}"), "*")]
        }
        _ => return None,
    };
    Some(needs)
}

fn cluster(map: &Map<'_>, request: &Value) -> String {
    named(map, "cluster", request["cluster"].as_str().unwrap_or("default"))
}

fn named(map: &Map<'_>, kind: &str, name: &str) -> String {
    if name.starts_with("arn:") { name.to_owned() } else { map.arn("ecs", &format!("{kind}/{name}")) }
}

fn task(map: &Map<'_>, cluster: &str, id: &str) -> String {
    let cluster = cluster.rsplit('/').next().unwrap_or_default();
    if id.starts_with("arn:") { id.to_owned() } else { map.arn("ecs", &format!("task/{cluster}/{id}")) }
}

/// What ECS does for a new task under its execution role, and that role's name: images of ECR, secrets, logs.
pub(super) async fn on_behalf(map: &Map<'_>, request: &Value) -> Option<(String, Vec<Request>)> {
    let given = definition(map, text(&request["taskDefinition"]), request).await;
    let role = given["executionRoleArn"].as_str()?.rsplit('/').next()?.to_owned();
    let mut needs = Vec::new();
    for container in given["containerDefinitions"].as_array().into_iter().flatten() {
        let host = text(&container["image"]).split('/').next().unwrap_or_default();
        if let Some((account, rest)) = host.split_once(".dkr.ecr.") {
            let region = rest.split('.').next().unwrap_or_default();
            let name = text(&container["image"])[host.len() + 1..].split([':', '@']).next().unwrap_or_default();
            let repository = format!("arn:aws:ecr:{region}:{account}:repository/{name}");
            needs.push(Request::new("ecr:GetAuthorizationToken", "*"));
            needs.extend(PULL.map(|action| Request::new(action, repository.clone())));
        }
        let secrets = container["secrets"].as_array().into_iter().flatten().map(|secret| &secret["valueFrom"]);
        let registry = &container["repositoryCredentials"]["credentialsParameter"];
        for arn in secrets.chain(registry.is_string().then_some(registry)) {
            // What follows the ARN's seven parts names a field of the secret.
            let id = text(arn).splitn(8, ':').take(7).collect::<Vec<_>>().join(":");
            needs.push(Request::new("secretsmanager:GetSecretValue", map.secret(&id).await));
        }
        let logs = &container["logConfiguration"]["options"];
        if let Some(group) = logs["awslogs-group"].as_str() {
            let stream =
                map.arn("logs", &format!("log-group:{group}:log-stream:{}/1", text(&logs["awslogs-stream-prefix"])));
            needs.extend(
                ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| Request::new(action, stream.clone())),
            );
        }
    }
    Some((role, needs))
}

const PULL: [&str; 3] = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];

/// The definition under a call's overrides. Without one there is nothing to hand over: the call fails.
async fn definition(map: &Map<'_>, definition: &str, request: &Value) -> Value {
    let target = "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition";
    let described = map.engine.json("ecs", target, &json!({ "taskDefinition": definition })).await.unwrap_or_default();
    let mut given = described["taskDefinition"].clone();
    for role in ["taskRoleArn", "executionRoleArn"] {
        if let Some(own) = request["overrides"][role].as_str() {
            given[role] = own.into();
        }
    }
    given
}

fn roles(given: &Value) -> Vec<Request> {
    let roles = ["taskRoleArn", "executionRoleArn"].into_iter().filter_map(|role| given[role].as_str());
    roles
        .map(|role| Request::new("iam:PassRole", role).with("iam:PassedToService", "ecs-tasks.amazonaws.com"))
        .collect()
}
