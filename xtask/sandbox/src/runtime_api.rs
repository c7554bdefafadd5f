use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use crate::proxy::reply::{Body, reply};
use crate::proxy::server::Server;

const PREFIX: &str = "/2018-06-01/runtime";

/// Lambda's runtime API: hands events to one function process and takes its answers.
pub struct RuntimeApi {
    address: String,
    events: mpsc::Sender<(String, Value)>,
    state: Arc<State>,
    _server: Server,
}

struct State {
    events: Mutex<mpsc::Receiver<(String, Value)>>,
    waiting: Mutex<HashMap<String, oneshot::Sender<Result<Value>>>>,
}

impl RuntimeApi {
    /// Starts it on a free port of loopback.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
        let address = listener.local_addr()?.to_string();
        let (sender, events) = mpsc::channel(1);
        let state = Arc::new(State { events: Mutex::new(events), waiting: Mutex::default() });
        let shared = state.clone();
        let server = Server::start(listener, move |request| serve(shared.clone(), request));
        Ok(Self { address, events: sender, state, _server: server })
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Hands out one event and waits for its answer.
    pub async fn invoke(&self, event: Value, patience: Duration) -> Result<Value> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let id = format!("00000000-0000-4000-8000-{:012x}", since & 0xffff_ffff_ffff);
        let (answer, answered) = oneshot::channel();
        self.state.waiting.lock().await.insert(id.clone(), answer);
        self.events.send((id, event)).await.context("the runtime API has ended")?;
        match timeout(patience, answered).await {
            Ok(answer) => answer.context("the runtime API has ended")?,
            Err(_) => bail!("the function gave no answer within {} s", patience.as_secs()),
        }
    }
}

async fn serve(state: Arc<State>, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    if head.method == Method::GET && path == "/invocation/next" {
        return state.next().await;
    }
    let Ok(body) = body.collect().await else { return reply(400, "text/plain", "the request broke off") };
    let body = serde_json::from_slice::<Value>(&body.to_bytes()).unwrap_or_default();
    let parts = path.trim_start_matches('/').split('/').collect::<Vec<_>>();
    match parts[..] {
        ["invocation", id, "response"] => state.answer(id, Ok(body)).await,
        ["invocation", id, "error"] => state.answer(id, Err(anyhow!("the function failed: {body}"))).await,
        ["init", "error"] => {
            let waiting = state.waiting.lock().await.drain().collect::<Vec<_>>();
            for (_, answer) in waiting {
                let _ = answer.send(Err(anyhow!("the function could not start: {body}")));
            }
        }
        _ => return reply(404, "text/plain", "no such path"),
    }
    reply(202, "application/json", r#"{"status":"OK"}"#)
}

impl State {
    async fn next(&self) -> Response<Body> {
        let Some((id, event)) = self.events.lock().await.recv().await else {
            return reply(500, "text/plain", "the runtime API has ended");
        };
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + Duration::from_secs(30);
        let mut response = reply(200, "application/json", event.to_string());
        let headers = [
            ("lambda-runtime-aws-request-id", id),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:api".to_owned()),
        ];
        for (name, value) in headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    async fn answer(&self, id: &str, answer: Result<Value>) {
        if let Some(waiting) = self.waiting.lock().await.remove(id) {
            // Nobody waits any more: the caller's patience ended.
            let _ = waiting.send(answer);
        }
    }
}
