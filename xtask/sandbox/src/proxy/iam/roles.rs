//! The roles' policies, as they are deployed in the engine.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::Mutex;

use crate::engine::EngineClient;
use crate::iam::{Policies, Policy};
use crate::proxy::form::{decode, encode};
use crate::proxy::reply::element;

/// How long a policy that allows is believed without another look.
const RECENT: Duration = Duration::from_secs(if cfg!(test) { 3600 } else { 2 });

/// What is known of a role, and since when. Held while somebody asks: many calls that come at once ask once.
type Known = Mutex<Option<(Instant, Arc<Policies>)>>;

pub(super) struct Roles {
    engine: EngineClient,
    known: Mutex<HashMap<String, Arc<Known>>>,
}

impl Roles {
    pub fn new(engine: EngineClient) -> Self {
        Self { engine, known: Mutex::default() }
    }

    /// As it was a moment ago.
    pub async fn recent(&self, role: &str) -> Result<Arc<Policies>> {
        let known = self.known(role).await;
        let mut known = known.lock().await;
        match &*known {
            Some((at, policies)) if at.elapsed() < RECENT => Ok(policies.clone()),
            _ => self.learn(role, &mut known).await,
        }
    }

    /// As it is now.
    pub async fn anew(&self, role: &str) -> Result<Arc<Policies>> {
        self.learn(role, &mut *self.known(role).await.lock().await).await
    }

    async fn known(&self, role: &str) -> Arc<Known> {
        self.known.lock().await.entry(role.to_owned()).or_default().clone()
    }

    /// A role that has just been removed keeps its last policies: so do sessions that it began.
    async fn learn(&self, role: &str, known: &mut Option<(Instant, Arc<Policies>)>) -> Result<Arc<Policies>> {
        let policies = match (self.read(role).await?, known.take()) {
            (None, Some((_, last))) => last,
            (policies, _) => Arc::new(policies.unwrap_or_default()),
        };
        *known = Some((Instant::now(), policies.clone()));
        Ok(policies)
    }

    /// The inline policies; functions' roles have no others. None if there is no such role.
    async fn read(&self, role: &str) -> Result<Option<Policies>> {
        let Some(listed) = self.ask(&[("Action", "ListRolePolicies"), ("RoleName", role)]).await? else {
            return Ok(None);
        };
        let mut policies = Policies::default();
        for name in listed.split("<member>").skip(1).filter_map(|rest| rest.split("</member>").next()) {
            let fields = [("Action", "GetRolePolicy"), ("RoleName", role), ("PolicyName", name)];
            let Some(reply) = self.ask(&fields).await? else { continue };
            let document = element(&reply, "PolicyDocument").context("a policy without a document")?;
            policies.identity.push(Policy::parse(name, &decode(document))?);
        }
        Ok(Some(policies))
    }

    async fn ask(&self, fields: &[(&str, &str)]) -> Result<Option<String>> {
        let (status, reply) = self.engine.query("iam", &encode(fields)).await?;
        Ok((status == 200).then_some(reply))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    use super::*;
    use crate::proxy::reply::reply;
    use crate::proxy::server::Server;

    #[tokio::test]
    async fn many_calls_at_once_ask_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counting = asked.clone();
        let _engine = Server::start(listener, move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
            async { reply(200, "text/xml", "<ListRolePoliciesResult></ListRolePoliciesResult>") }
        });
        let engine = EngineClient::new(base, "123456789012".to_owned(), "us-east-1".to_owned());
        let roles = Arc::new(Roles::new(engine));
        let mut calls = JoinSet::new();
        for _ in 0..50 {
            let roles = roles.clone();
            calls.spawn(async move { roles.recent("acme").await.is_ok() });
        }
        assert_eq!(calls.join_all().await, [true; 50]);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        roles.anew("acme").await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2, "another look is one");
    }
}
