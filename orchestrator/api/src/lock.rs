//! Locks: at most one live task under each name.

use serde::{Deserialize, Serialize};

use crate::error::Invalid;

const MAX_BYTES: usize = 128;

/// Checks a lock's name: 1 to 128 ASCII letters, digits and `. _ - / : @`, the first a letter or digit.
pub fn validate(name: &str) -> Result<(), Invalid> {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'/' | b':' | b'@');
    let starts_well = name.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if name.len() <= MAX_BYTES && starts_well && name.bytes().all(inner) {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    let rule = "must be 1 to 128 letters, digits and `. _ - / : @`, starting with a letter or digit";
    Err(Invalid::new("lock", format!("{rule}, not `{}`", shown.escape_debug())))
}

/// One held lock, in the reply of `GET /locks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Its name.
    pub lock_name: String,
    /// The execution that holds it.
    pub execution_id: String,
    /// Whose execution that is.
    pub user_email: String,
    /// Since when, RFC 3339.
    pub acquired_at: String,
    /// When the holder is overdue, RFC 3339. Being overdue never hands the lock over: it stops the holder.
    pub expires_at: String,
    /// Grows with each holder of this name; the command sees it as `RUNVOY_LOCK_FENCE`.
    pub fence: u64,
    /// Those that wait for it, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiters: Vec<Waiter>,
}

/// The most that can wait for one lock.
pub const MAX_WAITERS: usize = 100;

/// An execution that waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiter {
    /// Its id.
    pub execution_id: String,
    /// Whose it is.
    pub user_email: String,
    /// Since when it waits, RFC 3339.
    pub since: String,
    /// When it gives up, RFC 3339.
    pub until: String,
}

/// Body of `DELETE /locks/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LockRelease {
    /// Why, for the audit trail and for whoever held it.
    pub reason: String,
}

impl LockRelease {
    /// Checks that there is a reason, of at most 500 characters.
    pub fn validate(&self) -> Result<(), Invalid> {
        match self.reason.trim().chars().count() {
            0 => Err(Invalid::new("reason", "is required")),
            1..=500 => Ok(()),
            count => Err(Invalid::new("reason", format!("must have at most 500 characters, not {count}"))),
        }
    }
}

/// Reply of `DELETE /locks/{name}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockReleased {
    /// The lock as it was held.
    pub lock: Lock,
    /// Whether it is free by now. If not, its holder's task is being stopped, and its end frees the lock.
    pub released: bool,
}

/// Reply of `GET /locks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockList {
    /// The held ones, by name.
    pub locks: Vec<Lock>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["infra-prod", "team/app:eu@1", "a"] {
            assert_eq!(validate(name), Ok(()), "{name}");
        }
        for name in ["", "-a", " a", "a b", "a\u{1b}[0m", "ä", &"a".repeat(129)] {
            assert!(validate(name).is_err(), "{name}");
        }
    }
}
