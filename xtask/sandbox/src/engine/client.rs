use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Speaks AWS's JSON protocol straight to the engine: such calls pass by the proxy, so they are neither logged nor counted.
#[derive(Clone)]
pub struct EngineClient {
    http: Client<HttpConnector, Full<Bytes>>,
    base: String,
    account: String,
    region: String,
}

impl EngineClient {
    /// A client of the engine at `base` (no trailing slash), for one account and region.
    pub fn new(base: String, account: String, region: String) -> Self {
        // Shorter than the engine's own, so that no request meets a connection that is being closed.
        let http = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(20)).build_http();
        Self { http, base, account, region }
    }

    /// The engine's own address, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The account id of this run.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region of this run.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// One call by the JSON protocol; `target` is the whole `X-Amz-Target`, such as `DynamoDB_20120810.GetItem`.
    pub async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        let request = Request::post(format!("{}/", self.base))
            .header("x-amz-target", target)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header(header::AUTHORIZATION, self.authorization(service))
            .body(Full::new(Bytes::from(body.to_string())))?;
        let reply = self.send(request).await.with_context(|| format!("`{target}` failed"))?;
        let (status, body) = (reply.status(), reply.into_body());
        let text = String::from_utf8_lossy(&body);
        if !status.is_success() {
            bail!("`{target}` failed with {status}: {text}");
        }
        if body.is_empty() {
            return Ok(Value::Object(Default::default()));
        }
        serde_json::from_slice(&body).with_context(|| format!("`{target}` did not answer in JSON: {text}"))
    }

    /// One call by the query protocol (CloudFormation); the reply is XML.
    pub async fn query(&self, service: &str, form: &str) -> Result<(u16, String)> {
        let request = Request::post(format!("{}/", self.base))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, self.authorization(service))
            .body(Full::new(Bytes::from(form.to_owned())))?;
        let reply = self.send(request).await?;
        Ok((reply.status().as_u16(), String::from_utf8_lossy(reply.body()).into_owned()))
    }

    /// One call by the REST protocol; the path starts with a slash.
    pub async fn get(&self, service: &str, path: &str) -> Result<(u16, Bytes)> {
        let request = Request::get(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, self.authorization(service))
            .body(Full::new(Bytes::new()))?;
        let reply = self.send(request).await?;
        Ok((reply.status().as_u16(), reply.into_body()))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        let (head, body) = self.http.request(request).await.context("the engine does not answer")?.into_parts();
        let body = body.collect().await.context("the engine's reply broke off")?.to_bytes();
        Ok(Response::from_parts(head, body))
    }

    /// The engine takes service and account from the scope and checks no signature.
    fn authorization(&self, service: &str) -> String {
        let (account, region) = (&self.account, &self.region);
        format!(
            "AWS4-HMAC-SHA256 Credential={account}/20260101/{region}/{service}/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=0"
        )
    }
}
