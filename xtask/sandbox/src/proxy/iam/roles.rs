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
const RECENT: Duration = Duration::from_secs(2);

pub(super) struct Roles {
    engine: EngineClient,
    known: Mutex<HashMap<String, (Instant, Arc<Policies>)>>,
}

impl Roles {
    pub fn new(engine: EngineClient) -> Self {
        Self { engine, known: Mutex::default() }
    }

    /// As it was a moment ago.
    pub async fn recent(&self, role: &str) -> Result<Arc<Policies>> {
        let known = self.known.lock().await.get(role).cloned();
        match known {
            Some((at, policies)) if at.elapsed() < RECENT => Ok(policies),
            _ => self.anew(role).await,
        }
    }

    /// As it is now. A role that has just been removed keeps its last policies: so do sessions that it began.
    pub async fn anew(&self, role: &str) -> Result<Arc<Policies>> {
        let read = self.read(role).await?;
        let mut known = self.known.lock().await;
        let policies = match (read, known.get(role)) {
            (None, Some((_, last))) => last.clone(),
            (policies, _) => Arc::new(policies.unwrap_or_default()),
        };
        known.insert(role.to_owned(), (Instant::now(), policies.clone()));
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
