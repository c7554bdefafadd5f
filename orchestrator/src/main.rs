//! The two hosts. Under Lambda, `_HANDLER` says which of the two functions this process is. Anywhere else it serves HTTP
//! by itself.

mod local;

use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use runvoy_api::infra;
use runvoy_orchestrator::{Error, Orchestrator, aws};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let environment = |name: &str| std::env::var(name).ok();
    let orchestrator = Orchestrator::new(&environment, &aws::config(&environment)?)?;
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return local::serve(orchestrator.router()).await;
    }
    match std::env::var("_HANDLER").unwrap_or_default().as_str() {
        handler if handler == infra::API_FUNCTION.handler => lambda_http::run(orchestrator.router()).await,
        handler if handler == infra::EVENTS_FUNCTION.handler => {
            let handle = |event: LambdaEvent<serde_json::Value>| {
                let orchestrator = orchestrator.clone();
                async move { orchestrator.event(event.payload).await }
            };
            lambda_runtime::run(service_fn(handle)).await
        }
        other => Err(format!("the function's handler is `{other}`, neither `api` nor `events`").into()),
    }
}
