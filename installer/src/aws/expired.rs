//! How AWS says that credentials have expired, and what becomes of the call.

use std::fmt;

use aws_sdk_sts::config::{
    interceptors::InterceptorContext,
    retry::{ClassifyRetry, RetryAction},
};

use super::credentials::Renewing;

/// What AWS's services call expired credentials.
const EXPIRED: [&str; 4] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"];

/// The credentials have expired and there are no others.
#[derive(Debug, Clone)]
pub struct Expired {
    pub(super) why: String,
}

impl Expired {
    /// What to do about it.
    pub const HINT: &str = "sign in again (e.g. `aws sso login`), then run the same command: it goes on from there";
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the AWS credentials have expired, and there are no fresh ones: {}", self.why)
    }
}

impl std::error::Error for Expired {}

/// A reply that calls the credentials expired is not the end: the next attempt finds fresh ones.
impl ClassifyRetry for Renewing {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let body =
            context.response().filter(|reply| matches!(reply.status().as_u16(), 400 | 403)).map(|reply| reply.body());
        if !body.and_then(|body| body.bytes()).is_some_and(says_expired) {
            return RetryAction::NoActionIndicated;
        }
        self.refuse();
        RetryAction::client_error()
    }

    fn name(&self) -> &'static str {
        "Expired credentials"
    }
}

/// Whether this error code means expired credentials.
pub(super) fn is_expired(code: &str) -> bool {
    EXPIRED.contains(&code)
}

/// The code as an element or a member of an error's body.
fn says_expired(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    EXPIRED.iter().any(|code| {
        body.contains(&format!("<Code>{code}</Code>"))
            || body.contains(&format!("{code}\"")) && (body.contains("\"__type\"") || body.contains("\"code\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_credentials_are_told_from_other_refusals() {
        let replies = [
            "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code></Error></ErrorResponse>",
            r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token is expired"}"#,
            "<Response><Errors><Error><Code>RequestExpired</Code></Error></Errors></Response>",
        ];
        for reply in replies {
            assert!(says_expired(reply.as_bytes()), "{reply}");
        }
        let others = [
            "<Error><Code>AccessDenied</Code><Message>ExpiredToken</Message></Error>",
            r#"{"__type":"ValidationException","message":"ExpiredToken is no name"}"#,
            "",
        ];
        for reply in others {
            assert!(!says_expired(reply.as_bytes()), "{reply}");
        }
    }
}
