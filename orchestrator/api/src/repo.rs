//! Git repositories: which addresses a command can get its code from, and what may be asked of one.

use crate::{error::Invalid, policy};

const MAX_BYTES: usize = 1024;

/// The address of a repository, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// How it is reached.
    pub transport: Transport,
    /// Whether it names a port.
    has_port: bool,
    /// As it was spelled.
    path: String,
    /// In lower case, without a port: what credentials are kept by.
    pub host: String,
    /// `host[:port]/path`, without `.git` at its end: what patterns of repositories are compared with, such as
    /// `github.com/acme/*`. Both transports spell one repository alike.
    pub name: String,
}

/// How a repository is reached. Git knows more ways; those are not encrypted, or run programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `https://host/path`.
    Https,
    /// `ssh://user@host/path`, or `user@host:path`.
    Ssh,
}

impl Remote {
    /// Reads `https://host[:port]/path`, `ssh://[user@]host[:port]/path` or `[user@]host:path`. The error is the rest of a
    /// sentence that begins with the field's name. It never repeats the address, which may have a password in it.
    pub fn parse(url: &str) -> Result<Self, String> {
        let form = || "must be `https://host/path`, `ssh://user@host/path` or `user@host:path`".to_owned();
        // `name::address` is git's way of calling a program of that name.
        let helper = url.contains("::");
        if helper || url.len() > MAX_BYTES || !url.bytes().all(|c| c.is_ascii_graphic()) || url.starts_with('-') {
            return Err(format!("{}, of at most {MAX_BYTES} plain characters", form()));
        }
        let (transport, authority, path) = if let Some((scheme, rest)) = url.split_once("://") {
            let transport = match scheme {
                "https" => Transport::Https,
                "ssh" => Transport::Ssh,
                _ => return Err(form()),
            };
            let (authority, path) = rest.split_once('/').ok_or_else(form)?;
            (transport, authority, path)
        } else {
            // A slash before the colon makes it a local path, for git as for us.
            let (authority, path) = url.split_once(':').filter(|(host, _)| !host.contains('/')).ok_or_else(form)?;
            (Transport::Ssh, authority, path)
        };
        let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if user.is_some_and(|user| transport == Transport::Https || user.contains(':')) {
            return Err("must not carry credentials: an admin sets them by `runvoy admin git-credentials set`".into());
        }
        if user.is_some_and(|user| user.is_empty() || user.starts_with('-') || !user.bytes().all(is_word)) {
            return Err(form());
        }
        let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
        validate_host(host)?;
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err(form());
        }
        let host = host.to_ascii_lowercase();
        let place = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let name = format!("{place}/{}", plain_path(path)?);
        let path = path.trim_start_matches('/').to_owned();
        Ok(Self { transport, has_port: port.is_some(), path, host, name })
    }

    /// Its address by this transport, which may be another one than it was given with: which one works depends on the
    /// deployment's credentials, and people's own clones have either. `None` where it names a port, which is the other
    /// transport's.
    pub fn over(&self, transport: Transport) -> Option<String> {
        let user = match transport {
            Transport::Https => "https://",
            Transport::Ssh => "ssh://git@",
        };
        (!self.has_port).then(|| format!("{user}{}/{}", self.host, self.path))
    }

    /// Whether one of these patterns of paths on its host names it; without patterns, all are meant. `*` stands for any
    /// run of characters: `acme/*`.
    pub fn is_among(&self, patterns: &[String]) -> bool {
        let path = self.name.split_once('/').map_or("", |(_, path)| path);
        patterns.is_empty() || patterns.iter().any(|pattern| policy::matches(pattern, path))
    }
}

/// The path without what is the same repository spelled otherwise. What would be another one by the time that the server
/// has read it is refused: patterns are compared with this text.
fn plain_path(path: &str) -> Result<&str, String> {
    let path = path.trim_start_matches('/').trim_end_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let lower = path.to_ascii_lowercase();
    let odd =
        path.contains(['?', '#', '\\', '@']) || ["%2e", "%2f", "%5c", "%25"].iter().any(|code| lower.contains(code));
    if odd || path.split('/').any(|part| matches!(part, "" | "." | "..") || part.starts_with('-')) {
        return Err("must end in the plain path of a repository, such as `acme/infra`".into());
    }
    Ok(path)
}

