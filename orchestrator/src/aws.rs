//! One SdkConfig for all clients, from the environment that Lambda sets.
//!
//! The usual credential chain would look at files, IMDS and STS, and double the size of the artifact.

use anyhow::Context;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_types::SdkConfig;
use std::time::Duration;

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).with_context(|| format!("the environment variable `{name}` is not set"))
}

/// The function's own.
pub fn credentials() -> anyhow::Result<Credentials> {
    let token = std::env::var("AWS_SESSION_TOKEN").ok().filter(|token| !token.is_empty());
    Ok(Credentials::new(variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?, token, None, "environment"))
}

/// Where all of AWS is reached instead of at its own addresses.
pub fn endpoint() -> Option<String> {
    std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty())
}

pub fn config() -> anyhow::Result<SdkConfig> {
    // A request has 30 s in all: a call that hangs must leave room for a retry and for the reply.
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(6))
        .operation_timeout(Duration::from_secs(15))
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials()?))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts)
        .http_client(Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    if let Some(endpoint) = endpoint() {
        config = config.endpoint_url(endpoint);
    }
    Ok(config.build())
}
