//! What the calls ask the engine: clusters and task definitions.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Inner;
use super::definition::TaskDefinition;
use super::refusal::Refusal;

/// A cluster as the engine knows it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cluster {
    #[serde(rename = "clusterArn")]
    pub arn: String,
    status: String,
    #[serde(default)]
    pub capacity_providers: Vec<String>,
    #[serde(default)]
    pub default_capacity_provider_strategy: Vec<Provider>,
}

/// One entry of a capacity provider strategy.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Provider {
    pub capacity_provider: String,
    #[serde(default)]
    pub weight: u32,
    #[serde(default)]
    pub base: u32,
}

impl Inner {
    /// The cluster by name or ARN, as RunTask, DescribeTasks, ListTasks and StopTask take it.
    pub(super) async fn cluster(&self, reference: Option<&str>) -> Result<Cluster, Refusal> {
        let body = json!({ "clusters": [reference.unwrap_or("default")] });
        let mut reply = self.ecs("DescribeClusters", &body).await?;
        match reply["clusters"].get_mut(0).map(Value::take) {
            Some(cluster) => {
                let cluster: Cluster = read(cluster)?;
                if cluster.status == "ACTIVE" { Ok(cluster) } else { Err(Refusal::cluster_not_found()) }
            }
            None => Err(Refusal::cluster_not_found()),
        }
    }

    /// The task definition by ARN, `family:revision`, or `family`, which means its latest ACTIVE revision.
    pub(super) async fn definition(&self, reference: &str) -> Result<TaskDefinition, Refusal> {
        let definition = self.describe_definition(reference).await?;
        if definition.status == "ACTIVE" || reference != definition.family {
            return Ok(definition);
        }
        // The engine names the family's newest revision whether it is active or not.
        let body = json!({ "familyPrefix": reference, "status": "ACTIVE", "sort": "DESC" });
        let listed = self.ecs("ListTaskDefinitions", &body).await?;
        let own = format!(":task-definition/{reference}:");
        let arns = listed["taskDefinitionArns"].as_array().into_iter().flatten().filter_map(Value::as_str);
        match arns.into_iter().find(|arn| arn.contains(&own)) {
            Some(arn) => self.describe_definition(arn).await,
            None => Err(Refusal::client("TaskDefinition not found.")),
        }
    }

    async fn describe_definition(&self, reference: &str) -> Result<TaskDefinition, Refusal> {
        let body = json!({ "taskDefinition": reference });
        let mut reply = self.ecs("DescribeTaskDefinition", &body).await?;
        read(reply["taskDefinition"].take())
    }

    async fn ecs(&self, action: &str, body: &Value) -> Result<Value, Refusal> {
        let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
        self.engine.json("ecs", &target, body).await.map_err(|error| {
            let text = format!("{error:#}");
            match action {
                "DescribeTaskDefinition" if text.contains("ClientException") => {
                    Refusal::client("TaskDefinition not found.")
                }
                "DescribeClusters" if text.contains("ClusterNotFoundException") => Refusal::cluster_not_found(),
                _ => Refusal::server(text),
            }
        })
    }
}

impl Cluster {
    /// A task is named by its id or its ARN.
    pub fn task_arn(&self, reference: &str) -> String {
        if reference.starts_with("arn:") {
            return reference.to_owned();
        }
        format!("{}/{reference}", self.arn.replacen(":cluster/", ":task/", 1))
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::server(format!("the engine's reply is not ECS's: {error}")))
}
