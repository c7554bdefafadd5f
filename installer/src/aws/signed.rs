//! Signed calls to services whose SDKs would each add more to the program than the few calls that it makes.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_credential_types::{Credentials, provider::ProvideCredentials as _};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_types::{SdkConfig, service_config::ServiceConfigKey};
use reqwest::{RequestBuilder, Response, Url};
use serde_json::Value;
use tokio::time::sleep;

pub use reqwest::Method;

use super::{Aws, credentials::is_expired, home_region, weather};
use crate::error::Result as OurResult;

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause after a throttled call.
const THROTTLED: Duration = Duration::from_secs(1);
/// The first pause after any other failure.
const FAILED: Duration = Duration::from_millis(50);
/// What AWS calls throttling.
const THROTTLES: [&str; 8] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
];

/// The services that are called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Roles and permissions; one for all regions.
    Iam,
    /// Networks, zones, regions.
    Ec2,
    /// Limits of the account.
    ServiceQuotas,
    /// Prices; for all regions in one.
    Pricing,
    /// Functions.
    Lambda,
    /// Secrets.
    SecretsManager,
}

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// AWS's code, such as `AccessDenied`; `Unsent` and `NoReply` are ours.
    pub code: String,
    /// What it says.
    pub message: String,
    /// The HTTP status; 0 without a reply.
    pub status: u16,
}

struct Call<'a> {
    service: Service,
    method: Method,
    path: &'a str,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Whether doing it twice is the same as once.
    repeatable: bool,
}

/// The HTTP client of these calls.
pub(super) fn client(sdk: &SdkConfig) -> OurResult<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("runvoy/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    // An endpoint of the user's own is reached as the SDK reaches it: directly.
    Ok(if sdk.endpoint_url().is_some() { builder.no_proxy() } else { builder }.build()?)
}

