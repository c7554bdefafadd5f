//! The one door to the engine: it knows who calls, writes down what they call, and corrects where the engine is not AWS.

mod calls;
mod capabilities;
mod deletion;
mod form;
mod function_urls;
mod gate;
mod name;
pub(crate) mod reply;
pub(crate) mod server;
mod template;
mod upstream;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpListener;

use crate::engine::EngineClient;
use crate::fargate::Fargate;
use calls::CallLog;
pub use calls::{Call, Caller};
use deletion::FailedDeletions;
use form::Form;
use function_urls::FunctionUrls;
use gate::{Credential, Gate, Refusal};
use name::Name;
use reply::{Body, error, full, reply};
use server::Server;
use upstream::{Upstream, path_and_query};

/// The keys of a run.
pub(crate) struct Keys {
    pub client: String,
    pub function: String,
    pub function_token: String,
}

/// The running proxy. Dropping it closes all its ports.
pub(crate) struct Proxy {
    calls: Arc<CallLog>,
    _server: Server,
}

struct State {
    gate: Gate,
    engine: EngineClient,
    upstream: Upstream,
    fargate: Fargate,
    calls: Arc<CallLog>,
    urls: FunctionUrls,
    failed: FailedDeletions,
}

impl Proxy {
    /// Serves `listener`, which is bound before the engine starts, since the engine must know its address.
    pub fn start(
        listener: TcpListener,
        keys: Keys,
        engine: EngineClient,
        fargate: Fargate,
        log: &Path,
    ) -> Result<Self> {
        let port = listener.local_addr().context("the proxy has no address")?.port();
        let gate =
            Gate { port, client_key: keys.client, function_key: keys.function, function_token: keys.function_token };
        let calls = Arc::new(CallLog::new(log)?);
        let upstream = Upstream::new(engine.base());
        let urls = FunctionUrls::new(upstream.clone(), engine.region());
        let failed = FailedDeletions::default();
        let state = Arc::new(State { gate, engine, upstream, fargate, calls: calls.clone(), urls, failed });
        let server = Server::start(listener, move |request| serve(state.clone(), request));
        Ok(Self { calls, _server: server })
    }

    /// The calls after the `seq`th.
    pub fn calls_since(&self, seq: u64) -> Vec<Call> {
        self.calls.since(seq)
    }
}

async fn serve(state: Arc<State>, request: Request<Incoming>) -> Response<Body> {
    let caller = match state.gate.admit(&request) {
        Ok(caller) => caller,
        Err(refusal) => return refuse(&state, &request, refusal),
    };
    let service = Credential::of(&request).map_or(String::new(), |credential| credential.service.to_owned());
    let (head, body) = request.into_parts();
    // S3's bodies can be large and tell us nothing: they stream through.
    let (known, body) = if service == "s3" {
        (Bytes::new(), body.boxed())
    } else {
        match body.collect().await {
            Ok(body) => (body.to_bytes(), full(Bytes::new())),
            Err(_) => return reply(400, "text/plain", "the request broke off"),
        }
    };
    let name = Name::of(&service, &head, &known);
    let seq = state.calls.begin(caller, name.clone());
    let body = if service == "s3" { body } else { full(known.clone()) };
    let is_json = is_json(&service, &head);
    let answer = state.answer(&name, &head, &known, body).await;
    let response =
        answer.unwrap_or_else(|cause| error(&service, is_json, 500, "InternalFailure", &format!("{cause:#}")));
    state.calls.end(seq, response.status().as_u16());
    response
}

impl State {
    async fn answer(&self, name: &Name, head: &Parts, known: &Bytes, body: Body) -> Result<Response<Body>> {
        match name.service.as_str() {
            "ecs" => match self.fargate.handle(&name.action, known).await {
                Some(answer) => Ok(reply(answer.status, "application/x-amz-json-1.1", answer.body.to_string())),
                None => self.pass(head, body).await,
            },
            "cloudformation" => self.cloudformation(head, known, body).await,
            "lambda" if name.action.contains("FunctionUrlConfig") => self.translated(head, body, |text| text).await,
            _ => self.pass(head, body).await,
        }
    }

    async fn cloudformation(&self, head: &Parts, known: &Bytes, body: Body) -> Result<Response<Body>> {
        let form = Form::parse(known);
        let refusal = match form.get("Action").as_deref() {
            Some("CreateStack") => capabilities::refuse(&self.engine, &form).await?,
            Some("UpdateStack" | "CreateChangeSet") => match self.failed.on_update(&form) {
                Some(refusal) => Some(refusal),
                None => capabilities::refuse(&self.engine, &form).await?,
            },
            Some("DeleteStack") => self.failed.on_delete(&self.engine, &form).await?,
            _ => None,
        };
        match refusal {
            Some(refusal) => Ok(refusal),
            None => self.translated(head, body, |text| self.failed.overlay(&form, text)).await,
        }
    }

    async fn pass(&self, head: &Parts, body: Body) -> Result<Response<Body>> {
        self.upstream.send(head, path_and_query(head), body).await
    }

    /// Passes a call on and puts the function URLs' addresses here into the reply.
    async fn translated(
        &self,
        head: &Parts,
        body: Body,
        edit: impl FnOnce(String) -> String,
    ) -> Result<Response<Body>> {
        let (mut head, body) = self.pass(head, body).await?.into_parts();
        let body = body.collect().await.context("the engine's reply broke off")?.to_bytes();
        let Ok(text) = String::from_utf8(body.to_vec()) else { return Ok(Response::from_parts(head, full(body))) };
        head.headers.remove(header::CONTENT_LENGTH);
        let text = self.urls.translate(edit(text)).await?;
        Ok(Response::from_parts(head, full(text)))
    }
}

fn refuse(state: &State, request: &Request<Incoming>, refusal: Refusal) -> Response<Body> {
    let name = Name::refused(request);
    let is_json = request.headers().contains_key("x-amz-target");
    let code = match (refusal, name.service.as_str()) {
        (Refusal::UnknownKey, "s3") => "InvalidAccessKeyId",
        (Refusal::UnknownKey, _) if is_json => "UnrecognizedClientException",
        (Refusal::UnknownKey, _) => "InvalidClientTokenId",
        _ => "AccessDenied",
    };
    let response = error(&name.service, is_json, 403, code, refusal.message());
    let seq = state.calls.begin(Caller::Stranger, name);
    state.calls.end(seq, 403);
    response
}

/// Whether a service answers errors in JSON.
fn is_json(service: &str, head: &Parts) -> bool {
    service == "lambda" || head.headers.contains_key("x-amz-target")
}
