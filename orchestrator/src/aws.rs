//! One SdkConfig for all clients, from the environment that Lambda sets.
//!
//! The usual credential chain would look at files, IMDS and STS, and double the size of the artifact.

use anyhow::Context;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder as HttpClient,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_types::{SdkConfig, sdk_config::Builder};
use std::time::Duration;

/// Where a process reads its settings.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

fn variable(environment: Environment<'_>, name: &str) -> anyhow::Result<String> {
    environment(name).with_context(|| format!("the environment variable `{name}` is not set"))
}

/// The function's own.
pub fn credentials(environment: Environment<'_>) -> anyhow::Result<Credentials> {
    let variable = |name| variable(environment, name);
    let token = environment("AWS_SESSION_TOKEN").filter(|token| !token.is_empty());
    Ok(Credentials::new(variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?, token, None, "environment"))
}

/// Where all of AWS is reached instead of at its own addresses.
pub fn endpoint(environment: Environment<'_>) -> Option<String> {
    environment("AWS_ENDPOINT_URL").filter(|url| !url.is_empty())
}

/// What Lambda's environment says: region, credentials, and an endpoint where it names one.
pub fn config(environment: Environment<'_>) -> anyhow::Result<SdkConfig> {
    let mut config = settings()
        .region(Region::new(variable(environment, "AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials(environment)?))
        .http_client(HttpClient::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    if let Some(endpoint) = endpoint(environment) {
        config = config.endpoint_url(endpoint);
    }
    Ok(config.build())
}

/// What no environment decides: how long calls may take, and how often they are sent again.
pub fn settings() -> Builder {
    // A request has 30 s in all: a call that hangs must leave room for a retry and for the reply.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(6))
        .operation_timeout(Duration::from_secs(15))
        .build();
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts)
}
