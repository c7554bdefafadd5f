//! People and their clients: they start, stop, look, and try again when no answer comes.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use axum::{body::Body, http::Request};
use runvoy_api::{
    API_KEY_HEADER, IDEMPOTENCY_HEADER,
    infra::{API_KEYS, KeyRow, Sentinel},
    key::ApiKey,
};
use serde_json::{Value, json};

use crate::{
    lambda::{self, Response},
    world::World,
};

/// How often a client sends a request for which it got no answer.
const TRIES: u32 = 5;

/// Somebody with a key.
#[derive(Clone)]
pub struct User {
    pub email: String,
    key: ApiKey,
}

impl User {
    /// Puts the user on record.
    pub fn new(world: &World, email: &str, role: &str) -> Result<Self> {
        let key = ApiKey::from_random(world.sim.draw(|rng| std::array::from_fn(|_| rng.u8(..))));
        let text = |text: &str| json!({"S": text});
        world.dynamo.put(
            &API_KEYS,
            &json!({
                KeyRow::HASH: text(&key.hash()), KeyRow::EMAIL: text(email), KeyRow::ROLE: text(role),
                KeyRow::CREATED_AT: text("2026-01-01T00:00:00Z"), KeyRow::REVOKED: {"BOOL": false},
            }),
        )?;
        let sentinel = json!({KeyRow::HASH: text(&Sentinel::user(email)), Sentinel::KEY_HASH: text(&key.hash())});
        world.dynamo.put(&API_KEYS, &sentinel)?;
        Ok(Self { email: email.to_owned(), key })
    }

    /// One request, sent once.
    pub async fn send(
        &self,
        world: &Arc<World>,
        method: &str,
        path: &str,
        body: Option<Value>,
        once: Option<&str>,
    ) -> Option<Response> {
        let mut request = Request::builder().method(method).uri(path).header(API_KEY_HEADER, self.key.reveal());
        if let Some(once) = once {
            request = request.header(IDEMPOTENCY_HEADER, once);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        lambda::api(world, request.body(body).ok()?).await
    }

    /// Starts an execution as the CLI does: with a key of its own for the attempt, again when no answer comes.
    pub async fn exec(&self, world: &Arc<World>, request: &Value) -> Option<Response> {
        let once = world.sim.draw(|rng| format!("{:032x}", rng.u128(..)));
        self.exec_as(world, request, &once).await
    }

    /// The same under a key that is given.
    pub async fn exec_as(&self, world: &Arc<World>, request: &Value, once: &str) -> Option<Response> {
        for _ in 0..TRIES {
            let response = self.send(world, "POST", "/api/v1/executions", Some(request.clone()), Some(once)).await;
            match response {
                Some(response) if response.status < 500 => return Some(response),
                _ => world.sim.pause(world.sim.between(500, 4_000)).await,
            }
        }
        None
    }

    /// Asks for an execution's end until there is an answer.
    pub async fn stop(&self, world: &Arc<World>, id: &str) -> Option<Response> {
        self.insist(world, "DELETE", &format!("/api/v1/executions/{id}"), None).await
    }

    /// Sends a request that may come twice until there is an answer.
    pub async fn insist(&self, world: &Arc<World>, method: &str, path: &str, body: Option<Value>) -> Option<Response> {
        for _ in 0..TRIES {
            match self.send(world, method, path, body.clone(), None).await {
                Some(response) if response.status < 500 => return Some(response),
                _ => world.sim.pause(Duration::from_secs(2)).await,
            }
        }
        None
    }

    /// Looks at an execution.
    pub async fn get(&self, world: &Arc<World>, id: &str) -> Option<Value> {
        let response = self.insist(world, "GET", &format!("/api/v1/executions/{id}"), None).await?;
        (response.status == 200).then_some(response.body)
    }

    /// Reads a whole log, as `logs -f` does.
    pub async fn log(&self, world: &Arc<World>, id: &str) -> Vec<String> {
        let (mut lines, mut cursor) = (Vec::new(), String::new());
        for _ in 0..120 {
            let path = format!("/api/v1/executions/{id}/logs{cursor}");
            if let Some(response) = self.insist(world, "GET", &path, None).await {
                if response.status != 200 {
                    // An expired token: from the start again.
                    (lines, cursor) = (Vec::new(), String::new());
                    continue;
                }
                let page = &response.body;
                let messages = page["logs"].as_array().into_iter().flatten();
                lines.extend(messages.filter_map(|line| line["message"].as_str()).map(str::to_owned));
                if page["completed"] == true {
                    return lines;
                }
                cursor = format!("?cursor={}", page["cursor"].as_str().unwrap_or_default());
            }
            world.sim.pause(Duration::from_secs(5)).await;
        }
        lines
    }
}
