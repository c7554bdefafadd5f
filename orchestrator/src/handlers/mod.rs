//! One file a resource; each handler authorises, acts, answers.

pub mod executions;
pub mod general;
pub mod locks;
pub mod logs;
pub mod users;

use std::sync::Arc;

use axum::extract::State;

use crate::{
    app::App,
    error::{ApiError, Result},
};

/// What every handler is given.
pub type Context = State<Arc<App>>;

/// The execution id in a path. One that can't be an id is not found, like one that is not there.
pub fn execution_id(text: &str) -> Result<runvoy_api::id::ExecutionId> {
    text.parse().map_err(|_| ApiError::not_found(format!("execution `{}`", text.escape_debug())))
}
