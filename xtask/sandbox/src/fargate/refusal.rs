//! The errors that ECS answers with.

use serde_json::json;

use super::AwsReply;

/// A call refused, by the name AWS gives the reason.
#[derive(Debug)]
pub(super) struct Refusal {
    kind: &'static str,
    message: String,
    /// ConflictException's: the tasks that the token already stands for.
    resources: Vec<String>,
}

impl Refusal {
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), resources: Vec::new() }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterException", message)
    }

    pub fn client(message: impl Into<String>) -> Self {
        Self::new("ClientException", message)
    }

    pub fn cluster_not_found() -> Self {
        Self::new("ClusterNotFoundException", "Cluster not found.")
    }

    pub fn conflict(resources: Vec<String>) -> Self {
        let message = "The provided client token is already in use with a different RunTask request.";
        Self { resources, ..Self::new("ConflictException", message) }
    }

    /// Not the caller's fault: the engine is gone, or we are stopping.
    pub fn server(message: impl Into<String>) -> Self {
        Self::new("ServerException", message)
    }

    pub fn into_reply(self) -> AwsReply {
        let status = if self.kind == "ServerException" { 500 } else { 400 };
        let mut body = json!({ "__type": self.kind, "message": self.message });
        if !self.resources.is_empty() {
            body["resourceIds"] = self.resources.into();
        }
        AwsReply { status, body }
    }
}
