//! Function URLs: each gets a loopback port of its own, since nobody resolves `https://ID.lambda-url.REGION.on.aws/` here.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context, Result};
use http::{HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::gate::is_loopback_host;
use super::reply::{Body, full, reply};
use super::server::Server;
use super::upstream::{Upstream, path_and_query};

pub(super) struct FunctionUrls {
    upstream: Upstream,
    suffix: String,
    open: Mutex<HashMap<String, (Arc<Door>, Server)>>,
}

/// One function's address here.
struct Door {
    upstream: Upstream,
    id: String,
    port: u16,
    /// Its address on AWS and its address here, both without a slash at the end.
    there: String,
    here: String,
}

impl FunctionUrls {
    pub fn new(upstream: Upstream, region: &str) -> Self {
        Self { upstream, suffix: format!(".lambda-url.{region}.on.aws"), open: Mutex::default() }
    }

    /// The text with each function URL replaced by its address here, which is opened if it is new.
    pub async fn translate(&self, text: String) -> Result<String> {
        let mut translated = text;
        for id in ids(&translated, &self.suffix) {
            translated = self.door(&id).await?.translate(&translated);
        }
        Ok(translated)
    }

    async fn door(&self, id: &str) -> Result<Arc<Door>> {
        let mut open = self.open.lock().await;
        if let Some((door, _)) = open.get(id) {
            return Ok(door.clone());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
        let port = listener.local_addr()?.port();
        let (there, here) = (format!("https://{id}{}", self.suffix), format!("http://127.0.0.1:{port}"));
        let door = Arc::new(Door { upstream: self.upstream.clone(), id: id.to_owned(), port, there, here });
        let serving = door.clone();
        let server = Server::start(listener, move |request| serving.clone().call(request));
        open.insert(id.to_owned(), (door.clone(), server));
        Ok(door)
    }
}

impl Door {
    fn translate(&self, text: &str) -> String {
        text.replace(&self.there, &self.here)
    }

    /// One request, by anyone on this machine: a function URL is public, and the function asks for its own key.
    async fn call(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        if !is_loopback_host(request.headers(), self.port) {
            return failure(403, "the sandbox answers to its loopback address only");
        }
        match self.pass_on(request).await {
            Ok(response) => response,
            Err(error) => failure(502, &format!("{error:#}")),
        }
    }

    async fn pass_on(&self, request: Request<Incoming>) -> Result<Response<Body>> {
        let (mut head, body) = request.into_parts();
        head.headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
        head.headers.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
        let path = format!("/_aws/lambda-url/{}{}", self.id, path_and_query(&head));
        let (mut head, body) = self.upstream.send(&head, &path, body.boxed()).await?.into_parts();
        let body = body.collect().await.context("the function's reply broke off")?.to_bytes();
        // The engine tells a function AWS's host, so links that the function makes to itself lead there.
        for value in head.headers.values_mut() {
            if let Some(text) = value.to_str().ok().filter(|text| text.contains(&self.there)) {
                *value = self.translate(text).parse()?;
            }
        }
        let body = match std::str::from_utf8(&body) {
            Ok(text) if text.contains(&self.there) => {
                head.headers.remove(header::CONTENT_LENGTH);
                full(self.translate(text))
            }
            _ => full(body),
        };
        Ok(Response::from_parts(head, body))
    }
}

/// The ids of the function URLs in a text.
fn ids(text: &str, suffix: &str) -> BTreeSet<String> {
    let before = text.match_indices(suffix).filter_map(|(end, _)| text.get(..end)?.rsplit_once("https://"));
    let id = |id: &str| !id.is_empty() && id.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-');
    before.map(|(_, name)| name).filter(|name| id(name)).map(str::to_owned).collect()
}

fn failure(status: u16, message: &str) -> Response<Body> {
    reply(status, "application/json", serde_json::json!({ "message": message }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_function_urls_are_found() {
        let suffix = ".lambda-url.eu-west-1.on.aws";
        let text = format!(
            "<a>https://abc1{suffix}/</a> https://x.y{suffix} https://{suffix} http://b{suffix} https://d{suffix}"
        );
        assert_eq!(ids(&text, suffix).into_iter().collect::<Vec<_>>(), ["abc1", "d"]);
    }
}
