//! One file a resource; each handler authorises, acts, answers.

pub mod audit;
pub mod config;
pub mod costs;
pub mod executions;
pub mod general;
pub mod locks;
pub mod logs;
pub mod secrets;
pub mod uploads;
pub mod users;

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use runvoy_api::{
    error::{ErrorCode, Invalid},
    id::{parse_rfc3339, rfc3339},
};

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

/// The query of a request. One that does not fit is refused by name.
fn query<T>(query: std::result::Result<Query<T>, QueryRejection>) -> Result<T> {
    let refused = |error: QueryRejection| ApiError::new(ErrorCode::InvalidRequest, error.body_text());
    query.map(|Query(query)| query).map_err(refused)
}

/// A `since` as the sort keys spell it.
pub fn since(text: Option<&str>) -> Result<Option<String>> {
    let parse = |text: &str| {
        let at = parse_rfc3339(text).ok_or_else(|| Invalid::new("since", "must be an RFC 3339 time"))?;
        Ok(rfc3339(at))
    };
    text.map(parse).transpose()
}
