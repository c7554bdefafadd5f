//! The log viewer's page: one file, compiled in.

use std::sync::LazyLock;

use axum::{http::header, response::IntoResponse};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use runvoy_api::logs::viewer_policy;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!("../web/viewer.html");

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |tag: &str| {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let inside = PAGE.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
        BASE64.encode(Sha256::digest(inside.map(|(text, _)| text).unwrap_or_default()))
    };
    viewer_policy(&hash("script"), &hash("style"))
});

pub fn page() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, PAGE)
}
