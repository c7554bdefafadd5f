//! What every request needs: the deployment's settings and the AWS clients.

use std::collections::BTreeMap;

use anyhow::Context;
use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_dynamodb as dynamodb;
use aws_sdk_ecs as ecs;
use aws_sdk_secretsmanager as secrets;
use aws_types::SdkConfig;
use runvoy_api::{id::ExecutionId, infra};
use time::OffsetDateTime;

use crate::{aws, limits::Buckets, log_stream, machine, s3::Bucket, token::Signer};

/// Made once a process; making it performs no I/O, so start-up does not grow with the data.
pub struct App {
    pub deployment: Deployment,
    pub dynamodb: dynamodb::Client,
    pub ecs: ecs::Client,
    pub logs: logs::Client,
    pub secrets: secrets::Client,
    pub signer: Signer,
    pub bucket: Bucket,
    pub buckets: Buckets,
    pub log_ends: log_stream::Ends,
}

/// What the template tells this process through its environment.
pub struct Deployment {
    pub stack: String,
    pub region: String,
    pub api_keys: String,
    pub executions: String,
    pub locks: String,
    pub audit: String,
    pub cluster: String,
    pub subnets: Vec<String>,
    pub security_group: String,
    pub assign_public_ip: String,
    pub task_role_arn: String,
    /// The others, by name.
    pub task_roles: BTreeMap<String, String>,
    pub task_execution_role_arn: String,
    pub architecture: String,
    pub default_image: String,
    pub prepare_image: String,
    pub default_spot: bool,
    pub log_group: String,
    pub web_ui_url: Option<String>,
}

impl App {
    pub fn new(environment: &dyn Fn(&str) -> Option<String>, config: &SdkConfig) -> anyhow::Result<Self> {
        let required = |name| required(environment, name);
        let secrets = secrets::Client::new(config);
        Ok(Self {
            deployment: Deployment::new(environment)?,
            dynamodb: dynamodb::Client::new(config),
            ecs: ecs::Client::new(config),
            logs: logs::Client::new(config),
            signer: Signer::new(secrets.clone(), required(infra::env::JWT_SECRET_ID)?),
            secrets,
            bucket: Bucket::new(
                &required(infra::env::BUCKET)?,
                &required("AWS_REGION")?,
                aws::credentials(environment)?,
                aws::endpoint(environment),
            ),
            buckets: Buckets::default(),
            log_ends: log_stream::Ends::default(),
        })
    }

    pub fn now(&self) -> OffsetDateTime {
        machine::now()
    }

    pub fn new_execution_id(&self) -> anyhow::Result<ExecutionId> {
        Ok(ExecutionId::new(self.now(), machine::random()?))
    }
}

impl Deployment {
    /// The ARN of the role of this name, or of the usual one.
    pub fn task_role(&self, name: Option<&str>) -> Option<&str> {
        match name {
            None | Some(infra::DEFAULT_TASK_ROLE) => Some(&self.task_role_arn),
            Some(name) => self.task_roles.get(name).map(String::as_str),
        }
    }

    fn new(environment: &dyn Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        use infra::env;
        let required = |name| required(environment, name);
        Ok(Self {
            stack: required(env::STACK_NAME)?,
            region: required("AWS_REGION")?,
            api_keys: required(env::API_KEYS_TABLE)?,
            executions: required(env::EXECUTIONS_TABLE)?,
            locks: required(env::LOCKS_TABLE)?,
            audit: required(env::AUDIT_TABLE)?,
            cluster: required(env::ECS_CLUSTER)?,
            subnets: required(env::SUBNET_IDS)?.split(',').map(str::to_owned).collect(),
            security_group: required(env::SECURITY_GROUP_ID)?,
            assign_public_ip: required(env::ASSIGN_PUBLIC_IP)?,
            task_role_arn: required(env::TASK_ROLE_ARN)?,
            task_roles: task_roles(&std::env::var(env::TASK_ROLES).unwrap_or_default()),
            task_execution_role_arn: required(env::TASK_EXECUTION_ROLE_ARN)?,
            architecture: required(env::TASK_ARCHITECTURE)?,
            default_image: required(env::DEFAULT_IMAGE)?,
            prepare_image: required(env::PREPARE_IMAGE)?,
            default_spot: required(env::DEFAULT_SPOT)? == "true",
            log_group: required(env::EXECUTION_LOG_GROUP)?,
            web_ui_url: environment(env::WEB_UI_URL).filter(|url| !url.is_empty()),
        })
    }
}

fn task_roles(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, arn)| (name.to_owned(), arn.to_owned())).collect()
}

fn required(environment: &dyn Fn(&str) -> Option<String>, name: &str) -> anyhow::Result<String> {
    environment(name)
        .filter(|value| !value.is_empty())
        .with_context(|| format!("the environment variable `{name}` is not set"))
}

#[cfg(test)]
impl App {
    /// One whose AWS clients lead nowhere, for what is decided before any call.
    pub fn for_tests() -> Self {
        let config = SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::v2026_01_12())
            .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
            .build();
        Self {
            deployment: Deployment::for_tests(),
            dynamodb: dynamodb::Client::new(&config),
            ecs: ecs::Client::new(&config),
            logs: logs::Client::new(&config),
            secrets: secrets::Client::new(&config),
            signer: Signer::new(secrets::Client::new(&config), "none".to_owned()),
            bucket: Bucket::for_tests(),
            buckets: Buckets::default(),
            log_ends: log_stream::Ends::default(),
        }
    }
}

#[cfg(test)]
impl Deployment {
    /// Some deployment, for tests of pure functions.
    pub fn for_tests() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            stack: text("runvoy"),
            region: text("us-east-1"),
            api_keys: text("runvoy-api-keys"),
            executions: text("runvoy-executions"),
            locks: text("runvoy-locks"),
            audit: text("runvoy-audit"),
            cluster: text("runvoy"),
            subnets: vec![text("subnet-1"), text("subnet-2")],
            security_group: text("sg-1"),
            assign_public_ip: text("ENABLED"),
            task_role_arn: text("arn:aws:iam::123456789012:role/task"),
            task_roles: task_roles("deploy=arn:aws:iam::123456789012:role/deploy"),
            task_execution_role_arn: text("arn:aws:iam::123456789012:role/execution"),
            architecture: text("ARM64"),
            default_image: text("alpine"),
            prepare_image: text("buildpack-deps"),
            default_spot: false,
            log_group: text("/runvoy/runvoy/executions"),
            web_ui_url: None,
        }
    }
}
