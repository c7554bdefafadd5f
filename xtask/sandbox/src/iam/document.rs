//! A policy's document, and which of its statements speak of a request.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::condition::Condition;
use super::pattern::{arn_matches, text_matches};
use super::{Grant, Request};

/// A policy under its name.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// What it says.
    pub statements: Vec<Statement>,
}

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever else allows.
    Deny,
}

/// One statement.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its id; empty if it has none.
    pub sid: String,
    /// What it does.
    pub effect: Effect,
    actions: Selection,
    resources: Selection,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone)]
enum Selection {
    These(Vec<String>),
    AllBut(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many,
        }
    }
}

#[derive(Deserialize)]
struct RawDocument {
    #[serde(rename = "Statement")]
    statements: OneOrMany<RawStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawStatement {
    #[serde(default)]
    sid: String,
    effect: Effect,
    action: Option<OneOrMany<String>>,
    not_action: Option<OneOrMany<String>>,
    resource: Option<OneOrMany<String>>,
    not_resource: Option<OneOrMany<String>>,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, OneOrMany<String>>>,
}

impl Policy {
    /// Reads a document. Its texts must be final: no variables are filled in.
    pub fn parse(name: &str, document: &str) -> Result<Self> {
        let raw: RawDocument =
            serde_json::from_str(document).with_context(|| format!("the policy `{name}` can't be read"))?;
        let statements = raw.statements.into_vec().into_iter().map(Statement::read).collect::<Result<_>>();
        Ok(Self { name: name.to_owned(), statements: statements.with_context(|| format!("in the policy `{name}`"))? })
    }

    pub(super) fn allows(&self, request: &Request) -> Option<Grant<'_>> {
        let allowing = self.statements.iter().filter(|statement| statement.effect == Effect::Allow);
        allowing.filter_map(|statement| statement.grants(&self.name, request)).next()
    }
}

impl Statement {
    fn read(raw: RawStatement) -> Result<Self> {
        let conditions = raw.condition.into_iter().flat_map(|(operator, keys)| {
            keys.into_iter().map(move |(key, values)| Condition::read(&operator, &key, values.into_vec()))
        });
        let statement = Self {
            effect: raw.effect,
            actions: Selection::read(raw.action, raw.not_action).with_context(|| format!("`{}`", raw.sid))?,
            resources: Selection::read(raw.resource, raw.not_resource).with_context(|| format!("`{}`", raw.sid))?,
            conditions: conditions.collect::<Result<_>>()?,
            sid: raw.sid,
        };
        Ok(statement)
    }

    /// Whether it speaks of this request.
    pub fn matches(&self, request: &Request) -> bool {
        self.action(request).is_some() && self.resource(request).is_some() && self.holds(request)
    }

    fn grants<'a>(&'a self, policy: &'a str, request: &Request) -> Option<Grant<'a>> {
        let (action, resource) = (self.action(request)?, self.resource(request)?.0);
        self.holds(request).then_some(Grant { policy, sid: &self.sid, action, resource })
    }

    fn holds(&self, request: &Request) -> bool {
        self.conditions.iter().all(|condition| condition.holds(&request.context))
    }

    fn action(&self, request: &Request) -> Option<&str> {
        let asked = request.action.to_ascii_lowercase();
        self.actions.find(|pattern| text_matches(&pattern.to_ascii_lowercase(), &asked)).map(|(_, action)| action)
    }

    fn resource(&self, request: &Request) -> Option<(usize, &str)> {
        self.resources.find(|pattern| arn_matches(pattern, &request.resource))
    }
}

impl Selection {
    fn read(these: Option<OneOrMany<String>>, all_but: Option<OneOrMany<String>>) -> Result<Self> {
        let selection = match (these, all_but) {
            (Some(these), None) => Self::These(these.into_vec()),
            (None, Some(others)) => Self::AllBut(others.into_vec()),
            _ => anyhow::bail!("a statement names either what it speaks of or what it does not"),
        };
        let (Self::These(texts) | Self::AllBut(texts)) = &selection;
        ensure!(!texts.iter().any(|text| text.contains("${")), "variables are not known here: {texts:?}");
        Ok(selection)
    }

    fn find(&self, matches: impl Fn(&str) -> bool) -> Option<(usize, &str)> {
        match self {
            Self::These(texts) => {
                texts.iter().enumerate().find(|(_, text)| matches(text)).map(|(at, text)| (at, text.as_str()))
            }
            Self::AllBut(texts) => (!texts.iter().any(|text| matches(text))).then_some((0, "*")),
        }
    }
}
