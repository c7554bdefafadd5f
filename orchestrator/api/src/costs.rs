//! What executions cost, added up.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What costs are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Who started them.
    User,
    /// The lock they ran under.
    Lock,
    /// The month they were started in, as `2026-01`.
    Month,
}

impl By {
    const ALL: [(&'static str, Self); 3] = [("user", Self::User), ("lock", Self::Lock), ("month", Self::Month)];
}

impl FromStr for By {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|(name, _)| *name == text);
        known.map(|(_, by)| by).ok_or_else(|| format!("`{}` is not one of user, lock, month", text.escape_debug()))
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, _) = Self::ALL.into_iter().find(|(_, by)| by == self).unwrap_or(Self::ALL[0]);
        f.write_str(name)
    }
}

/// One line of [`Costs`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// The user, lock or month; empty for executions without a lock.
    pub name: String,
    /// How many executions have ended.
    pub executions: u64,
    /// How long they took, from their start to their end, in seconds.
    pub seconds: u64,
    /// US dollars.
    pub cost_usd: f64,
    /// Whether a part of it is an estimate: Spot's price moves, and other regions than us-east-1 have other prices.
    pub estimated: bool,
}

/// Reply of `GET /costs`: the executions that have ended since then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// What is added up.
    pub by: By,
    /// Executions started since then, RFC 3339.
    pub since: String,
    /// The dearest first; months by date.
    pub costs: Vec<Cost>,
    /// `false` if there were more executions than one request can add up: then `since` a later day gives the whole.
    pub complete: bool,
}
