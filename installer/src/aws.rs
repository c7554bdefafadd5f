//! The AWS account that a command works on.

use std::time::Duration;

use anyhow::anyhow;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

use crate::error::{Error, Result, ResultExt as _};

/// Exit code of what is missing before anything starts.
const PREFLIGHT: u8 = 3;

/// An account and a region, with credentials that AWS has accepted.
pub struct Aws {
    sdk: SdkConfig,
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Who we are there.
    pub identity: String,
}

impl Aws {
    /// Finds credentials and region where every AWS tool does, and asks AWS who that is.
    pub async fn connect(region: Option<&str>) -> Result<Self> {
        let sdk = load(region).await;
        let region = sdk.region().map(ToString::to_string).ok_or_else(|| {
            Error::new("no AWS region is set")
                .hint("add `--region eu-west-1` (or another), or set `AWS_REGION`")
                .exit(PREFLIGHT)
        })?;
        check_credentials(&sdk).await?;
        let identity = aws_sdk_sts::Client::new(&sdk).get_caller_identity().send().await.map_err(explain);
        let identity = identity
            .context("AWS did not accept the credentials")
            .hint("`aws sts get-caller-identity` shows the same; sign in again, or choose another `AWS_PROFILE`")
            .exit(PREFLIGHT)?;
        let account = identity.account().ok_or_else(|| Error::new("AWS named no account for these credentials"))?;
        let arn = identity.arn().unwrap_or("an unnamed identity");
        Ok(Self { account: account.to_owned(), region, identity: arn.to_owned(), sdk })
    }

    /// What the host names of this region's services end in.
    pub fn dns_suffix(&self) -> &'static str {
        if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// CloudFormation.
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        aws_sdk_cloudformation::Client::new(&self.sdk)
    }

    /// S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.sdk)
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk)
    }

    /// ECS.
    pub fn ecs(&self) -> aws_sdk_ecs::Client {
        aws_sdk_ecs::Client::new(&self.sdk)
    }

    /// CloudWatch Logs.
    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.sdk)
    }
}

/// The one place where the SDK is set up.
async fn load(region: Option<&str>) -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(60));
    let loader: ConfigLoader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::standard().with_max_attempts(6))
        .timeout_config(timeouts.build());
    match region {
        Some(region) => loader.region(Region::new(region.to_owned())).load().await,
        None => loader.load().await,
    }
}

async fn check_credentials(sdk: &SdkConfig) -> Result<()> {
    let hint = "run `aws configure` or `aws sso login`, or set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`";
    let none = || Error::new("no AWS credentials were found").hint(hint).exit(PREFLIGHT);
    let provider = sdk.credentials_provider().ok_or_else(none)?;
    match provider.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(aws_credential_types::provider::error::CredentialsError::CredentialsNotLoaded(_)) => Err(none()),
        Err(error) => Err(error).context("the AWS credentials can't be used").hint(hint).exit(PREFLIGHT),
    }
}

/// What AWS said about a failed call, without the SDK's wrapping.
pub fn explain<E, R>(error: SdkError<E, R>) -> anyhow::Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => anyhow!("{message} (`{code}`)"),
        (Some(code), None) => anyhow!("`{code}`"),
        _ => anyhow!("{}", DisplayErrorContext(&error)),
    }
}
