//! IAM's rules: what policies say about a request. The proxy asks them of every call of a function; tests ask them of
//! what the templates render.
//!
//! What a policy says in words that are not known here is an error, never a guess.

mod condition;
mod document;
mod pattern;

use std::collections::BTreeMap;

pub use document::{Effect, Policy, Statement};

/// What is asked for: one action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Such as `dynamodb:GetItem`.
    pub action: String,
    /// An ARN; `*` for actions that know no resources.
    pub resource: String,
    /// Condition keys, in lower case, with their values.
    pub context: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// A request without condition keys.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }

    /// With one more condition key.
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.context.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }
}

/// What a principal may do.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    /// Those of the identity: inline and attached ones.
    pub identity: Vec<Policy>,
    /// The permissions boundary, where there is one.
    pub boundary: Option<Policy>,
}

/// What IAM says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// This grant allows it.
    Allowed(Grant<'a>),
    /// A statement denies it, whatever others say.
    Denied,
    /// No statement speaks of it.
    NotAllowed,
    /// The identity's policies would allow it; its boundary does not.
    OutOfBounds,
}

/// The part of a policy that allowed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// Name of the policy.
    pub policy: &'a str,
    /// Id of the statement.
    pub sid: &'a str,
    /// Which of its actions.
    pub action: &'a str,
    /// Which of its resources, counted from 0.
    pub resource: usize,
}

impl Decision<'_> {
    /// Whether the call may go on.
    pub fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// How AWS words a refusal's reason.
    pub fn reason(self, action: &str) -> String {
        match self {
            Self::Allowed(_) => String::new(),
            Self::Denied => "with an explicit deny in an identity-based policy".to_owned(),
            Self::NotAllowed => format!("because no identity-based policy allows the {action} action"),
            Self::OutOfBounds => format!("because no permissions boundary allows the {action} action"),
        }
    }
}

impl Policies {
    /// IAM's order: an explicit deny wins; then somebody must have allowed it, and the boundary too.
    pub fn decide(&self, request: &Request) -> Decision<'_> {
        let all = self.identity.iter().chain(&self.boundary);
        if all.flat_map(|policy| &policy.statements).any(|one| one.effect == Effect::Deny && one.matches(request)) {
            return Decision::Denied;
        }
        let Some(grant) = self.identity.iter().find_map(|policy| policy.allows(request)) else {
            return Decision::NotAllowed;
        };
        match &self.boundary {
            Some(boundary) if boundary.allows(request).is_none() => Decision::OutOfBounds,
            _ => Decision::Allowed(grant),
        }
    }
}

#[cfg(test)]
mod tests;
