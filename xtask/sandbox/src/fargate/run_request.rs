//! RunTask's request, and what AWS refuses in it.

use runvoy_api::fargate::size;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::definition::TaskDefinition;
use super::lookup::{Cluster, Provider};
use super::refusal::Refusal;
use super::spec::ContainerOverride;

/// The most characters that a task's overrides may have as JSON.
const OVERRIDES_LIMIT: usize = 8192;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call {
    pub cluster: Option<String>,
    #[serde(default)]
    pub task_definition: String,
    pub count: Option<u64>,
    pub client_token: Option<String>,
    pub started_by: Option<String>,
    group: Option<String>,
    launch_type: Option<String>,
    #[serde(default)]
    capacity_provider_strategy: Vec<Provider>,
    #[serde(default)]
    network_configuration: Value,
    #[serde(default)]
    pub overrides: Overrides,
    #[serde(default)]
    enable_execute_command: bool,
    #[serde(default)]
    pub tags: Vec<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Overrides {
    #[serde(default)]
    pub container_overrides: Vec<ContainerOverride>,
    cpu: Option<String>,
    memory: Option<String>,
    ephemeral_storage: Option<Storage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    #[serde(rename = "sizeInGiB")]
    gib: u32,
}

impl Call {
    /// What AWS refuses without looking anything up.
    pub fn check(&self, overrides: &Value) -> Result<(), Refusal> {
        let printable = |text: &str| text.bytes().all(|byte| (33..=126).contains(&byte));
        if self.client_token.as_ref().is_some_and(|token| token.len() > 64 || !printable(token)) {
            return Err(Refusal::invalid("clientToken must be at most 64 ASCII characters in the range of 33 to 126."));
        }
        if self.started_by.as_ref().is_some_and(|by| by.chars().count() > 128) {
            return Err(Refusal::invalid("startedBy must be at most 128 characters long."));
        }
        if !(1..=10).contains(&self.count.unwrap_or(1)) {
            return Err(Refusal::invalid("count must be between 1 and 10."));
        }
        if !overrides.is_null() && overrides.to_string().chars().count() > OVERRIDES_LIMIT {
            return Err(Refusal::invalid(format!("Container Overrides length must be at most {OVERRIDES_LIMIT}")));
        }
        if self.overrides.ephemeral_storage.as_ref().is_some_and(|storage| !(20..=200).contains(&storage.gib)) {
            return Err(Refusal::invalid("EphemeralStorage sizeInGiB must be between 20 and 200."));
        }
        Ok(())
    }

    /// What DescribeTasks will show unchanged for the task's whole life.
    pub fn fixed(
        &self,
        cluster: &Cluster,
        definition: &TaskDefinition,
        mut overrides: Value,
        region: &str,
    ) -> Result<Map<String, Value>, Refusal> {
        let provider = self.provider(cluster)?;
        let subnets = &self.network_configuration["awsvpcConfiguration"]["subnets"];
        if subnets.as_array().is_none_or(Vec::is_empty) {
            let message = "Network Configuration must be provided when networkMode 'awsvpc' is specified.";
            return Err(Refusal::invalid(message));
        }
        let (cpu, memory) = self.size(definition)?;
        if overrides.is_null() {
            overrides = json!({});
        }
        if overrides["containerOverrides"].is_null() {
            overrides["containerOverrides"] = json!([]);
        }
        let fixed = json!({
            "taskDefinitionArn": definition.task_definition_arn,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "availabilityZone": format!("{region}a"),
            "connectivity": "CONNECTED",
            "healthStatus": "UNKNOWN",
            "attachments": [],
            "ephemeralStorage": { "sizeInGiB": self.overrides.ephemeral_storage.as_ref().map_or(20, |disk| disk.gib) },
            "cpu": cpu.to_string(),
            "memory": memory.to_string(),
            "overrides": overrides,
            "enableExecuteCommand": self.enable_execute_command,
            "group": self.group.clone().unwrap_or_else(|| format!("family:{}", definition.family)),
        });
        let Value::Object(mut fixed) = fixed else { return Err(Refusal::server("no task")) };
        fixed.extend(self.started_by.clone().map(|by| ("startedBy".to_owned(), json!(by))));
        fixed.extend(provider.map(|name| ("capacityProviderName".to_owned(), json!(name))));
        Ok(fixed)
    }

    /// The capacity provider, or `None` with launch type FARGATE.
    fn provider<'a>(&'a self, cluster: &'a Cluster) -> Result<Option<&'a str>, Refusal> {
        let strategy = match (&self.launch_type, &self.capacity_provider_strategy) {
            (Some(_), given) if !given.is_empty() => {
                let message = "Specify either launchType or capacityProviderStrategy, not both.";
                return Err(Refusal::invalid(message));
            }
            (Some(kind), _) if kind == "FARGATE" => return Ok(None),
            (None, given) if !given.is_empty() => given,
            (None, _) if !cluster.default_capacity_provider_strategy.is_empty() => {
                &cluster.default_capacity_provider_strategy
            }
            // The launch type is EC2, and this cluster has no instances.
            _ => return Err(Refusal::invalid("No Container Instances were found in your cluster.")),
        };
        for provider in strategy {
            let name = &provider.capacity_provider;
            if !["FARGATE", "FARGATE_SPOT"].contains(&name.as_str()) || !cluster.capacity_providers.contains(name) {
                return Err(Refusal::invalid(format!("The specified capacity provider {name} was not found.")));
            }
        }
        let chosen = strategy.iter().max_by_key(|provider| (provider.base, provider.weight));
        Ok(chosen.map(|provider| provider.capacity_provider.as_str()))
    }

    fn size(&self, definition: &TaskDefinition) -> Result<(u32, u32), Refusal> {
        let wrong = |text: &str| Refusal::invalid(format!("No Fargate configuration exists for given values: {text}."));
        let number = |given: &Option<String>, defined: &Option<String>| {
            let text = given.as_ref().or(defined.as_ref());
            text.map(|text| text.parse::<u32>().map_err(|_| wrong(text))).transpose()
        };
        let cpu = number(&self.overrides.cpu, &definition.cpu)?;
        let memory = number(&self.overrides.memory, &definition.memory)?;
        size(cpu, memory).map_err(|invalid| wrong(&invalid.to_string()))
    }
}