/// Checks the name of a host that has credentials: letters, digits, hyphens and dots, and no port.
pub fn validate_host(host: &str) -> Result<(), String> {
    let label = |label: &str| {
        let inner = label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-');
        (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.len() <= 253 && host.split('.').all(label) {
        return Ok(());
    }
    Err("must name a host, such as `github.com`".into())
}

/// Checks the name of a branch or tag, or a full commit id, by git's own rules (`git check-ref-format`).
pub fn validate_ref(name: &str) -> Result<(), Invalid> {
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"~^:?*[\\".contains(c);
    let parts =
        |name: &str| name.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"));
    let bad_end = name.ends_with('.') || name == "@";
    let odd = name.starts_with('-') || bad_end || name.contains("..") || name.contains("@{");
    if (1..=255).contains(&name.len()) && name.chars().all(plain) && parts(name) && !odd {
        return Ok(());
    }
    let shown: String = name.chars().take(64).collect();
    let rule = "must be a branch, a tag or a full commit id";
    Err(Invalid::new("ref", format!("{rule}, not `{}`", shown.escape_debug())))
}

/// Checks the folder of the code that a command runs in: relative, and never out of it.
pub fn validate_path(path: &str) -> Result<(), Invalid> {
    let inside = !path.starts_with(['/', '-']) && path.split('/').all(|part| part != "..");
    if (1..=MAX_BYTES).contains(&path.len()) && inside && !path.contains(char::is_control) {
        return Ok(());
    }
    let shown: String = path.chars().take(64).collect();
    let rule = "must be a folder inside of the code, such as `infra/prod`";
    Err(Invalid::new("path", format!("{rule}, not `{}`", shown.escape_debug())))
}

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-' | b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_transports_spell_one_repository_alike() {
        for (url, host, name) in [
            ("https://github.com/acme/infra", "github.com", "github.com/acme/infra"),
            ("https://GitHub.com/acme/infra.git/", "github.com", "github.com/acme/infra"),
            ("https://github.com/acme/infra.git", "github.com", "github.com/acme/infra"),
            ("git@github.com:acme/infra.git", "github.com", "github.com/acme/infra"),
            ("ssh://git@git.example.com:2222/team/a/b", "git.example.com", "git.example.com:2222/team/a/b"),
            ("git.example.com:/srv/app.git", "git.example.com", "git.example.com/srv/app"),
            ("https://localhost:8443/app", "localhost", "localhost:8443/app"),
            (
                "https://dev.azure.com/acme/My%20Project/_git/app",
                "dev.azure.com",
                "dev.azure.com/acme/My%20Project/_git/app",
            ),
        ] {
            let remote = Remote::parse(url).unwrap_or_else(|problem| panic!("{url}: {problem}"));
            assert_eq!((remote.host.as_str(), remote.name.as_str()), (host, name), "{url}");
        }
    }

    #[test]
    fn the_other_transport_has_the_same_path() {
        let remote = |url| Remote::parse(url).unwrap();
        let (ssh, https) = (remote("git@github.com:acme/infra.git"), remote("https://github.com/acme/infra"));
        assert_eq!(ssh.over(Transport::Https).unwrap(), "https://github.com/acme/infra.git");
        assert_eq!(https.over(Transport::Ssh).unwrap(), "ssh://git@github.com/acme/infra");
        assert_eq!(remote("ssh://git@host:2222/x").over(Transport::Https), None);
        for (patterns, expected) in
            [(vec![], true), (vec!["acme/*"], true), (vec!["x", "acme/infra"], true), (vec!["acme"], false)]
        {
            let patterns: Vec<String> = patterns.into_iter().map(str::to_owned).collect();
            assert_eq!(ssh.is_among(&patterns), expected, "{patterns:?}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for url in [
            "",
            "http://github.com/acme/infra",
            "git://github.com/acme/infra",
            "file:///srv/app",
            "ext::sh -c id",
            "ext::sh%20-c",
            "/srv/app",
            "./app:x/y",
            "-oProxyCommand=id",
            "ssh://-oProxyCommand=id/x",
            "-h@host:x",
            "git@-host:x",
            "git@host:-x",
            "https://github.com",
            "https://github.com/",
            "https://github.com:port/a",
            "https://github.com/a b",
            "https://github.com/acme/../evil/x",
            "https://github.com/acme/%2e%2e/evil/x",
            "https://github.com/acme//x",
            "https://github.com/acme/x?token=1",
            "https://github.com/acme/x#1",
            "https://gith\u{fc}b.com/a/b",
            "git@host:a\nb",
        ] {
            assert!(Remote::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn credentials_in_an_address_are_refused_and_not_repeated() {
        for url in ["https://user@github.com/a/b", "https://u:secret@github.com/a/b", "ssh://git:secret@host/a"] {
            let problem = Remote::parse(url).unwrap_err();
            assert!(problem.contains("git-credentials") && !problem.contains("secret@"), "{problem}");
        }
    }

    #[test]
    fn refs_and_paths_stay_what_they_seem() {
        for name in ["main", "v1.2.3", "feature/x-y", "0123456789abcdef0123456789abcdef01234567", "grün"] {
            assert_eq!(validate_ref(name), Ok(()), "{name}");
        }
        for name in
            ["", "-x", "--upload-pack=id", "a b", "a..b", "a:b", "a~1", "HEAD^", "a.lock", "/a", "a/", "@{u}", "a\0"]
        {
            assert_eq!(validate_ref(name).unwrap_err().field, "ref", "{name}");
        }
        for path in [".", "infra", "infra/prod", "a b/ü", "..a/b.."] {
            assert_eq!(validate_path(path), Ok(()), "{path}");
        }
        for path in ["", "/etc", "..", "a/../../b", "-rf", "a\nb", "a\0b"] {
            assert_eq!(validate_path(path).unwrap_err().field, "path", "{path}");
        }
    }
}