impl Aws {
    /// One call of the query protocol (IAM, EC2). The reply is XML. Lost replies are asked for again where the action
    /// only reads.
    pub async fn query(
        &self,
        service: Service,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, CallError> {
        let fixed = [("Action", action), ("Version", service.version())];
        let mut form = Url::parse_with_params("form:", fixed).map_err(CallError::unsent)?;
        form.query_pairs_mut().extend_pairs(parameters);
        self.call(&Call {
            service,
            method: Method::POST,
            path: "/",
            headers: vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".into())],
            body: form.query().unwrap_or_default().to_owned(),
            repeatable: reads(action),
        })
        .await
    }

    /// One call of the JSON protocol; `target` is `ServiceQuotasV20190624.GetServiceQuota` and the like.
    pub async fn json(&self, service: Service, target: &str, body: &Value) -> Result<Value, CallError> {
        let call = Call {
            service,
            method: Method::POST,
            path: "/",
            headers: vec![("content-type", "application/x-amz-json-1.1".into()), ("x-amz-target", target.into())],
            body: body.to_string(),
            repeatable: target.rsplit('.').next().is_some_and(reads),
        };
        parse(&self.call(&call).await?)
    }

    /// One call of the REST protocol (Lambda).
    pub async fn rest(
        &self,
        service: Service,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, CallError> {
        let headers = body.map(|_| ("content-type", "application/json".to_owned())).into_iter().collect();
        let body = body.map(ToString::to_string).unwrap_or_default();
        let repeatable = method.is_safe();
        parse(&self.call(&Call { service, method, path, headers, body, repeatable }).await?)
    }

    /// Calls, through weather.
    async fn call(&self, call: &Call<'_>) -> Result<String, CallError> {
        let (mut attempts, mut failures) = (0, 0);
        loop {
            let error = match self.attempt(call).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            attempts += 1;
            failures += u32::from(!error.is_throttling());
            if !error.is_worth_retrying(call.repeatable)
                || attempts >= weather::ATTEMPTS
                || failures >= weather::FAILURES
            {
                return Err(error);
            }
            let first = if error.is_throttling() { THROTTLED } else { FAILED };
            sleep(weather::pause(first, attempts, jitter())).await;
        }
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<String, CallError> {
        let credentials = self.credentials.provide_credentials().await.map_err(CallError::unsent)?;
        let url = format!("{}{}", call.service.endpoint(self), call.path);
        let request = self.http.request(call.method.clone(), &url).body(call.body.clone());
        let request = sign_request(request, call, &url, credentials, call.service.region(self))?;
        let result = read(request.send().await.map_err(CallError::transport)?).await;
        if result.as_ref().is_err_and(|error| is_expired(&error.code)) {
            self.credentials.refuse();
        }
        result
    }
}

fn sign_request(
    mut request: RequestBuilder,
    call: &Call<'_>,
    url: &str,
    credentials: Credentials,
    region: &str,
) -> Result<RequestBuilder, CallError> {
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(call.service.signing_name())
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(CallError::unsent)?
        .into();
    let headers = call.headers.iter().map(|(name, value)| (*name, value.as_str()));
    let body = SignableBody::Bytes(call.body.as_bytes());
    let signable = SignableRequest::new(call.method.as_str(), url, headers, body).map_err(CallError::unsent)?;
    let (signature, _) = sign(signable, &parameters).map_err(CallError::unsent)?.into_parts();
    for (name, value) in &call.headers {
        request = request.header(*name, value);
    }
    for (name, value) in signature.headers() {
        request = request.header(name, value);
    }
    Ok(request)
}

async fn read(reply: Response) -> Result<String, CallError> {
    let status = reply.status();
    let header = reply.headers().get("x-amzn-errortype").and_then(|kind| kind.to_str().ok()).map(str::to_owned);
    let body = reply.text().await.map_err(CallError::transport)?;
    if status.is_success() { Ok(body) } else { Err(CallError::of_reply(status.as_u16(), header.as_deref(), &body)) }
}

fn parse(body: &str) -> Result<Value, CallError> {
    let empty = || Ok(Value::Null);
    if body.is_empty() { empty() } else { serde_json::from_str(body) }.map_err(|error| CallError {
        code: "UnreadableReply".into(),
        message: error.to_string(),
        status: 200,
    })
}

/// Whether an action only looks, by AWS's own naming.
fn reads(action: &str) -> bool {
    ["Get", "List", "Describe", "Simulate"].iter().any(|verb| action.starts_with(verb))
}

/// A share of a pause, so that many clients don't come back at once.
fn jitter() -> f64 {
    let mut byte = [0];
    // Without randomness, the whole pause.
    getrandom::fill(&mut byte).map_or(1.0, |()| f64::from(byte[0]) / 255.0)
}

impl Service {
    fn signing_name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Ec2 => "ec2",
            Self::ServiceQuotas => "servicequotas",
            Self::Pricing => "pricing",
            Self::Lambda => "lambda",
            Self::SecretsManager => "secretsmanager",
        }
    }

    /// What its endpoint is set by: `AWS_ENDPOINT_URL_` and this, in upper case with underscores.
    fn id(self) -> &'static str {
        match self {
            Self::Iam => "IAM",
            Self::Ec2 => "EC2",
            Self::ServiceQuotas => "Service Quotas",
            Self::Pricing => "Pricing",
            Self::Lambda => "Lambda",
            Self::SecretsManager => "Secrets Manager",
        }
    }

    /// Of the query protocol.
    fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Ec2 => "2016-11-15",
            _ => "",
        }
    }

    fn region(self, aws: &Aws) -> &str {
        match self {
            Self::Iam => home_region(aws.partition()),
            // https://docs.aws.amazon.com/general/latest/gr/billing.html
            Self::Pricing if aws.partition() == "aws-cn" => "cn-northwest-1",
            Self::Pricing => "us-east-1",
            _ => &aws.region,
        }
    }

    fn endpoint(self, aws: &Aws) -> String {
        let key =
            ServiceConfigKey::builder().service_id(self.id()).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let own = key.ok().and_then(|key| aws.sdk.service_config()?.load_config(key));
        let set = own.or_else(|| aws.sdk.endpoint_url().map(str::to_owned));
        set.map_or_else(|| self.host(aws), |url| url.trim_end_matches('/').to_owned())
    }

    fn host(self, aws: &Aws) -> String {
        let (name, region, suffix) = (self.signing_name(), self.region(aws), aws.dns_suffix());
        match (self, aws.partition()) {
            (Self::Iam, "aws") => "https://iam.amazonaws.com".into(),
            (Self::Iam, "aws-us-gov") => "https://iam.us-gov.amazonaws.com".into(),
            (Self::Pricing, _) => format!("https://api.pricing.{region}.{suffix}"),
            _ => format!("https://{name}.{region}.{suffix}"),
        }
    }
}

