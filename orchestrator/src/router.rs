//! The routes, for both hosts.

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{delete, get, post, put},
};
use runvoy_api::{MAX_BODY_BYTES, PREFIX, REQUEST_ID_HEADER, error::ErrorCode, key::hex};
use tower::{Layer, util::MapRequestLayer};

use crate::{
    app::App,
    error::{ApiError, REQUEST_ID},
    handlers::{audit, config, costs, executions, general, locks, logs, secrets, uploads, users},
    limits,
};

/// Every path without its prefix begins with one of these.
const ROOTS: [&str; 16] = [
    "health",
    "openapi.json",
    "greet",
    "whoami",
    "executions",
    "uploads",
    "locks",
    "users",
    "secrets",
    "git-credentials",
    "registry-credentials",
    "audit",
    "costs",
    "config",
    "api",
    "logs",
];

/// The whole API and the viewer.
pub fn router(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/health", get(general::health))
        .route("/openapi.json", get(general::openapi))
        .route("/greet/{name}", get(general::greet))
        .route("/whoami", get(general::whoami))
        .route("/executions", get(executions::list).post(executions::start))
        .route("/executions/{id}", get(executions::get).delete(executions::stop))
        .route("/executions/{id}/logs", get(logs::by_key))
        .route("/uploads", post(uploads::place))
        .route("/locks", get(locks::list))
        // A lock's name may have slashes in it, and some doors decode them on the way.
        .route("/locks/{*name}", delete(locks::release))
        .route("/users", get(users::list).post(users::add))
        .route("/users/{email}", delete(users::revoke).patch(users::change))
        .route("/users/{email}/rotate", post(users::rotate))
        .route("/secrets", get(secrets::list))
        .route("/secrets/{alias}", put(secrets::put).delete(secrets::delete))
        .route("/git-credentials", get(secrets::list_git))
        .route("/git-credentials/{host}", put(secrets::put_git).delete(secrets::delete_git))
        .route("/registry-credentials", get(secrets::list_registries))
        .route("/registry-credentials/{host}", put(secrets::put_registry).delete(secrets::delete_registry))
        .route("/audit", get(audit::list))
        .route("/costs", get(costs::list))
        .route("/config", get(config::get).patch(config::change))
        .route("/api/logs/{id}", get(logs::by_token))
        .route("/logs/{id}", get(logs::viewer))
        .fallback(|uri: Uri| async move { ApiError::not_found(format!("path `{}`", uri.path().escape_debug())) })
        .method_not_allowed_fallback(|| async {
            ApiError::new(ErrorCode::MethodNotAllowed, "this path does not take that method")
        })
        .layer(middleware::map_response(in_our_words))
        .layer(middleware::from_fn(limits::guard))
        .layer(middleware::from_fn(identify))
        .with_state(app);
    // Layers of a router run after its routing; the prefix must be gone before.
    Router::new().fallback_service(MapRequestLayer::new(strip_prefix).layer(routes))
}

/// Gives the request an id, in the reply's header, in an error's body and in the log.
async fn identify(request: Request, next: Next) -> Response {
    let id = crate::machine::random::<8>().map(|bytes| hex(&bytes)).unwrap_or_default();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let start = std::time::Instant::now();
    let mut response = REQUEST_ID.scope(id.clone(), next.run(request)).await;
    tracing::info!(
        request_id = id,
        %method,
        path,
        status = response.status().as_u16(),
        milliseconds = start.elapsed().as_millis(),
        "request"
    );
    crate::metrics::replied(response.status().as_u16());
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, id);
    }
    response
}

/// What axum itself refuses, such as a path or a query that can't be read, is refused as everything else is.
async fn in_our_words(response: Response) -> Response {
    let is_ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_ours || !response.status().is_client_error() {
        return response;
    }
    let text = axum::body::to_bytes(response.into_body(), MAX_BODY_BYTES).await.unwrap_or_default();
    ApiError::new(ErrorCode::InvalidRequest, String::from_utf8_lossy(&text)).into_response()
}

fn strip_prefix<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let path = bare(request.uri().path());
    let stripped = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    if let Ok(uri) = stripped.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
}

/// The path without `/api/v1` and without a stage such as `/prod`.
fn bare(path: &str) -> &str {
    let after_stage = |path: &'_ str| path[1..].find('/').map(|slash| slash + 1);
    let is_known = |path: &str| path.split('/').nth(1).is_some_and(|root| ROOTS.contains(&root));
    let without_version = |path| match str::strip_prefix(path, PREFIX) {
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    };
    if path.is_empty() || !path.starts_with('/') {
        return path;
    }
    match after_stage(path) {
        Some(slash) if !is_known(path) && is_known(without_version(&path[slash..])) => without_version(&path[slash..]),
        _ => without_version(path),
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn every_documented_operation_has_a_route_that_asks_for_a_key() {
        let document: serde_json::Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let operations = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
        });
        let mut count = 0;
        for (path, method, operation) in operations {
            let uri = format!("{PREFIX}{}", path.replace(['{', '}'], ""));
            let request = axum::http::Request::builder().method(method.to_uppercase().as_str()).uri(&uri);
            let request = request.body(axum::body::Body::empty()).unwrap();
            let response = router(Arc::new(App::for_tests())).oneshot(request).await.unwrap();
            let expected = if operation["security"].is_array() { 200 } else { 401 };
            assert_eq!(response.status(), expected, "{method} {uri}");
            assert!(response.headers().contains_key(REQUEST_ID_HEADER));
            count += 1;
        }
        assert!(count > 15, "{count}");
    }

    #[tokio::test]
    async fn what_is_larger_than_any_request_of_ours_is_refused() {
        let status = |request: axum::http::request::Builder| async {
            let request = request.body(axum::body::Body::empty()).unwrap();
            router(Arc::new(App::for_tests())).oneshot(request).await.unwrap().status()
        };
        let request = || axum::http::Request::builder().uri("/health");
        assert_eq!(status(request()).await, 200);
        assert_eq!(status(request().header("x-filler", "x".repeat(20_000))).await, 413);
        assert_eq!(status(request().uri(format!("/health?{}", "x".repeat(5_000)))).await, 413);
    }

    #[test]
    fn prefixes_and_stages_are_no_part_of_a_route() {
        for path in ["/health", "/api/v1/health", "/prod/health", "/prod/api/v1/health"] {
            assert_eq!(bare(path), "/health", "{path}");
        }
        for path in ["/api/logs/x", "/prod/api/logs/x"] {
            assert_eq!(bare(path), "/api/logs/x", "{path}");
        }
        assert_eq!(bare("/api/v1/executions/a/logs"), "/executions/a/logs");
        for path in ["/", "", "/nowhere", "/a/b/c", "/api/v1", "/api/v12/health"] {
            assert_eq!(bare(path), path);
        }
    }
}
