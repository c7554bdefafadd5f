//! The wire: the SDK's requests come in here, and here is what can happen to a call.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::{
    rt::sleep::{AsyncSleep, Sleep},
    time::TimeSource,
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use aws_types::{SdkConfig, region::Region};
use runvoy_api::infra::{TABLES, env};
use serde_json::{Value, json};

use crate::{
    calls,
    dynamo::STACK,
    world::{World, seconds},
};

/// An answer in AWS's JSON protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub body: Value,
}

impl Reply {
    /// Success.
    pub fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// A refusal, by AWS's name for it.
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        Self { status, body: json!({"__type": kind, "message": message}) }
    }

    /// The name of the refusal, if it is one.
    pub fn kind(&self) -> Option<&str> {
        let kind = self.body["__type"].as_str().filter(|_| self.status != 200)?;
        Some(kind.rsplit('#').next().unwrap_or(kind))
    }
}

/// A call's name and body.
pub struct Call {
    pub service: String,
    pub action: String,
    pub body: Value,
}

#[derive(Clone)]
struct Wire(Weak<World>);

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let world = self.0.upgrade();
        HttpConnectorFuture::new(async move {
            let world = world.ok_or_else(|| ConnectorError::io("the world has ended".into()))?;
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let (service, action) = target.split_once('.').unwrap_or_default();
            let body = request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
            let call = Call { service: service.to_owned(), action: action.to_owned(), body };
            let reply = calls::answer(&world, call).await?;
            let status = reply.status.try_into().map_err(|_| ConnectorError::io("no such status".into()))?;
            Ok(HttpResponse::new(status, SdkBody::from(reply.body.to_string())))
        })
    }
}

impl AsyncSleep for Wire {
    fn sleep(&self, duration: Duration) -> Sleep {
        let pause = self.0.upgrade().map(|world| world.sim.pause(duration));
        Sleep::new(async move {
            if let Some(pause) = pause {
                pause.await;
            }
        })
    }
}

impl TimeSource for Wire {
    fn now(&self) -> SystemTime {
        let now = self.0.upgrade().map(|world| world.sim.now()).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds(now))
    }
}

/// The orchestrator's own settings, over this wire.
pub fn config(world: &Arc<World>) -> SdkConfig {
    static WORLDS: AtomicU64 = AtomicU64::new(0);
    let wire = Wire(Arc::downgrade(world));
    // The SDK shares what retries are left between all clients of a region: one world must not feel another.
    let region = format!("us-east-{}", WORLDS.fetch_add(1, Ordering::Relaxed));
    let credentials = Credentials::new("simulated", "simulated", None, None, "simulation");
    let connector = SharedHttpConnector::new(wire.clone());
    runvoy_orchestrator::aws::settings()
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .sleep_impl(wire.clone())
        .time_source(wire)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build()
}

/// The functions' environment variables.
pub fn environment(name: &str) -> Option<String> {
    if let Some(table) = TABLES.iter().find(|table| table.env == name) {
        return Some(table.name(STACK));
    }
    let value = match name {
        env::STACK_NAME | env::ECS_CLUSTER => STACK,
        "AWS_REGION" => "us-east-1",
        env::TASK_ARCHITECTURE => "ARM64",
        env::ASSIGN_PUBLIC_IP => "ENABLED",
        env::DEFAULT_SPOT => "false",
        env::WEB_UI_URL => "",
        env::EXECUTION_LOG_GROUP => "/runvoy/runvoy/executions",
        // Names and ARNs that only AWS would look at.
        _ => "simulated",
    };
    Some(value.to_owned())
}
