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
    let body = match service {
        "s3" => {
            let inner = format!("<Code>{code}</Code><Message>{}</Message>", escape(message));
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>{inner}</Error>")
        }
        "ec2" => {
            let inner = format!("<Code>{code}</Code><Message>{}</Message>", escape(message));
            format!("<Response><Errors><Error>{inner}</Error></Errors><RequestID>sandbox</RequestID></Response>")
        }
        _ => error_xml(code, message),
    };
    reply(status, "text/xml", body)
}

/// An error's body by the query protocol.
pub(super) fn error_xml(code: &str, message: &str) -> String {
    let inner = format!("<Code>{code}</Code><Message>{}</Message>", escape(message));
    format!("<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>sandbox</RequestId></ErrorResponse>")
}

/// A response that never comes: the server hangs up instead.
pub(super) fn cut() -> Response<Body> {
    let mut response = Response::new(full(Bytes::new()));
    response.extensions_mut().insert(Cut);
    response
}

/// The mark of a connection that is to be cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

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
