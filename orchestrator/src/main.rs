//! The orchestrator: one router under two hosts, and the function that takes events.
//!
//! Under Lambda, `_HANDLER` says which of the two functions this process is. Anywhere else it serves HTTP by itself.

mod app;
mod auth;
mod aws;
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
mod local;
mod log_stream;
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

use std::sync::Arc;

use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use runvoy_api::infra;

use crate::app::App;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let app = Arc::new(App::from_environment()?);
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return local::serve(router::router(app)).await;
    }
    match std::env::var("_HANDLER").unwrap_or_default().as_str() {
        handler if handler == infra::API_FUNCTION.handler => lambda_http::run(router::router(app)).await,
        handler if handler == infra::EVENTS_FUNCTION.handler => {
            let handle = |event: LambdaEvent<serde_json::Value>| {
                let app = Arc::clone(&app);
                async move { events::handle(&app, event.payload).await }
            };
            lambda_runtime::run(service_fn(handle)).await
        }
        other => Err(format!("the function's handler is `{other}`, neither `api` nor `events`").into()),
    }
}
