//! Signed calls to services whose SDKs would each add more to the program than the few calls that it makes.

use std::time::{Duration, SystemTime};

use aws_credential_types::{Credentials, provider::ProvideCredentials as _};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_types::SdkConfig;
use reqwest::{RequestBuilder, Response, Url};
use serde_json::Value;
use tokio::time::sleep;

pub use reqwest::Method;

use super::{Aws, CallError, Service, expired::is_expired, weather};
use crate::error::Result as OurResult;

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause after a throttled call.
const THROTTLED: Duration = Duration::from_secs(1);
/// The first pause after any other failure.
const FAILED: Duration = Duration::from_millis(50);
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

    /// One look by the REST protocol that speaks XML (CloudFront).
    pub async fn look(&self, service: Service, path: &str) -> Result<String, CallError> {
        let (headers, body) = Default::default();
        self.call(&Call { service, method: Method::GET, path, headers, body, repeatable: true }).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_is_told_by_its_name() {
        let actions = ["GetRole", "ListRoles", "DescribeVpcs", "SimulatePrincipalPolicy", "CreateServiceLinkedRole"];
        assert_eq!(actions.map(reads), [true, true, true, true, false]);
    }
}
