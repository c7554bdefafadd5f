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
