//! The two functions: each invocation is a future of its own, which a crash or Lambda's own limit ends where it stands.

use std::{future::Future, sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use http_body_util::BodyExt as _;
use runvoy_api::infra::{API_FUNCTION, EVENTS_FUNCTION, Function};
use serde_json::Value;
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use crate::{faults::Fault, sim::lock, world::World};

/// A reply of the API.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub body: Value,
}

/// Runs one invocation to its end. `None`: its process died before it had answered.
async fn invoke<T: Send + 'static>(
    world: &Arc<World>,
    function: &Function,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    let number = world.sim.draw(|rng| rng.u16(..));
    let limit = world.sim.pause(Duration::from_secs(function.timeout.into()));
    let skew = match world.faults.hit(&world.sim, Fault::ClockSkew) {
        true => {
            if world.draw(0.5) {
                600
            } else {
                -600
            }
        }
        false => 0,
    };
    world.sim.spawn(format!("{} {number:04x}", function.suffix), skew, async move {
        tokio::select! {
            biased;
            () = limit => {}
            done = work => drop(answer.send(done)),
        }
    });
    answered.await.ok()
}

/// Sends a request to the API. `None`: there was no answer, as a client sees it.
pub async fn api(world: &Arc<World>, request: Request<Body>) -> Option<Response> {
    let router = world.orchestrator().router();
    let here = Arc::clone(world);
    let response = invoke(world, &API_FUNCTION, async move {
        let what = format!("{} {}", request.method(), request.uri());
        here.say(|| what.clone());
        let Ok(response) = router.oneshot(request).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        here.say(|| format!("{what} -> {status} {}", body["error"]["message"].as_str().unwrap_or_default()));
        Response { status, body }
    })
    .await;
    if response.is_some() && world.faults.hit(&world.sim, Fault::ClientReplyLost) {
        return None;
    }
    response
}

/// Gives an event to the events function; `false` if it failed.
pub async fn event(world: &Arc<World>, event: Value) -> bool {
    let (orchestrator, here) = (world.orchestrator(), Arc::clone(world));
    let done = invoke(world, &EVENTS_FUNCTION, async move {
        let task = &event["detail"];
        here.say(|| match task["lastStatus"].as_str() {
            Some(status) => format!("event {status} of {}", task["startedBy"].as_str().unwrap_or_default()),
            None => "sweep".to_owned(),
        });
        let outcome = orchestrator.event(event).await;
        if let Err(error) = &outcome {
            here.say(|| format!("failed: {error:#}"));
        }
        outcome.is_ok()
    });
    done.await.unwrap_or(false)
}

/// Notes that the job at work has read what a launch decides on.
pub fn has_read(world: &World) {
    if let Some(job) = world.sim.current() {
        lock(&world.checker).read.insert(job, world.sim.now());
    }
}
