//! Secrets for commands, by the aliases that admins give them.

use std::collections::BTreeMap;

use crate::error::Invalid;

/// The most that one command can ask for.
pub const MAX_SECRETS: usize = 20;

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
