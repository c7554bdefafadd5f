//! The targets that events go to: functions and queues, with the target's dead-letter queue behind them.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::engine::EngineClient;

/// EventBridge tries for a day; a sandbox's target that fails for this long will not recover.
const ATTEMPTS: u32 = 5;
const RETRY: Duration = Duration::from_millis(200);

/// Sends the event to one target, or at last to its dead-letter queue, or says that it is lost.
pub(super) async fn send(engine: &EngineClient, target: &Value, event: &Value) {
    let payload = target["Input"].as_str().map_or_else(|| event.to_string(), str::to_owned);
    let arn = target["Arn"].as_str().unwrap_or_default();
    let mut failure = None;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            tokio::time::sleep(RETRY).await;
        }
        match deliver(engine, arn, &payload).await {
            Ok(()) => return,
            Err(error) => failure = Some(error),
        }
    }
    let dead_letters = target["DeadLetterConfig"]["Arn"].as_str();
    let kept = match dead_letters {
        Some(queue) => deliver(engine, queue, &payload).await.is_ok(),
        None => false,
    };
    let fate = if kept { "went to the dead-letter queue" } else { "is lost" };
    if let Some(error) = failure {
        eprintln!("warning: an event for `{arn}` {fate}: {error:#}");
    }
}

async fn deliver(engine: &EngineClient, arn: &str, payload: &str) -> Result<()> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.get(2..6) {
        Some(["lambda", ..]) => invoke(engine, arn, payload).await,
        Some(["sqs", _, _, name]) => queue(engine, name, payload).await,
        _ => bail!("local Fargate sends events to functions and queues only"),
    }
}

/// Invokes a function as EventBridge does: asynchronously, so that the engine retries and knows its OnFailure destination.
async fn invoke(engine: &EngineClient, function: &str, payload: &str) -> Result<()> {
    let scope = format!("{}/20260101/{}/lambda/aws4_request", engine.account(), engine.region());
    let request = Request::post(format!("{}/2015-03-31/functions/{function}/invocations", engine.base()))
        .header("x-amz-invocation-type", "Event")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
        .body(Full::new(Bytes::from(payload.to_owned())))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let reply = client.request(request).await.context("the engine does not answer")?;
    let status = reply.status();
    let body = reply.into_body().collect().await.context("the engine's reply broke off")?.to_bytes();
    if !status.is_success() {
        bail!("the invocation failed with {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}

async fn queue(engine: &EngineClient, name: &str, payload: &str) -> Result<()> {
    let found = engine.json("sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": name })).await?;
    let body = json!({ "QueueUrl": found["QueueUrl"], "MessageBody": payload });
    engine.json("sqs", "AmazonSQS.SendMessage", &body).await.map(drop)
}
