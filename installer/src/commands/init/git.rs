//! `--git-token`: what private repositories are read with, set as soon as the deployment works.

use runvoy_api::{git_credential::GitCredentialRequest, repo::validate_host};
use serde_json::Value;

use crate::{
    client::{Client, encode},
    commands::admin::git_credentials,
    deploy::{install::Installed, progress::Progress},
    error::{Error, Result},
    exit,
};

/// Where a host's token is: a file, or `-` for stdin. Never the token itself: others could see it there.
#[derive(Debug, Clone)]
pub(super) struct GitToken {
    host: String,
    file: String,
}

impl GitToken {
    /// Reads `HOST=FILE`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (host, file) = text.split_once('=').filter(|(_, file)| !file.is_empty()).ok_or("must be HOST=FILE")?;
        validate_host(host)?;
        Ok(Self { host: host.to_ascii_lowercase(), file: file.to_owned() })
    }
}

/// Tokens that can be set.
pub(super) struct Tokens(Vec<(String, GitCredentialRequest)>);

impl Tokens {
    /// Reads and checks all of them, so that none is found wanting when everything else is done.
    pub fn read(tokens: &[GitToken]) -> Result<Self> {
        let read = |GitToken { host, file }: &GitToken| {
            Ok((host.clone(), git_credentials::token(host, None, Some(file), vec![])?))
        };
        tokens.iter().map(read).collect::<Result<_>>().map(Self)
    }

    /// Sets them through the API, by the first admin's key. Any number of times: the last one counts.
    pub async fn set(&self, installed: &Installed, progress: &Progress) -> Result<()> {
        let Some((first, _)) = self.0.first() else { return Ok(()) };
        let later = |error: Error, host: &str| {
            let hint = format!("the deployment works; set it with `runvoy admin git-credentials set --host {host}`");
            error.context(format!("the token for `{host}` is not set")).hint(hint).exit(exit::PARTLY_DONE)
        };
        let step = progress.step("git-credentials", "keep the tokens for git");
        let Some(key) = installed.admin.key() else {
            return Err(later(Error::new("the first admin's key is not on this machine"), first));
        };
        let client = Client::new(&installed.endpoint, Some(key))?;
        for (host, request) in &self.0 {
            let path = format!("/git-credentials/{}", encode(host));
            client.put::<_, Value>(&path, request).await.map_err(|error| later(error, host))?;
        }
        step.done(&self.0.iter().map(|(host, _)| host.as_str()).collect::<Vec<_>>().join(", "));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_file_are_named() {
        let token = GitToken::parse("GitHub.com=a=b.txt").unwrap();
        assert_eq!((token.host.as_str(), token.file.as_str()), ("github.com", "a=b.txt"));
        for bad in ["github.com", "github.com=", "=token.txt", "https://github.com=token.txt"] {
            assert!(GitToken::parse(bad).is_err(), "{bad}");
        }
    }
}
