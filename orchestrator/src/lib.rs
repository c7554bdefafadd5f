//! The orchestrator: one router under two hosts, and the function that takes events.

mod app;
mod auth;
pub mod aws;
mod cost;
mod ending;
mod error;
mod events;
mod feed;
mod finish;
#[cfg(test)]
mod fuzz;
mod handlers;
mod json;
mod launch;
mod limits;
mod line;
mod log_stream;
pub mod machine;
mod metrics;
mod observe;
mod origin;
mod prepare;
mod queue;
mod repair;
mod router;
mod s3;
mod start;
mod store;
mod sweep;
mod task_definition;
mod tasks;
mod token;
mod viewer;

use std::{sync::Arc, time::Duration};

use app::App;
use aws_types::SdkConfig;
use runvoy_api::infra;

/// What a host reports of a run that failed.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// One process of the orchestrator, for whatever hosts it.
#[derive(Clone)]
pub struct Orchestrator {
    app: Arc<App>,
}

impl Orchestrator {
    /// Reads what the template tells through environment variables. It performs no I/O.
    pub fn new(environment: &dyn Fn(&str) -> Option<String>, config: &SdkConfig) -> anyhow::Result<Self> {
        Ok(Self { app: Arc::new(App::new(environment, config)?) })
    }

    /// The whole API and the viewer.
    pub fn router(&self) -> axum::Router {
        router::router(Arc::clone(&self.app))
    }

    /// Takes one event of the `events` function. An error makes Lambda try again.
    pub async fn event(&self, event: serde_json::Value) -> Result<(), Error> {
        // A little less than Lambda gives it.
        let time = Duration::from_secs(u64::from(infra::EVENTS_FUNCTION.timeout) - 3);
        // Boxed, or its type would nest deeper than the compiler follows.
        limits::due_in(time, Box::pin(events::handle(&self.app, event))).await
    }
}
