//! Registry credentials: what a registry's private images are pulled with.

use serde::{Deserialize, Serialize};

use crate::error::Invalid;

const MAX_BYTES: usize = 32 * 1024;

/// Body of `PUT /registry-credentials/{host}`, and what ECS is given, which expects these two fields. Without `Debug`:
/// values are shown nowhere.
///
/// Source: Amazon ECS developer guide, "Using non-AWS container images in Amazon ECS".
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryCredentialRequest {
    /// Who pulls.
    pub username: String,
    /// Their password, or a token that may read images.
    pub password: String,
}

impl RegistryCredentialRequest {
    /// Checks what travels as HTTP's basic authentication. No problem repeats a value.
    pub fn validate(&self) -> Result<(), Invalid> {
        let plain = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        if !plain(&self.username) || self.username.len() > 256 || self.username.contains(':') {
            return Err(Invalid::new("username", "must be 1 to 256 bytes without colons and control characters"));
        }
        if !plain(&self.password) || self.password.len() > MAX_BYTES {
            return Err(Invalid::new("password", "must be one line of at most 32 KiB"));
        }
        Ok(())
    }
}

/// One registry's credential, without its password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryCredential {
    /// Whose images it pulls; `docker.io` for those that name no registry.
    pub host: String,
    /// Who pulls.
    pub username: String,
    /// When it was set, RFC 3339.
    pub set_at: String,
    /// By whom.
    pub set_by: String,
}

/// Reply of `GET /registry-credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistryCredentialList {
    /// By host.
    pub registry_credentials: Vec<RegistryCredential>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_fit_into_a_header() {
        let field = |username: &str, password: &str| {
            let request = RegistryCredentialRequest { username: username.into(), password: password.into() };
            request.validate().err().map(|invalid| invalid.field)
        };
        assert_eq!(field("bot", "p: ä \"quoted\""), None);
        for (username, password, expected) in [
            ("", "x", "username"),
            ("a:b", "x", "username"),
            ("a\nb", "x", "username"),
            ("bot", "", "password"),
            ("bot", "a\r\nb", "password"),
        ] {
            assert_eq!(field(username, password), Some(expected), "{username:?} {password:?}");
        }
    }
}