impl CallError {
    fn unsent(error: impl fmt::Display + fmt::Debug) -> Self {
        Self { code: "Unsent".into(), message: error.to_string(), status: 0 }
    }

    fn transport(error: reqwest::Error) -> Self {
        let code = if error.is_connect() { "Unconnected" } else { "NoReply" };
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self { code: code.into(), message: cause.to_string(), status: 0 }
    }

    fn of_reply(status: u16, header: Option<&str>, body: &str) -> Self {
        let (code, message) = of_xml(body).or_else(|| of_json(header, body)).unwrap_or_default();
        let code = if code.is_empty() { format!("{status}") } else { code };
        Self { code, message, status }
    }

    /// Whether AWS only asks for fewer calls.
    pub fn is_throttling(&self) -> bool {
        self.status == 429 || THROTTLES.contains(&self.code.as_str())
    }

    /// Whether AWS does not let us ask.
    pub fn is_denied(&self) -> bool {
        ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"].contains(&self.code.as_str())
    }

    /// Whether it is not known what became of the call.
    pub fn is_uncertain(&self) -> bool {
        self.code == "NoReply" || self.status >= 500
    }

    fn is_worth_retrying(&self, repeatable: bool) -> bool {
        self.is_throttling()
            || is_expired(&self.code)
            || self.code == "Unconnected"
            || repeatable && self.is_uncertain()
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => write!(f, "`{}`", self.code),
            message => write!(f, "{message} (`{}`)", self.code),
        }
    }
}

impl std::error::Error for CallError {}

fn of_xml(body: &str) -> Option<(String, String)> {
    let document = roxmltree::Document::parse(body).ok()?;
    let text = |name| {
        let node = document.descendants().find(|node| node.tag_name().name() == name)?;
        node.text().map(|text| text.trim().to_owned())
    };
    Some((text("Code")?, text("Message").unwrap_or_default()))
}

fn of_json(header: Option<&str>, body: &str) -> Option<(String, String)> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let code = body["__type"].as_str().or(header).or(body["code"].as_str())?;
    // `com.amazonaws.x#Code` in bodies, `Code:http://…` in headers.
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
    Some((code.to_owned(), message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, header: Option<&str>, body: &str) -> CallError {
        CallError::of_reply(status, header, body)
    }

    #[test]
    fn errors_of_all_protocols_are_read() {
        let iam = r#"<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>
            <Code>NoSuchEntity</Code><Message>The role is not there.</Message></Error></ErrorResponse>"#;
        assert_eq!(error(404, None, iam).to_string(), "The role is not there. (`NoSuchEntity`)");
        let ec2 = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
        assert!(error(403, None, ec2).is_denied());
        let json = r#"{"__type":"com.amazonaws.servicequotas#NoSuchResourceException","Message":"none"}"#;
        assert_eq!(error(400, None, json).code, "NoSuchResourceException");
        let rest = error(404, Some("ResourceNotFoundException:http://x/"), r#"{"Message":"not found"}"#);
        assert_eq!((rest.code.as_str(), rest.message.as_str()), ("ResourceNotFoundException", "not found"));
        assert_eq!(error(502, None, "bad gateway").to_string(), "`502`");
    }

    #[test]
    fn only_what_is_safe_is_tried_again() {
        let (read, write) = (reads("GetRole"), reads("CreateServiceLinkedRole"));
        let cases = [
            (error(400, None, r#"{"__type":"ThrottlingException"}"#), [true, true]),
            (error(403, None, "<Error><Code>ExpiredToken</Code></Error>"), [true, true]),
            (error(500, None, ""), [true, false]),
            (CallError { code: "NoReply".into(), message: String::new(), status: 0 }, [true, false]),
            (CallError { code: "Unconnected".into(), message: String::new(), status: 0 }, [true, true]),
            (error(403, None, "<Error><Code>AccessDenied</Code></Error>"), [false, false]),
        ];
        for (error, expected) in cases {
            assert_eq!([read, write].map(|repeatable| error.is_worth_retrying(repeatable)), expected, "{error:?}");
        }
    }
}
