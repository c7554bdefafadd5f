//! Where a request came from, and the links that lead back there.

use axum::http::HeaderMap;
use runvoy_api::id::ExecutionId;

use crate::{app::App, error::Result};

/// A function can't know its own address at deploy time, so links take the one that the request was sent to.
pub struct Origin {
    base: String,
    /// The caller's address, for the audit trail.
    pub source_ip: String,
}

impl Origin {
    pub fn of(headers: &HeaderMap) -> Self {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // A Function URL always says `https` here; without it, this is the local server.
        let scheme = if header("x-forwarded-proto") == Some("https") { "https" } else { "http" };
        let host = header("host").unwrap_or("localhost");
        // The last address is the one that AWS itself saw; those before it are the client's own claims.
        let forwarded = header("x-forwarded-for").and_then(|list| list.rsplit(',').next());
        Self { base: format!("{scheme}://{host}"), source_ip: forwarded.map_or("unknown", str::trim).to_owned() }
    }

    /// The viewer's page for an execution. Without a token it shows nothing.
    pub fn log_page(&self, app: &App, id: &str) -> String {
        let base = app.deployment.web_ui_url.as_deref().unwrap_or(&self.base).trim_end_matches('/');
        format!("{base}/logs/{id}")
    }

    /// A link that reads this execution's log. The token is in the fragment, which browsers never send.
    pub async fn log_link(&self, app: &App, id: &ExecutionId) -> Result<String> {
        let token = app.signer.sign(id, app.now()).await?;
        Ok(format!("{}#token={token}", self.log_page(app, id.as_str())))
    }
}
