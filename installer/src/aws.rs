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

/// A service that is called without an SDK of its own.
#[derive(Debug, Clone, Copy)]
pub enum Service {
    /// Lambda.
    Lambda,
}

/// A call that failed.
#[derive(Debug)]
pub struct CallError {
    /// The error's code, as AWS names it.
    pub code: String,
    /// AWS's own words.
    pub message: String,
    /// The HTTP status; 0 without a reply.
    pub status: u16,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (`{}`)", self.message, self.code)
    }
}

impl std::error::Error for CallError {}

impl Aws {
    /// A REST-JSON call.
    pub async fn rest(
        &self,
        service: Service,
        method: reqwest::Method,
        path: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<serde_json::Value, CallError> {
        let failed = |code: &str, message: String| CallError { code: code.to_owned(), message, status: 0 };
        let Service::Lambda = service;
        let base = ["AWS_ENDPOINT_URL_LAMBDA", "AWS_ENDPOINT_URL"].iter().find_map(|name| std::env::var(name).ok());
        let base = base.unwrap_or_else(|| format!("https://lambda.{}.{}", self.region, self.dns_suffix()));
        let url = format!("{}{path}", base.trim_end_matches('/'));
        let bytes = body.map(serde_json::Value::to_string).unwrap_or_default();
        let provider = self.sdk.credentials_provider().ok_or_else(|| failed("NoCredentials", "none".into()))?;
        let credentials = provider.provide_credentials().await;
        let credentials = credentials.map_err(|error| failed("NoCredentials", error.to_string()))?;
        let headers = sign(credentials, &self.region, method.as_str(), &url, bytes.as_bytes());
        let headers = headers.map_err(|error| failed("NotSigned", error.to_string()))?;
        let mut request = reqwest::Client::new().request(method, &url).body(bytes);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let reply = request.send().await.map_err(|error| failed("NoReply", error.to_string()))?;
        let (status, code) = (reply.status(), reply.headers().get("x-amzn-errortype").cloned());
        let body: serde_json::Value = reply.json().await.map_err(|error| failed("NoReply", error.to_string()))?;
        if status.is_success() {
            return Ok(body);
        }
        let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or("AWS gave no reason").to_owned();
        let code = code.as_ref().and_then(|code| code.to_str().ok()).unwrap_or("UnknownError").to_owned();
        Err(CallError { code, message, status: status.as_u16() })
    }
}

fn sign(
    credentials: aws_credential_types::Credentials,
    region: &str,
    method: &str,
    url: &str,
    body: &[u8],
) -> anyhow::Result<Vec<(String, String)>> {
    use aws_sigv4::{http_request as http, sign::v4};
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("lambda")
        .time(std::time::SystemTime::now())
        .settings(http::SigningSettings::default())
        .build()?;
    let request = http::SignableRequest::new(method, url, std::iter::empty(), http::SignableBody::Bytes(body))?;
    let (instructions, _) = http::sign(request, &parameters.into())?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
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
