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

/// What Lambda's environment says: region, credentials, and an endpoint where it names one.
pub fn config() -> anyhow::Result<SdkConfig> {
    let variable =
        |name: &str| std::env::var(name).with_context(|| format!("the environment variable `{name}` is not set"));
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        std::env::var("AWS_SESSION_TOKEN").ok().filter(|token| !token.is_empty()),
        None,
        "environment",
    );
    let mut config = settings()
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(HttpClient::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https());
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") {
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
