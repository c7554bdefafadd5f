//! What can come of a call: AWS's own "no" in its three shapes, or no answer.

use std::fmt;

use serde_json::Value;

use super::expired::is_expired;

/// What AWS calls throttling.
const THROTTLES: [&str; 8] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "RequestThrottledException",
    "TooManyRequestsException",
    "SlowDown",
];

/// A call that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// AWS's code, such as `AccessDenied`; `Unsent` and `NoReply` are ours.
    pub code: String,
    /// What it says.
    pub message: String,
    /// The HTTP status; 0 without a reply.
    pub status: u16,
}

impl CallError {
    pub(super) fn unsent(error: impl fmt::Display + fmt::Debug) -> Self {
        Self { code: "Unsent".into(), message: error.to_string(), status: 0 }
    }

    pub(super) fn transport(error: reqwest::Error) -> Self {
        let code = if error.is_connect() { "Unconnected" } else { "NoReply" };
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self { code: code.into(), message: cause.to_string(), status: 0 }
    }

    pub(super) fn of_reply(status: u16, header: Option<&str>, body: &str) -> Self {
        let (code, message) = of_xml(body).or_else(|| of_json(header, body)).unwrap_or_default();
        let code = if code.is_empty() { format!("{status}") } else { code };
        Self { code, message, status }
    }

    /// Whether AWS only asks for fewer calls.
    pub fn is_throttling(&self) -> bool {
        self.status == 429 || THROTTLES.contains(&self.code.as_str())
    }

    /// Whether AWS does not let us ask.
    pub fn is_denied(&self) -> bool {
        ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"].contains(&self.code.as_str())
    }

    /// Whether it is not known what became of the call.
    pub fn is_uncertain(&self) -> bool {
        self.code == "NoReply" || self.status >= 500
    }

    pub(super) fn is_worth_retrying(&self, repeatable: bool) -> bool {
        self.is_throttling()
            || is_expired(&self.code)
            || self.code == "Unconnected"
            || repeatable && self.is_uncertain()
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => write!(f, "`{}`", self.code),
            message => write!(f, "{message} (`{}`)", self.code),
        }
    }
}

impl std::error::Error for CallError {}

fn of_xml(body: &str) -> Option<(String, String)> {
    let document = roxmltree::Document::parse(body).ok()?;
    let text = |name| {
        let node = document.descendants().find(|node| node.tag_name().name() == name)?;
        node.text().map(|text| text.trim().to_owned())
    };
    Some((text("Code")?, text("Message").unwrap_or_default()))
}

fn of_json(header: Option<&str>, body: &str) -> Option<(String, String)> {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let code = body["__type"].as_str().or(header).or(body["code"].as_str())?;
    // `com.amazonaws.x#Code` in bodies, `Code:http://…` in headers.
    let code = code.rsplit('#').next().unwrap_or(code);
    let code = code.split(':').next().unwrap_or(code);
    let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
    Some((code.to_owned(), message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, header: Option<&str>, body: &str) -> CallError {
        CallError::of_reply(status, header, body)
    }

    #[test]
    fn errors_of_all_protocols_are_read() {
        let iam = r#"<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>
            <Code>NoSuchEntity</Code><Message>The role is not there.</Message></Error></ErrorResponse>"#;
        assert_eq!(error(404, None, iam).to_string(), "The role is not there. (`NoSuchEntity`)");
        let ec2 = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
        assert!(error(403, None, ec2).is_denied());
        let json = r#"{"__type":"com.amazonaws.servicequotas#NoSuchResourceException","Message":"none"}"#;
        assert_eq!(error(400, None, json).code, "NoSuchResourceException");
        let rest = error(404, Some("ResourceNotFoundException:http://x/"), r#"{"Message":"not found"}"#);
        assert_eq!((rest.code.as_str(), rest.message.as_str()), ("ResourceNotFoundException", "not found"));
        assert_eq!(error(502, None, "bad gateway").to_string(), "`502`");
    }

    #[test]
    fn only_what_is_safe_is_tried_again() {
        let (read, write) = (true, false);
        let cases = [
            (error(400, None, r#"{"__type":"ThrottlingException"}"#), [true, true]),
            (error(403, None, "<Error><Code>ExpiredToken</Code></Error>"), [true, true]),
            (error(500, None, ""), [true, false]),
            (CallError { code: "NoReply".into(), message: String::new(), status: 0 }, [true, false]),
            (CallError { code: "Unconnected".into(), message: String::new(), status: 0 }, [true, true]),
            (error(403, None, "<Error><Code>AccessDenied</Code></Error>"), [false, false]),
        ];
        for (error, expected) in cases {
            assert_eq!([read, write].map(|repeatable| error.is_worth_retrying(repeatable)), expected, "{error:?}");
        }
    }
}
