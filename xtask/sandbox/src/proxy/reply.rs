//! Bodies, and replies in the shapes that AWS's clients read.

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};

/// Any body: one of ours, or one that passes through.
pub(crate) type Body = BoxBody<Bytes, hyper::Error>;

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A reply of ours.
pub(crate) fn reply(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

/// An error as the query protocol has it, or S3, or the JSON protocols.
pub(super) fn error(service: &str, is_json: bool, status: u16, code: &str, message: &str) -> Response<Body> {
    if is_json {
        let body = serde_json::json!({ "__type": code, "message": message, "Message": message });
        let mut response = reply(status, "application/x-amz-json-1.1", body.to_string());
        if let Ok(value) = code.parse() {
            response.headers_mut().insert("x-amzn-errortype", value);
        }
        return response;
    }
    let message = escape(message);
    let inner = format!("<Code>{code}</Code><Message>{message}</Message>");
    let body = if service == "s3" {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{inner}</Error>")
    } else {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>sandbox</RequestId></ErrorResponse>"
        )
    };
    reply(status, "text/xml", body)
}

/// For XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The reverse.
pub(super) fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    text.replace("&#x27;", "'").replace("&#39;", "'").replace("&amp;", "&")
}

/// The text of the first element called `tag`.
pub(super) fn element<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(text, _)| text)
}

/// Headers that are about one connection only.
const HOP_BY_HOP: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// Removes what must not pass through a proxy. Our server answers `Expect: 100-continue` itself.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = named.flat_map(|value| value.split(',')).map(|name| name.trim().to_owned()).collect::<Vec<_>>();
    for name in HOP_BY_HOP.into_iter().map(str::to_owned).chain(named) {
        headers.remove(name);
    }
}
