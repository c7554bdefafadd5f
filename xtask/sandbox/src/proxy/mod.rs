//! The one door to the engine: it knows who calls, writes down what they call, and corrects where the engine is not AWS.

mod account;
mod calls;
mod exchange;
mod form;
mod function_urls;
mod gate;
mod iam;
mod name;
pub(crate) mod reply;
pub mod script;
pub(crate) mod server;
mod stacks;
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
use exchange::Exchange;
use form::Form;
use function_urls::FunctionUrls;
use gate::{Gate, Refusal};
use iam::Iam;
pub use iam::{Record, Use};
use name::Name;
use reply::{Body, error, full, reply};
use script::Script;
use server::Server;
use stacks::{Course, Stacks};
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
    script: Script,
    _server: Server,
}

struct State {
    gate: Gate,
    engine: EngineClient,
    upstream: Upstream,
    fargate: Fargate,
    calls: Arc<CallLog>,
    urls: FunctionUrls,
    stacks: Stacks,
    script: Script,
    iam: Iam,
}

impl Proxy {
    /// Serves `listener`, which is bound before the engine starts, since the engine must know its address.
    pub fn start(
        listener: TcpListener,
        keys: Keys,
        engine: EngineClient,
        fargate: Fargate,
        log: &Path,
        grants: &Path,
    ) -> Result<Self> {
        let port = listener.local_addr().context("the proxy has no address")?.port();
        let gate =
            Gate { port, client_key: keys.client, function_key: keys.function, function_token: keys.function_token };
        let calls = Arc::new(CallLog::new(log)?);
        let upstream = Upstream::new(engine.base());
        let urls = FunctionUrls::new(upstream.clone(), engine.region());
        let script = Script::default();
        let stacks = Stacks::new(engine.clone(), script.clone());
        let iam = Iam::new(engine.clone(), grants)?;
        let (calls_log, script_too) = (calls.clone(), script.clone());
        let state = State { gate, engine, upstream, fargate, calls: calls_log, urls, stacks, script: script_too, iam };
        let state = Arc::new(state);
        let server = Server::start(listener, move |request| serve(state.clone(), request));
        Ok(Self { calls, script, _server: server })
    }

    /// What callers meet with.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// The calls after the `seq`th.
    pub fn calls_since(&self, seq: u64) -> Vec<Call> {
        self.calls.since(seq)
    }
}

async fn serve(state: Arc<State>, request: Request<Incoming>) -> Response<Body> {
    let admitted = match state.gate.admit(&request) {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(&state, &request, refusal),
    };
    let exchange = match Exchange::read(&state, request).await {
        Ok(exchange) => exchange,
        Err(broken) => return broken,
    };
    exchange.serve(state, admitted).await
}

impl State {
    /// `is_here`: in the region that everything of this run is in. Elsewhere the engine is as it is.
    async fn answer(
        &self,
        name: &Name,
        head: &Parts,
        known: &Bytes,
        body: Body,
        is_here: bool,
    ) -> Result<Response<Body>> {
        match name.service.as_str() {
            "ecs" => match self.fargate.handle(&name.action, known).await {
                Some(answer) => Ok(reply(answer.status, "application/x-amz-json-1.1", answer.body.to_string())),
                None => self.pass(head, body).await,
            },
            "cloudformation" if is_here => self.cloudformation(head, known, body).await,
            "lambda" if name.action.contains("FunctionUrlConfig") => {
                let reply = self.pass(head, body).await?;
                self.translated(reply).await
            }
            _ => match account::answer(&self.engine, &self.script.account(), name, known).await? {
                Some(answer) => Ok(answer),
                None => self.pass(head, body).await,
            },
        }
    }

    async fn cloudformation(&self, head: &Parts, known: &Bytes, body: Body) -> Result<Response<Body>> {
        let form = Form::parse(known);
        let begun = match self.stacks.before(&form).await? {
            Course::Reply(reply) => return self.translated(reply).await,
            Course::Pass(begun) => begun,
        };
        let (head, body) = self.pass(head, body).await?.into_parts();
        let body = body.collect().await.context("the engine's reply broke off")?.to_bytes();
        self.stacks.passed(&form, begun, head.status.as_u16(), &String::from_utf8_lossy(&body));
        self.translated(Response::from_parts(head, full(body))).await
    }

    async fn pass(&self, head: &Parts, body: Body) -> Result<Response<Body>> {
        self.upstream.send(head, path_and_query(head), body).await
    }

    /// Puts the function URLs' addresses here into a reply.
    async fn translated(&self, reply: Response<Body>) -> Result<Response<Body>> {
        let (mut head, body) = reply.into_parts();
        let body = body.collect().await.context("the engine's reply broke off")?.to_bytes();
        let Ok(text) = String::from_utf8(body.to_vec()) else { return Ok(Response::from_parts(head, full(body))) };
        head.headers.remove(header::CONTENT_LENGTH);
        let text = self.urls.translate(text).await?;
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
    state.calls.begin(Caller::Stranger, name, None).end(403);
    response
}
