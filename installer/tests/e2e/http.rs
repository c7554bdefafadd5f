//! Plain HTTP/1.1 over loopback: what a client of the API that is not ours sends.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use runvoy_sandbox::{REGION, Sandbox};
use serde_json::Value;

/// One reply.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The error in it: code, message, field.
    #[track_caller]
    pub fn error(&self) -> (u16, String, String, String) {
        let error = &self.json()["error"];
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("request_id"), self.header("x-request-id"));
        (self.status, text("code"), text("message"), text("field"))
    }
}

/// Sends one request to `base` and reads the whole reply.
pub fn send(base: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let host = base.trim_start_matches("http://").trim_end_matches('/');
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += &format!("content-length: {}\r\n\r\n{body}", body.len());
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).unwrap();
    parse(&String::from_utf8(reply).unwrap())
}

/// One plain S3 call past a sandbox's proxy.
#[track_caller]
pub fn s3(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> String {
    let (key_id, ..) = sandbox.function_credentials();
    let scope = format!("AWS4-HMAC-SHA256 Credential={key_id}/20260101/{REGION}/s3/aws4_request");
    let reply = send(sandbox.engine().base(), method, path, &[("authorization", &scope)], body);
    assert!(reply.status < 300, "{method} {path}: {}", reply.body);
    reply.body
}

fn parse(reply: &str) -> Reply {
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let headers: Vec<_> = lines.filter_map(header).collect();
    let chunked =
        headers.iter().any(|(name, value)| name.eq_ignore_ascii_case("transfer-encoding") && value == "chunked");
    Reply { status, headers, body: if chunked { unchunk(body) } else { body.to_owned() } }
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole += &rest[..size];
        if size == 0 {
            break;
        }
        body = &rest[size + 2..];
    }
    whole
}
