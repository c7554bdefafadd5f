//! Errors on their way out: one message for the caller, one for the log.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use runvoy_api::error::{ErrorBody, ErrorCode, ErrorReply, Invalid};
use serde_json::{Map, Value};

tokio::task_local! {
    /// The id of the request being answered.
    pub static REQUEST_ID: String;
}

/// What a handler refuses or fails with.
#[derive(Debug)]
pub struct ApiError {
    pub code: ErrorCode,
    pub message: String,
    pub hint: Option<String>,
    pub details: Map<String, Value>,
}

pub type Result<T, E = ApiError> = std::result::Result<T, E>;

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, details: Map::new() }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    pub fn unauthorized() -> Self {
        // One answer for a missing, malformed, unknown and revoked key: nothing to tell users apart by.
        Self::new(ErrorCode::Unauthorized, "the API key is missing, unknown or revoked")
            .hint("run `runvoy configure` with a key that an admin gave you")
    }

    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no {what}"))
    }

    fn status(&self) -> StatusCode {
        match self.code {
            ErrorCode::InvalidRequest => StatusCode::BAD_REQUEST,
            ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorCode::Forbidden => StatusCode::FORBIDDEN,
            ErrorCode::NotFound => StatusCode::NOT_FOUND,
            ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::LockHeld | ErrorCode::Conflict => StatusCode::CONFLICT,
            ErrorCode::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::LaunchFailed => StatusCode::BAD_GATEWAY,
            ErrorCode::Draining | ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Internal | ErrorCode::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::new(ErrorCode::InvalidRequest, invalid.to_string()).detail("field", invalid.field)
    }
}

/// An AWS call that failed although it was retried. What AWS said goes to the log, not to the caller.
impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        tracing::error!(error = format!("{error:#}"), "an AWS call failed");
        Self::new(ErrorCode::Unavailable, "the deployment could not reach one of its AWS services")
            .hint("try again; if it lasts, an admin finds the cause in the function's log by the request id")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let request_id = REQUEST_ID.try_with(String::clone).unwrap_or_default();
        let Self { code, message, hint, details } = self;
        let body = ErrorBody { code, message, hint, request_id, details };
        (status, Json(ErrorReply { error: body })).into_response()
    }
}
