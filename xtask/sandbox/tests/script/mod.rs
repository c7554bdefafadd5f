//! What a script makes of the calls, by real HTTP through the proxy.

mod account;
mod faults;
mod held;
mod pace;
mod stacks;

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use runvoy_sandbox::Sandbox;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::variable;

/// Status and body of a reply; none if there was none.
type Reply = Option<(u16, String)>;

fn head(sandbox: &Sandbox, method: &str, service: &str) -> http::request::Builder {
    let key = variable(sandbox, "AWS_ACCESS_KEY_ID");
    let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, Signature=0");
    http::Request::builder().method(method).header("authorization", scope).header("host", address(sandbox).to_string())
}

fn address(sandbox: &Sandbox) -> SocketAddr {
    sandbox.endpoint().trim_start_matches("http://").parse().unwrap()
}

/// One request on a connection of its own, which is closed if this is dropped.
async fn send(sandbox: &Sandbox, request: http::request::Builder, body: String) -> Reply {
    let stream = TcpStream::connect(address(sandbox)).await.unwrap();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
    let exchange = async {
        let (head, body) = sender.send_request(request).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some((head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap()))
    };
    tokio::pin!(connection, exchange);
    tokio::select! {
        reply = &mut exchange => reply,
        _ = &mut connection => exchange.await,
    }
}

/// A call by the query protocol.
async fn query(sandbox: &Sandbox, service: &str, fields: &[(&str, &str)]) -> Reply {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let body = fields.iter().map(|(key, value)| format!("{key}={}", escape(value))).collect::<Vec<_>>().join("&");
    let request = head(sandbox, "POST", service).uri("/").header("content-type", "application/x-www-form-urlencoded");
    send(sandbox, request, body).await
}

/// A call by the JSON protocol.
async fn json(sandbox: &Sandbox, service: &str, target: &str, body: Value) -> Reply {
    let request = head(sandbox, "POST", service).uri("/").header("x-amz-target", target);
    send(sandbox, request.header("content-type", "application/x-amz-json-1.1"), body.to_string()).await
}

/// A call by REST.
async fn rest(sandbox: &Sandbox, service: &str, method: &str, path: &str) -> Reply {
    send(sandbox, head(sandbox, method, service).uri(path), String::new()).await
}

/// Status and error code of a refusal.
fn refusal(reply: Reply) -> (u16, String) {
    let (status, body) = reply.expect("no reply");
    let code = element(&body, "Code").map(str::to_owned);
    let code = code.or_else(|| Some(serde_json::from_str::<Value>(&body).ok()?["__type"].as_str()?.to_owned()));
    (status, code.unwrap_or_default())
}

fn element<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    xml.split_once(&format!("<{tag}>"))?.1.split_once(&format!("</{tag}>")).map(|(text, _)| text)
}

/// All of them, in order.
fn elements(xml: &str, tag: &str) -> Vec<String> {
    let parts = xml.split(&format!("<{tag}>")).skip(1).map(str::to_owned).collect::<Vec<_>>();
    parts.iter().filter_map(|part| part.split_once(&format!("</{tag}>"))).map(|(text, _)| text.to_owned()).collect()
}

/// A call of CloudFormation about a stack.
async fn cloudformation(sandbox: &Sandbox, action: &str, stack: &str, more: &[(&str, &str)]) -> (u16, String) {
    let mut fields = vec![("Action", action), ("StackName", stack)];
    fields.extend(more);
    query(sandbox, "cloudformation", &fields).await.expect("no reply")
}

/// A stack's status and id, as callers see them.
async fn described(sandbox: &Sandbox, stack: &str) -> Option<(String, String)> {
    let (status, xml) = cloudformation(sandbox, "DescribeStacks", stack, &[]).await;
    let field = |tag| element(&xml, tag).map(str::to_owned);
    (status == 200).then(|| field("StackStatus").zip(field("StackId"))).flatten()
}

async fn status(sandbox: &Sandbox, stack: &str) -> Option<String> {
    described(sandbox, stack).await.map(|(status, _)| status)
}

/// Logical id and status of its events, newest first.
async fn events(sandbox: &Sandbox, stack: &str) -> Vec<(String, String)> {
    let (_, xml) = cloudformation(sandbox, "DescribeStackEvents", stack, &[]).await;
    elements(&xml, "LogicalResourceId").into_iter().zip(elements(&xml, "ResourceStatus")).collect()
}

/// Creates or updates a stack of the engine's by a change set; whether the execution was accepted.
async fn deploy(sandbox: &Sandbox, stack: &str, kind: &str, name: &str, template: &Value) -> (u16, String) {
    let template = template.to_string();
    let set = [("ChangeSetName", name), ("ChangeSetType", kind), ("TemplateBody", template.as_str())];
    let (created, xml) = cloudformation(sandbox, "CreateChangeSet", stack, &set).await;
    assert_eq!(created, 200, "{xml}");
    let arn = element(&xml, "Id").unwrap();
    query(sandbox, "cloudformation", &[("Action", "ExecuteChangeSet"), ("ChangeSetName", arn)]).await.expect("no reply")
}

/// Looks until the stack comes to rest.
async fn settled(sandbox: &Sandbox, stack: &str) -> String {
    loop {
        let status = status(sandbox, stack).await.expect("no stack");
        if !status.ends_with("_IN_PROGRESS") {
            return status;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
