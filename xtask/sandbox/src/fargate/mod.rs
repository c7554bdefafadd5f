//! Local Fargate: ECS RunTask, DescribeTasks, ListTasks and StopTask with AWS's semantics, since the engine only pretends.
//!
//! A container is a local process in a session and a directory of its own, running the task definition's very command with the
//! environment that ECS would give it and nothing else. The image is not pulled. Output goes to the engine's logs as awslogs
//! sends it, state changes go to the targets of the engine's event rules.

mod calls;
mod container;
mod definition;
mod events;
mod images;
mod lifecycle;
mod lines;
mod logs;
mod lookup;
mod process;
mod ready;
mod refusal;
mod run_request;
mod run_task;
mod spec;
mod store;
mod survivors;
mod targets;
mod task;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::engine::EngineClient;
pub use images::Flaw;
use images::Images;
use refusal::Refusal;
use store::Store;
use task::Order;

/// An answer in AWS's JSON protocol; errors are `{"__type": "ConflictException", "message": …}`.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsReply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

/// Fargate as local processes. Clones share their tasks.
#[derive(Clone)]
pub struct Fargate {
    inner: Arc<Inner>,
}

struct Inner {
    engine: EngineClient,
    root: PathBuf,
    store: Store,
    /// How many tasks have not ended, for `shutdown` to wait on.
    live: watch::Sender<usize>,
    courier: AbortHandle,
    images: Images,
}

impl Fargate {
    /// `engine` is how to reach the AWS engine behind the proxy, `root` holds the containers' directories. Call it inside a
    /// tokio runtime: the courier of state-change events starts here.
    pub fn new(engine: EngineClient, root: PathBuf) -> Self {
        let root = std::path::absolute(&root).unwrap_or(root);
        let (events, queue) = mpsc::unbounded_channel();
        let courier = tokio::spawn(events::deliver(engine.clone(), queue)).abort_handle();
        let inner = Inner {
            engine,
            root,
            store: Store::new(events),
            live: watch::Sender::new(0),
            courier,
            images: Images::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Has containers of this image find a variable that the image would set.
    pub fn set_image_variable(&self, image: &str, name: &str, value: &str) {
        self.inner.images.set_variable(image, name, value);
    }

    /// Has something be wrong with this image.
    pub fn set_image_flaw(&self, image: &str, flaw: Flaw) {
        self.inner.images.set_flaw(image, flaw);
    }

    /// Has all images of a registry demand this user name and password.
    pub fn set_registry_login(&self, host: &str, login: [&str; 2]) {
        self.inner.images.set_login(host, login);
    }

    /// Answers one ECS call if it is one of the four (`action` is what follows the dot in `X-Amz-Target`), else `None`: pass it on.
    pub async fn handle(&self, action: &str, body: &[u8]) -> Option<AwsReply> {
        let outcome = match action {
            "RunTask" => self.inner.run_task(body).await,
            "DescribeTasks" => self.inner.describe_tasks(body).await,
            "ListTasks" => self.inner.list_tasks(body).await,
            "StopTask" => self.inner.stop_task(body).await,
            _ => return None,
        };
        Some(match outcome {
            Ok(body) => AwsReply { status: 200, body },
            Err(refusal) => refusal.into_reply(),
        })
    }

    /// Stops everything: SIGKILL to every container and all that it started; returns when all are gone. From then on no task
    /// starts. Idempotent.
    pub async fn shutdown(&self) {
        for order in self.inner.store.close() {
            order.send_replace(Order::Kill);
        }
        // The sender lives in `inner`, so this wait can only end by the count.
        let _ = self.inner.live.subscribe().wait_for(|live| *live == 0).await;
        self.inner.courier.abort();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.courier.abort();
    }
}

/// Reads a request's body. AWS ignores unknown members, and answers a wrong type with SerializationException.
fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

/// `N` random bytes in hex.
fn random_hex<const N: usize>() -> Result<String, Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::server(format!("no random bytes: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
