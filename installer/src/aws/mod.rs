//! The AWS account that a command works on.

mod call_error;
mod credentials;
mod expired;
mod service;
mod signed;
mod weather;

use std::{error::Error as StdError, time::Duration};

use anyhow::anyhow;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider, error::CredentialsError};
use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sts::config::IdentityCache;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

pub use call_error::CallError;
pub use expired::Expired;
pub use service::Service;
pub use signed::Method;

use crate::{
    error::{Error, Result, ResultExt as _},
    exit,
};
use credentials::Renewing;

/// An account and a region, with credentials that AWS has accepted.
#[derive(Clone)]
pub struct Aws {
    sdk: SdkConfig,
    credentials: Renewing,
    http: reqwest::Client,
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// Who we are there.
    pub identity: String,
}

/// A client that survives AWS's weather. A budget of retries is one client's own, and a client is made for each call.
macro_rules! client {
    ($aws:ident, $sdk:ident) => {
        $sdk::Client::from_conf(
            $sdk::config::Builder::from(&$aws.sdk)
                .retry_classifier($aws.credentials.clone())
                .retry_partition(weather::partition())
                .build(),
        )
    };
}

impl Aws {
    /// Finds credentials and region where every AWS tool does, and asks AWS who that is.
    pub async fn connect(region: Option<&str>) -> Result<Self> {
        let found = load(region.map(|region| Region::new(region.to_owned()))).await;
        let region = found.region().cloned().ok_or_else(|| {
            Error::new("no AWS region is set")
                .hint("add `--region eu-west-1` (or another), or set `AWS_REGION`")
                .exit(exit::PREFLIGHT)
        })?;
        let credentials = Renewing::new(region.clone());
        check_credentials(&credentials).await?;
        let sdk = found
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            // `Renewing` keeps them itself: what is kept elsewhere could not be renewed.
            .identity_cache(IdentityCache::no_cache())
            .build();
        let (account, identity) = who(&sdk, &region).await?;
        credentials.belong_to(&account);
        let http = signed::client(&sdk)?;
        Ok(Self { sdk, credentials, http, account, region: region.to_string(), identity })
    }

    /// Where to say that credentials have expired and are waited for. Without it, it goes to stderr. Only the first
    /// one counts.
    pub fn on_notice(&self, notice: impl Fn(&str) + Send + Sync + 'static) {
        self.credentials.on_notice(notice);
    }

    /// What the host names of this region's services end in.
    pub fn dns_suffix(&self) -> &'static str {
        if self.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// What this region's ARNs begin with, after `arn:`.
    pub fn partition(&self) -> &'static str {
        partition(&self.region)
    }

    /// CloudFormation.
    pub fn cloudformation(&self) -> aws_sdk_cloudformation::Client {
        client!(self, aws_sdk_cloudformation)
    }

    /// S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        client!(self, aws_sdk_s3)
    }

    /// DynamoDB.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        client!(self, aws_sdk_dynamodb)
    }

    /// ECS.
    pub fn ecs(&self) -> aws_sdk_ecs::Client {
        client!(self, aws_sdk_ecs)
    }

    /// CloudWatch Logs.
    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        client!(self, aws_sdk_cloudwatchlogs)
    }
}

fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// The region of a partition that every account has.
fn home_region(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

/// The one place where the SDK is set up. Each call reads the user's files anew.
async fn load(region: Option<Region>) -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let timeouts =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(Duration::from_secs(60));
    let loader: ConfigLoader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(weather::retries())
        .timeout_config(timeouts.build());
    match region {
        Some(region) => loader.region(region).load().await,
        None => loader.load().await,
    }
}

async fn check_credentials(credentials: &Renewing) -> Result<()> {
    let hint = "run `aws configure` or `aws sso login`, or set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`";
    match credentials.provide_credentials().await {
        Ok(_) => Ok(()),
        Err(CredentialsError::CredentialsNotLoaded(_)) => {
            Err(Error::new("no AWS credentials were found").hint(hint).exit(exit::PREFLIGHT))
        }
        Err(error) => Err(error).context("the AWS credentials can't be used").hint(hint).exit(exit::PREFLIGHT),
    }
}

/// Account and ARN of the credentials.
async fn who(sdk: &SdkConfig, region: &Region) -> Result<(String, String)> {
    let sts = |config: aws_sdk_sts::config::Builder| aws_sdk_sts::Client::from_conf(config.build());
    let identity = match sts(sdk.into()).get_caller_identity().send().await {
        Ok(identity) => identity,
        Err(error) => {
            // A region that is not enabled calls every key invalid.
            let home = home_region(partition(region.as_ref()));
            let invalid = error.code() == Some("InvalidClientTokenId") && region.as_ref() != home;
            let elsewhere = aws_sdk_sts::config::Builder::from(sdk).region(Region::from_static(home));
            if invalid && sts(elsewhere).get_caller_identity().send().await.is_ok() {
                return Err(not_enabled(region.as_ref()));
            }
            return Err(explain(error))
                .context("AWS did not accept the credentials")
                .hint("`aws sts get-caller-identity` shows the same; sign in again, or choose another `AWS_PROFILE`")
                .exit(exit::PREFLIGHT);
        }
    };
    let account = identity.account().ok_or_else(|| Error::new("AWS named no account for these credentials"))?;
    Ok((account.to_owned(), identity.arn().unwrap_or("an unnamed identity").to_owned()))
}

fn not_enabled(region: &str) -> Error {
    Error::new(format!("the region `{region}` is not enabled in this account"))
        .hint(format!("`aws account enable-region --region-name {region}`, or choose another with `--region`"))
        .exit(exit::PREFLIGHT)
}

/// What AWS said about a failed call, without the SDK's wrapping.
pub fn explain<E, R>(error: SdkError<E, R>) -> anyhow::Error
where
    E: ProvideErrorMetadata + StdError + 'static,
    R: std::fmt::Debug,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => anyhow!("{message} (`{code}`)"),
        (Some(code), None) => anyhow!("`{code}`"),
        _ => match expired(error.source()) {
            Some(expired) => expired.clone().into(),
            None => anyhow!("{}", DisplayErrorContext(&error)),
        },
    }
}

/// The reason that there were no credentials to sign a call with, if that is why it failed.
fn expired<'a>(mut cause: Option<&'a (dyn StdError + 'static)>) -> Option<&'a Expired> {
    while let Some(error) = cause {
        if let Some(expired) = error.downcast_ref() {
            return Some(expired);
        }
        cause = error.source();
    }
    None
}
