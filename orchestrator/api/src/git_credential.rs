//! Git credentials: what a host's private repositories are read with.

use serde::{Deserialize, Serialize};

use crate::{
    error::Invalid,
    repo::{Transport, validate_host},
};

const MAX_BYTES: usize = 32 * 1024;
const MAX_PATTERNS: usize = 100;

/// Body of `PUT /git-credentials/{host}`, and what the container that fetches the code is given. Without `Debug`: values
/// are shown nowhere.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitCredentialRequest {
    /// What the secret is.
    pub kind: Kind,
    /// Who a token is sent as; hosts differ in what they expect. [`default_username`] if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The token, or the private key without a passphrase.
    pub secret: String,
    /// With a key: the host's own public keys, as lines of ssh's `known_hosts`. No other host is believed to be it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<String>,
    /// The paths of the repositories that it is for, with `*` for any run of characters: `acme/*`. None means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<String>,
}

/// What a git credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A password over https.
    Token,
    /// A private key for ssh.
    SshKey,
}

impl Kind {
    /// How repositories are reached with it.
    pub fn transport(self) -> Transport {
        match self {
            Self::Token => Transport::Https,
            Self::SshKey => Transport::Ssh,
        }
    }

    /// As requests and rows spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::SshKey => "ssh-key",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::Token, Self::SshKey].into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| format!("`{}` is no kind of git credential (token, ssh-key)", text.escape_debug()))
    }
}

/// Whom a host expects a token from.
///
/// Sources: GitLab's and Bitbucket's documentation of access tokens, and GitHub's of app installations; GitHub takes any
/// name with a personal token.
pub fn default_username(host: &str) -> &'static str {
    match host {
        "gitlab.com" => "oauth2",
        "bitbucket.org" => "x-token-auth",
        _ => "x-access-token",
    }
}

impl GitCredentialRequest {
    /// Checks every rule that can be checked here. No problem repeats a value.
    pub fn validate(&self, host: &str) -> Result<(), Invalid> {
        validate_host(host).map_err(|problem| Invalid::new("host", problem))?;
        let plain = |text: &str| text.bytes().all(|c| c.is_ascii_graphic());
        let key_like = self.secret.trim_start().starts_with("-----BEGIN ") && self.secret.contains("PRIVATE KEY-----");
        let problem = match self.kind {
            _ if self.secret.len() > MAX_BYTES => Some(("secret", "is longer than 32 KiB")),
            Kind::Token if self.secret.is_empty() || !plain(&self.secret) => {
                Some(("secret", "must be a token: printable ASCII without spaces"))
            }
            Kind::Token if self.known_hosts.is_some() => Some(("known_hosts", "is for an ssh key")),
            Kind::SshKey if !key_like || self.secret.contains('\0') => {
                Some(("secret", "must be a private key: `-----BEGIN … PRIVATE KEY-----`"))
            }
            Kind::SshKey if self.username.is_some() => {
                Some(("username", "is for a token: an address names ssh's user"))
            }
            Kind::SshKey if !self.known_hosts.as_deref().is_some_and(is_known_hosts) => Some((
                "known_hosts",
                "is required with an ssh key: the host's public keys, as `ssh-keyscan` prints them",
            )),
            _ => None,
        };
        if let Some((field, problem)) = problem {
            return Err(Invalid::new(field, problem));
        }
        let username = self.username.as_deref();
        if username.is_some_and(|name| name.is_empty() || name.len() > 256 || !plain(name) || name.contains(':')) {
            return Err(Invalid::new("username", "must be printable ASCII without spaces and colons"));
        }
        let good = |pattern: &String| (1..=512).contains(&pattern.len()) && plain(pattern) && !pattern.starts_with('/');
        if self.repositories.len() > MAX_PATTERNS || !self.repositories.iter().all(good) {
            let problem = format!("must be at most {MAX_PATTERNS} patterns of paths on the host, such as `acme/*`");
            return Err(Invalid::new("repositories", problem));
        }
        Ok(())
    }
}

/// Whether there is a host's key in it: `host type base64`.
fn is_known_hosts(text: &str) -> bool {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    text.len() <= MAX_BYTES && lines().count() > 0 && lines().all(|line| line.split_whitespace().count() >= 3)
}

/// One host's credential, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCredential {
    /// Whose repositories it reads.
    pub host: String,
    /// What it is.
    pub kind: Kind,
    /// See [`GitCredentialRequest::repositories`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<String>,
    /// When it was set, RFC 3339.
    pub set_at: String,
    /// By whom.
    pub set_by: String,
}

/// Reply of `GET /git-credentials`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitCredentialList {
    /// By host.
    pub git_credentials: Vec<GitCredential>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn field(changes: Value) -> Option<&'static str> {
        let mut request = json!({"kind": "token", "secret": "t0ken"});
        request.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let request: GitCredentialRequest = serde_json::from_value(request).unwrap();
        request.validate("github.com").err().map(|invalid| invalid.field)
    }

    #[test]
    fn tokens_and_keys_have_what_each_needs() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        let known = "# github\ngithub.com ssh-ed25519 AAAA\n";
        assert_eq!(field(json!({})), None);
        assert_eq!(field(json!({"username": "bot", "repositories": ["acme/*"]})), None);
        assert_eq!(field(json!({"kind": "ssh-key", "secret": key, "known_hosts": known})), None);
        for (changes, expected) in [
            (json!({"secret": ""}), "secret"),
            (json!({"secret": "a b"}), "secret"),
            (json!({"secret": "a\nHost: evil"}), "secret"),
            (json!({"known_hosts": known}), "known_hosts"),
            (json!({"username": "a:b"}), "username"),
            (json!({"repositories": [""]}), "repositories"),
            (json!({"repositories": ["/acme"]}), "repositories"),
            (json!({"kind": "ssh-key", "secret": "t0ken", "known_hosts": known}), "secret"),
            (json!({"kind": "ssh-key", "secret": key}), "known_hosts"),
            (json!({"kind": "ssh-key", "secret": key, "known_hosts": "github.com"}), "known_hosts"),
            (json!({"kind": "ssh-key", "secret": key, "known_hosts": known, "username": "git"}), "username"),
        ] {
            assert_eq!(field(changes.clone()), Some(expected), "{changes}");
        }
    }

    #[test]
    fn a_host_is_a_name_alone() {
        let request = || GitCredentialRequest {
            kind: Kind::Token,
            username: None,
            secret: "x".into(),
            known_hosts: None,
            repositories: vec![],
        };
        for host in ["", "https://github.com", "github.com/acme", "github.com:443", "-x", "a b"] {
            assert_eq!(request().validate(host).unwrap_err().field, "host", "{host}");
        }
    }
}
