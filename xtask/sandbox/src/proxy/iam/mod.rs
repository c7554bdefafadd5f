//! What functions may do: each of their calls is held against the policies that their role was deployed with.
//!
//! A call that the map does not know is refused like one that is not granted, so nothing passes unseen. What is used of a
//! role's grants is written down; `cargo xtask test` compares it with what is granted.

mod dynamodb;
mod ecs;
mod map;
mod record;
mod roles;

use std::path::Path;

use anyhow::Result;
use http::Response;
use http::request::Parts;

use super::name::Name;
use super::reply::{Body, error};
use crate::engine::EngineClient;
use crate::iam::Request;
use map::Map;
pub use record::{Record, Use};
use roles::Roles;

/// Whose credentials signed a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal {
    /// Name of the role.
    pub role: String,
    /// Name of the function, which is the session's too.
    pub function: String,
}

impl Principal {
    /// From what the engine's launcher appends to the functions' session token: `.ROLE.FUNCTION`.
    pub fn read(text: &str) -> Option<Self> {
        let (role, function) = text.strip_prefix('.')?.rsplit_once('.')?;
        Some(Self { role: role.to_owned(), function: function.to_owned() })
    }
}

pub(super) struct Iam {
    engine: EngineClient,
    roles: Roles,
    record: Record,
}

impl Iam {
    pub fn new(engine: EngineClient, record: &Path) -> Result<Self> {
        Ok(Self { roles: Roles::new(engine.clone()), record: Record::open(record)?, engine })
    }

    /// AWS's refusal of a call; none if the role allows all that it asks for.
    pub async fn refusal(
        &self,
        who: &Principal,
        name: &Name,
        head: &Parts,
        body: &[u8],
        is_json: bool,
    ) -> Result<Option<Response<Body>>> {
        let status = if is_json { 400 } else { 403 };
        let code = if is_json { "AccessDeniedException" } else { "AccessDenied" };
        let refuse = |message: &str| Ok(Some(error(&name.service, is_json, status, code, message)));
        let map = Map::new(&self.engine);
        let Some(needs) = map.needs(name, head, body).await else {
            self.record.denied(&who.role, &format!("{}:{}", name.service, name.action), "not in the map");
            let file = "xtask/sandbox/src/proxy/iam/map.rs";
            return refuse(&format!("`{}:{}` is a call that {file} does not know", name.service, name.action));
        };
        for need in needs {
            if let Some(reason) = self.refuses(&who.role, &need).await? {
                let session =
                    format!("arn:aws:sts::{}:assumed-role/{}/{}", self.engine.account(), who.role, who.function);
                let Request { action, resource, .. } = need;
                return refuse(&format!(
                    "User: {session} is not authorized to perform: {action} on resource: {resource} {reason}"
                ));
            }
        }
        if (name.service.as_str(), name.action.as_str()) == ("ecs", "RunTask") {
            return Ok(self
                .unable(&map, body)
                .await?
                .map(|message| error("ecs", true, 400, "ClientException", &message)));
        }
        Ok(None)
    }

    /// Why ECS could not start a task under its execution role. AWS would start it, and end it with these words.
    async fn unable(&self, map: &Map<'_>, body: &[u8]) -> Result<Option<String>> {
        let request = serde_json::from_slice(body).unwrap_or_default();
        let Some((role, needs)) = ecs::on_behalf(map, &request).await else { return Ok(None) };
        for need in needs {
            if let Some(reason) = self.refuses(&role, &need).await? {
                let Request { action, resource, .. } = need;
                return Ok(Some(format!(
                    "ResourceInitializationError: {role} is not authorized to perform: {action} on resource: {resource} {reason}"
                )));
            }
        }
        Ok(None)
    }

    /// Why the role does not allow this.
    async fn refuses(&self, role: &str, need: &Request) -> Result<Option<String>> {
        let policies = self.roles.recent(role).await?;
        if self.record.allowed(policies.decide(need)) {
            return Ok(None);
        }
        // A stack's update may just have changed the policy.
        let policies = self.roles.anew(role).await?;
        let decision = policies.decide(need);
        if self.record.allowed(decision) {
            return Ok(None);
        }
        self.record.denied(role, &need.action, &need.resource);
        Ok(Some(decision.reason(&need.action)))
    }
}
