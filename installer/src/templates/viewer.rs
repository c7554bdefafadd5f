//! The log viewer where it has an address of its own: the page, where it is put, and what it may do.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use runvoy_api::{key::hex, logs::viewer_policy};
use sha2::{Digest as _, Sha256};

/// The page: one file that needs no other.
pub const PAGE: &str = include_str!("../../../orchestrator/web/viewer.html");

/// Outputs of a main stack with such a viewer.
pub mod output {
    /// Its address, without a slash at its end.
    pub const URL: &str = "ViewerUrl";
    /// Where its domain must lead, if it has one of the admin's own.
    pub const TARGET: &str = "ViewerDomainTarget";
    /// The bucket that the page belongs into.
    pub const BUCKET: &str = "ViewerBucketName";
}

/// The bucket for the page. No other deployment's bucket ends like this.
pub fn bucket(stack: &str, account: &str, region: &str) -> String {
    format!("{stack}-{account}-{region}-web")
}

/// Where the page is in its bucket: under its own hash.
pub fn key() -> String {
    format!("viewer-{}.html", &hex(&hash(PAGE))[..16])
}

/// The page's `Content-Security-Policy`, as the API sends it.
pub fn policy() -> String {
    let inline = |tag: &str| {
        let inside = PAGE.split_once(&format!("<{tag}>")).and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        STANDARD.encode(hash(inside.map(|(text, _)| text).unwrap_or_default()))
    };
    viewer_policy(&inline("script"), &inline("style"))
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}
