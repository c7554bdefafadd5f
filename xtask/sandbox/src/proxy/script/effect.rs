use std::time::Duration;

use http::Response;

use crate::proxy::reply::{Body, error, reply};

/// What happens to a call.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Refused as its service refuses callers who are too fast.
    Throttle,
    /// Answered with this HTTP status and `InternalFailure`, for 5xx.
    Status(u16),
    /// Refused with this error in its service's shape.
    Error {
        /// HTTP status.
        status: u16,
        /// Such as `AccessDenied`.
        code: String,
        /// For people.
        message: String,
    },
    /// Refused because the caller's session is over, by its service's code for that.
    ExpiredToken,
    /// Takes effect; then the connection is cut without a reply.
    LoseReply,
    /// Takes effect so much later.
    Delay(Duration),
    /// Takes effect twice; the second reply is given.
    Duplicate,
    /// Answered so, without any effect.
    Reply {
        /// HTTP status.
        status: u16,
        /// Such as `text/xml`.
        content_type: String,
        /// As it is.
        body: String,
    },
    /// Held before it takes effect, which it never does if the caller goes away.
    HoldBefore,
    /// Held after it took effect, before the reply.
    HoldAfter,
}

impl Effect {
    /// An error in the shape of the call's service.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// Whether a call is kept under way until somebody lets it go, or its caller goes away.
    pub(in crate::proxy) fn holds(&self) -> bool {
        matches!(self, Self::HoldBefore | Self::HoldAfter)
    }

    /// As the call log has it.
    pub(in crate::proxy) fn name(&self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Status(_) => "status",
            Self::Error { .. } => "error",
            Self::ExpiredToken => "expired-token",
            Self::LoseReply => "lose-reply",
            Self::Delay(_) => "delay",
            Self::Duplicate => "duplicate",
            Self::Reply { .. } => "reply",
            Self::HoldBefore => "hold-before",
            Self::HoldAfter => "hold-after",
        }
    }

    /// The reply of an effect that keeps the call from the engine.
    pub(in crate::proxy) fn reply(&self, service: &str, is_json: bool) -> Option<Response<Body>> {
        let answer = |status, code, message| Some(error(service, is_json, status, code, message));
        match self {
            Self::Throttle => {
                let (status, code) = throttled(service, is_json);
                answer(status, code, "Rate exceeded")
            }
            Self::Status(status) => answer(*status, "InternalFailure", "The request processing has failed"),
            Self::Error { status, code, message } => answer(*status, code, message),
            Self::ExpiredToken => {
                let (status, code) = expired(service, is_json);
                answer(status, code, "The security token included in the request is expired")
            }
            Self::Reply { status, content_type, body } => Some(reply(*status, content_type, body.clone())),
            _ => None,
        }
    }
}

fn throttled(service: &str, is_json: bool) -> (u16, &'static str) {
    match service {
        "s3" => (503, "SlowDown"),
        "ec2" => (503, "RequestLimitExceeded"),
        "lambda" => (429, "TooManyRequestsException"),
        _ if is_json => (400, "ThrottlingException"),
        _ => (400, "Throttling"),
    }
}

fn expired(service: &str, is_json: bool) -> (u16, &'static str) {
    match service {
        "s3" => (400, "ExpiredToken"),
        "ec2" => (400, "RequestExpired"),
        "lambda" => (403, "ExpiredTokenException"),
        _ if is_json => (400, "ExpiredTokenException"),
        _ => (403, "ExpiredToken"),
    }
}
