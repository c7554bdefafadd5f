//! ECS asks for the roles too that a task is to run under: whoever starts it hands them over.

use anyhow::Result;
use serde_json::{Value, json};

use super::map::{Map, tagged, text};
use crate::iam::Request;

pub(super) async fn needs(map: &Map<'_>, action: &str, request: &Value) -> Result<Option<Vec<Request>>> {
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
            let roles = passed(map, definition, request).await;
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
        _ => return Ok(None),
    };
    Ok(Some(needs))
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

/// The roles of the definition, unless the call overrides them. Without a definition there is nothing to hand over: the
/// call fails.
async fn passed(map: &Map<'_>, definition: &str, request: &Value) -> Vec<Request> {
    let target = "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition";
    let described = map.engine.json("ecs", target, &json!({ "taskDefinition": definition })).await.unwrap_or_default();
    let mut given = described["taskDefinition"].clone();
    for role in ["taskRoleArn", "executionRoleArn"] {
        if let Some(own) = request["overrides"][role].as_str() {
            given[role] = own.into();
        }
    }
    roles(&given)
}

fn roles(given: &Value) -> Vec<Request> {
    let roles = ["taskRoleArn", "executionRoleArn"].into_iter().filter_map(|role| given[role].as_str());
    roles
        .map(|role| Request::new("iam:PassRole", role).with("iam:PassedToService", "ecs-tasks.amazonaws.com"))
        .collect()
}
