//! Users: who may do what.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{error::Invalid, policy::Policy};

/// What a key may do. Each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads executions and locks.
    Viewer = 1,
    /// Runs commands, and stops and reads their own.
    Member = 2,
    /// Everything, including users.
    Admin = 3,
    /// A role that this version does not know: the least of all, since nothing is known of it.
    #[serde(other)]
    Unknown = 0,
}

impl Role {
    /// Every role, the weakest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Member, Self::Admin];

    /// The role as tables and replies spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("`{}` is not a role ({known})", text.escape_debug())
        })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Checks the form of an e-mail address, which names a user: `local@domain`, printable ASCII, no spaces.
pub fn validate_email(email: &str) -> Result<(), Invalid> {
    let plain = |c: u8| c.is_ascii_graphic() && !matches!(c, b'<' | b'>' | b'"' | b'/' | b'\\' | b'#' | b'?' | b'%');
    let shaped = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.contains('@') && domain.split('.').all(|label| !label.is_empty())
    });
    if email.len() <= 254 && shaped && email.bytes().all(plain) {
        return Ok(());
    }
    let shown: String = email.chars().take(64).collect();
    Err(Invalid::new("email", format!("must be an e-mail address, not `{}`", shown.escape_debug())))
}

/// Body of `POST /users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserRequest {
    /// Names the user.
    pub email: String,
    /// [`Role::Member`] if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// Body of `PATCH /users/{email}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// Their role from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Their policy from now on, as a whole; `null` takes it away.
    #[serde(default, deserialize_with = "crate::present", skip_serializing_if = "Option::is_none")]
    pub policy: Option<Option<Policy>>,
}

/// Checks a role that a request gives.
pub fn validate_role(role: Role) -> Result<(), Invalid> {
    if Role::ALL.contains(&role) {
        return Ok(());
    }
    Err(Invalid::new("role", format!("must be one of {}", Role::ALL.map(Role::as_str).join(", "))))
}

impl UserChange {
    /// Checks that it changes something, into something that makes sense.
    pub fn validate(&self) -> Result<(), Invalid> {
        match (self.role, &self.policy) {
            (None, None) => return Err(Invalid::new("role", "or `policy` is required: there is nothing to change")),
            (Some(role), _) => validate_role(role)?,
            (None, Some(_)) => {}
        }
        self.policy.iter().flatten().try_for_each(Policy::validate)
    }
}

/// Reply of `POST /users` and of `POST /users/{email}/rotate`: the only time the key is ever shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserAdded {
    /// The new user.
    pub email: String,
    /// Their role.
    pub role: Role,
    /// Their key.
    pub api_key: String,
}

/// One user, in the replies of `GET /users` and `GET /whoami`. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Names the user.
    pub email: String,
    /// Their role.
    pub role: Role,
    /// When the key was made.
    pub created_at: String,
    /// When the key was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
    /// Whether the key has been revoked.
    #[serde(default)]
    pub revoked: bool,
    /// What their commands may be: a [`Policy`], maybe one with rules that this version does not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
}

/// Reply of `GET /users`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserList {
    /// By e-mail address.
    pub users: Vec<User>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered() {
        assert!(Role::Unknown < Role::Viewer && Role::Viewer < Role::Member && Role::Member < Role::Admin);
        assert_eq!(serde_json::from_str::<Role>("\"auditor\"").unwrap(), Role::Unknown);
        assert!(validate_role(Role::Unknown).is_err() && "unknown".parse::<Role>().is_err());
        assert!("root".parse::<Role>().unwrap_err().contains("viewer, member, admin"));
    }

    #[test]
    fn addresses_have_two_sides() {
        assert_eq!(validate_email("alice+ops@example.com"), Ok(()));
        for bad in ["", "alice", "@x", "a@", "a@b@c", "a b@c", "a@b..c", "a/../b@c", "a@\u{7}"] {
            assert!(validate_email(bad).is_err(), "{bad}");
        }
    }
}
