//! Request bodies.

use axum::body::Body;
use runvoy_api::{MAX_BODY_BYTES, error::ErrorCode};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, Result};

/// Reads a body of at most [`MAX_BODY_BYTES`] as JSON. What does not fit the type is refused by the field's name.
pub async fn read<T: DeserializeOwned>(body: Body) -> Result<T> {
    let bytes = axum::body::to_bytes(body, MAX_BODY_BYTES)
        .await
        .map_err(|_| ApiError::new(ErrorCode::TooLarge, format!("the body is larger than {MAX_BODY_BYTES} bytes")))?;
    parse(&bytes)
}

pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        // The path of what is not even JSON is `?`, that of the whole body `.`.
        refusal((!matches!(path.as_str(), "." | "?")).then_some(path), &error.into_inner())
    })?;
    json.end().map_err(|error| refusal(None, &error))?;
    Ok(parsed)
}

fn refusal(path: Option<String>, error: &serde_json::Error) -> ApiError {
    let cause = error.to_string();
    // serde has no other way to tell which name it does not know, or misses.
    let named =
        cause.split_once(" field `").and_then(|(_, rest)| rest.split_once('`')).map(|(name, _)| name.to_owned());
    match named.or(path) {
        Some(field) => ApiError::new(ErrorCode::InvalidRequest, format!("`{field}`: {cause}")).detail("field", field),
        None => {
            ApiError::new(ErrorCode::InvalidRequest, format!("the body is not the JSON that this path takes: {cause}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runvoy_api::execution::ExecutionRequest;

    fn field(body: &str) -> Option<String> {
        let error = parse::<ExecutionRequest>(body.as_bytes()).unwrap_err();
        error.details.get("field").and_then(|field| field.as_str()).map(str::to_owned)
    }

    #[test]
    fn the_field_is_named() {
        assert_eq!(field(r#"{"command":"x","lokc":"prod"}"#).as_deref(), Some("lokc"));
        assert_eq!(field(r#"{"lock":"prod"}"#).as_deref(), Some("command"));
        assert_eq!(field(r#"{"command":"x","timeout":-5}"#).as_deref(), Some("timeout"));
        assert_eq!(field(r#"{"command":7}"#).as_deref(), Some("command"));
        assert_eq!(field(r#"{"command":"x","env":{"A":1}}"#).as_deref(), Some("env.A"));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for body in ["", "{", "[]x", "null", "\"x\"", "{\"command\":\"x\"}{}"] {
            assert_eq!(field(body), None, "{body}");
        }
    }
}
