use std::time::Duration;

use anyhow::{Context, Result};
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::reply::{Body, strip_hop_by_hop};

/// Passes requests on to the engine.
#[derive(Clone)]
pub(super) struct Upstream {
    http: Client<HttpConnector, Body>,
    base: String,
}

impl Upstream {
    pub fn new(base: &str) -> Self {
        // Shorter than the engine's own, so that no request meets a connection that is being closed.
        let http = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(20)).build_http();
        Self { http, base: base.to_owned() }
    }

    /// The same request at `path_and_query`; `Host` stays as the client sent it, since presigned URLs sign it.
    pub async fn send(&self, head: &Parts, path_and_query: &str, body: Body) -> Result<Response<Body>> {
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = format!("{}{path_and_query}", self.base).parse().context("no such path")?;
        *request.headers_mut() = head.headers.clone();
        strip_hop_by_hop(request.headers_mut());
        let mut response = self.http.request(request).await.context("the engine does not answer")?;
        strip_hop_by_hop(response.headers_mut());
        Ok(response.map(BodyExt::boxed))
    }
}

/// What follows the authority in a request's address.
pub(super) fn path_and_query(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("/", |path| path.as_str())
}
