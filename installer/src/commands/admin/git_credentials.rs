//! `runvoy admin git-credentials`.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use runvoy_api::git_credential::{GitCredential, GitCredentialList, GitCredentialRequest, Kind};

use super::value;
use crate::{
    client::{Client, encode},
    error::{Error, Result, ResultExt as _},
    exit,
    table::Table,
    ui,
};

const SET_EXAMPLES: &str = "\
Examples:
  runvoy admin git-credentials set --host github.com
  runvoy admin git-credentials set --host gitlab.com --repository 'acme/*' token.txt
  runvoy admin git-credentials set --host git.example.com --ssh-key deploy_key --known-hosts known_hosts

A token is asked for, or read from a file or stdin (`-`); it needs to read code and no
more. It is kept in AWS Secrets Manager, never shown, and given only to the container
that fetches the code, for this host alone: the command does not see it.
`ssh-keyscan HOST` prints a host's keys: compare them with what the host publishes.";

const LIST_EXAMPLES: &str = "\
Examples:
  runvoy admin git-credentials list
  runvoy admin git-credentials list --json";

const REMOVE_EXAMPLES: &str = "\
Examples:
  runvoy admin git-credentials remove --host github.com";

/// What can be done with the credentials for git hosts.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Set what a host's private repositories are read with
    #[command(after_help = SET_EXAMPLES)]
    Set(SetArgs),
    /// List the hosts that have credentials, without them
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a host's credential
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// The host
        #[arg(long)]
        host: String,
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `runvoy admin git-credentials set`.
#[derive(clap::Args)]
pub struct SetArgs {
    /// The host, such as `github.com`
    #[arg(long)]
    host: String,
    /// The file with the token; `-` is stdin
    #[arg(conflicts_with = "ssh_key")]
    file: Option<String>,
    /// The user that the token is of, where the host minds
    #[arg(long, value_name = "NAME", conflicts_with = "ssh_key")]
    username: Option<String>,
    /// Use the ssh key in this file in the place of a token; it must have no passphrase
    #[arg(long, value_name = "FILE")]
    ssh_key: Option<String>,
    /// With an ssh key: the file with the host's public keys; those of github.com, gitlab.com and bitbucket.org are known
    #[arg(long, value_name = "FILE", requires = "ssh_key")]
    known_hosts: Option<String>,
    /// Only for repositories with such a path: `acme/*`; may be given again
    #[arg(long, value_name = "PATTERN")]
    repository: Vec<String>,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// The keys that the large hosts publish.
///
/// Sources: "GitHub's SSH key fingerprints", "GitLab.com settings: SSH known_hosts entries" and Bitbucket Cloud's
/// "Configure SSH and two-step verification".
const KNOWN_HOSTS: [&str; 3] = [
    "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
    "gitlab.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
    "bitbucket.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
];

/// Runs it.
pub async fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::Set(args) => set(args, profile).await,
        Command::List { json } => value::list("/git-credentials", json, profile, table).await,
        Command::Remove { host, json } => {
            let said = format!("removed: `{}` is read without credentials", ui::printable(&host));
            value::remove(&path(&host), json, said, profile).await
        }
    }
}

async fn set(args: SetArgs, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let SetArgs { host, file, username, ssh_key, known_hosts, repository: repositories, json } = args;
    let request = match &ssh_key {
        None => token(&host, username, file.as_deref(), repositories)?,
        Some(path) => {
            let secret = value::read(Some(path), "")?;
            if has_passphrase(&secret) {
                let problem = format!("the key in `{path}` has a passphrase, which nobody could type");
                return Err(
                    Error::new(problem).hint("make one of its own: `ssh-keygen -t ed25519 -N '' -f deploy_key`")
                );
            }
            let known_hosts = Some(self::known_hosts(&host, known_hosts.as_deref())?);
            checked(
                &host,
                GitCredentialRequest { kind: Kind::SshKey, username: None, secret, known_hosts, repositories },
            )?
        }
    };
    let said = format!("set: private repositories of `{}` can be run from now on", ui::printable(&host));
    value::set(&client, &path(&host), &request, json, said).await
}

/// A host's token, from this file or the prompt.
pub fn token(
    host: &str,
    username: Option<String>,
    file: Option<&str>,
    repositories: Vec<String>,
) -> Result<GitCredentialRequest> {
    let secret = value::line(file, &format!("Token for {}", ui::printable(host)))?;
    checked(host, GitCredentialRequest { kind: Kind::Token, username, secret, known_hosts: None, repositories })
}

fn checked(host: &str, request: GitCredentialRequest) -> Result<GitCredentialRequest> {
    let checked = request.validate(&host.to_ascii_lowercase());
    checked.map_err(|invalid| Error::new(invalid).exit(exit::USAGE)).map(|()| request)
}

fn known_hosts(host: &str, file: Option<&str>) -> Result<String> {
    if let Some(file) = file {
        return fs::read_to_string(file).context(format!("can't read `{file}`"));
    }
    let known = KNOWN_HOSTS.iter().find(|line| line.split(' ').next() == Some(host));
    known.map(|line| format!("{line}\n")).ok_or_else(|| {
        Error::new(format!("the public keys of `{}` are not known", ui::printable(host)))
            .hint(format!("`ssh-keyscan {host} > known_hosts`, compare them, then add `--known-hosts known_hosts`"))
            .exit(exit::USAGE)
    })
}

/// OpenSSH's own format names the cipher in its first bytes; older ones say it in a header.
fn has_passphrase(key: &str) -> bool {
    let body: String = key.lines().filter(|line| !line.starts_with("-----")).collect();
    let start: Vec<u8> = BASE64.decode(body.get(..40).unwrap_or_default()).unwrap_or_default();
    let openssh = b"openssh-key-v1\0\0\0\0\x04none";
    key.contains("ENCRYPTED") || (start.starts_with(&openssh[..15]) && !start.starts_with(openssh))
}

fn table(list: GitCredentialList) -> Table {
    let mut table = Table::new(["HOST", "KIND", "REPOSITORIES", "SET", "BY"]);
    for GitCredential { host, kind, repositories, set_at, set_by } in &list.git_credentials {
        let repositories = if repositories.is_empty() { "all".to_owned() } else { repositories.join(", ") };
        table.push([host.into(), kind.as_str().into(), repositories.into(), ui::ago(set_at).into(), set_by.into()]);
    }
    table
}

fn path(host: &str) -> String {
    format!("/git-credentials/{}", encode(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_shows_in_the_first_bytes() {
        let key = |cipher: &str| {
            let bytes =
                [b"openssh-key-v1\0\0\0\0".as_slice(), &[cipher.len() as u8], cipher.as_bytes(), &[0; 40]].concat();
            format!(
                "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
                BASE64.encode(bytes)
            )
        };
        assert!(!has_passphrase(&key("none")));
        assert!(has_passphrase(&key("aes256-ctr")));
        assert!(has_passphrase("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"));
        assert!(!has_passphrase("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n"));
    }

    #[test]
    fn large_hosts_are_known_and_others_must_be_named() {
        assert!(known_hosts("github.com", None).unwrap().starts_with("github.com ssh-ed25519 "));
        assert!(known_hosts("git.example.com", None).unwrap_err().explain().contains("not known"));
    }
}
