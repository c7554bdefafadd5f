//! Secrets for commands, by the aliases that admins give them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Invalid;

/// The most that one command can ask for.
pub const MAX_SECRETS: usize = 20;

/// The longest value, in bytes. Secrets Manager takes twice that, an environment not much more.
pub const MAX_VALUE_BYTES: usize = 32 * 1024;

/// Body of `PUT /secrets/{alias}`. Without `Debug`: values are shown nowhere.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretRequest {
    /// What commands find in their environment.
    pub value: String,
}

impl SecretRequest {
    /// Checks that it fits into an environment variable.
    pub fn validate(&self) -> Result<(), Invalid> {
        match self.value.len() {
            0 => Err(Invalid::new("value", "is required")),
            length if length > MAX_VALUE_BYTES => {
                Err(Invalid::new("value", format!("must have at most {MAX_VALUE_BYTES} bytes, not {length}")))
            }
            _ if self.value.contains('\0') => Err(Invalid::new("value", "must not contain a NUL character")),
            _ => Ok(()),
        }
    }
}

/// One secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// What commands ask for it by.
    pub alias: String,
    /// When its value was set, RFC 3339.
    pub set_at: String,
    /// By whom.
    pub set_by: String,
}

/// Reply of `GET /secrets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretList {
    /// By alias.
    pub secrets: Vec<Secret>,
}

/// Checks an alias: 1 to 64 ASCII letters, digits and `. _ -`, the first a letter or digit.
pub fn validate_alias(alias: &str) -> Result<(), Invalid> {
    let inner = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    let starts_well = alias.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if alias.len() <= 64 && starts_well && alias.bytes().all(inner) {
        return Ok(());
    }
    let shown: String = alias.chars().take(64).collect();
    let rule = "must be an alias of 1 to 64 letters, digits and `. _ -`, starting with a letter or digit";
    Err(Invalid::new("secrets", format!("{rule}, not `{}`", shown.escape_debug())))
}

/// Checks what a command asks for: aliases by the names of the variables that they are to be in.
pub fn validate(secrets: &BTreeMap<String, String>, env: &BTreeMap<String, String>) -> Result<(), Invalid> {
    if secrets.len() > MAX_SECRETS {
        return Err(Invalid::new("secrets", format!("has more than {MAX_SECRETS} of them")));
    }
    for (name, alias) in secrets {
        crate::execution::validate_env_name("secrets", name)?;
        validate_alias(alias)?;
        if env.contains_key(name) {
            return Err(Invalid::new("secrets", format!("sets `{name}`, and so does `env`")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_an_alias_in_a_variable_of_its_own() {
        let map = |entries: &[(&str, &str)]| entries.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        let none = BTreeMap::new();
        assert_eq!(validate(&map(&[("DB_PASSWORD", "db.prod-1")]), &none), Ok(()));
        for (name, alias) in
            [("1X", "db"), ("", "db"), ("RUNVOY_X", "db"), ("X", ""), ("X", "a/b"), ("X", "-a"), ("X", "ä")]
        {
            assert!(validate(&map(&[(name, alias)]), &none).is_err(), "{name} {alias}");
        }
        assert!(validate(&map(&[("X", "db")]), &map(&[("X", "1")])).unwrap_err().problem.contains("`env`"));
    }
}
