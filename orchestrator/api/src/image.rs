//! Container image references.

use crate::{error::Invalid, repo::validate_host};

const MAX_BYTES: usize = 512;

/// The registry of images that name none.
const DOCKER_HUB: &str = "docker.io";

/// What else it is called: where its images are kept, and what `docker login` writes down.
const DOCKER_HUB_TOO: [&str; 2] = ["registry-1.docker.io", "index.docker.io"];

/// Checks the form of an image reference: `[host[:port]/]path[:tag][@sha256:digest]`.
///
/// The form is the distribution specification's; whether the image exists shows when the task pulls it.
pub fn validate(image: &str) -> Result<(), Invalid> {
    let bad = |problem: &str| Err(Invalid::new("image", format!("{problem}: `{}`", image.escape_debug())));
    if image.is_empty() || image.len() > MAX_BYTES {
        return Err(Invalid::new("image", format!("must have 1 to {MAX_BYTES} bytes, not {}", image.len())));
    }
    let (rest, digest) = match image.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (image, None),
    };
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return bad("has a malformed digest");
    }
    // A colon after the last slash starts a tag; one before it belongs to the host's port.
    let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (path, tag) = match rest[name_end..].split_once(':') {
        Some((last, tag)) => (&rest[..name_end + last.len()], Some(tag)),
        None => (rest, None),
    };
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return bad("has a malformed tag");
    }
    let mut parts = path.split('/').peekable();
    if let Some(host) = parts.next_if(|first| path.contains('/') && is_host(first))
        && host.split(':').next().is_none_or(str::is_empty)
    {
        return bad("has a malformed registry host");
    }
    if parts.all(is_component) { Ok(()) } else { bad("is not an image reference") }
}

/// The registry of an image: its host, with its port if it names one, in the one spelling that credentials are kept by.
pub fn registry(image: &str) -> String {
    let host = image.split_once('/').map(|(first, _)| first).filter(|first| is_host(first));
    one_spelling(host.unwrap_or(DOCKER_HUB))
}

/// Checks the host of a registry that is to have a credential, and returns it as [`registry`] spells it.
pub fn validate_registry(host: &str) -> Result<String, Invalid> {
    let name = host.split(':').next().unwrap_or_default();
    if !is_host(host) || validate_host(name).is_err() {
        return Err(Invalid::new(
            "host",
            "must name a registry's host, such as `ghcr.io` or `registry.example.com:5000`",
        ));
    }
    let host = one_spelling(host);
    // ECS has its own way there, and no password lasts.
    if ecr(&host).is_some() {
        let problem = "is Amazon ECR, which takes no credential: the deployment's own role pulls from this account";
        return Err(Invalid::new("host", problem));
    }
    Ok(host)
}

/// The account and the region of an image of Amazon ECR, or of its registry.
///
/// Source: Amazon ECR user guide, "Private registry concepts".
pub fn ecr(image: &str) -> Option<(&str, &str)> {
    let (account, rest) = image.split('/').next()?.split_once(".dkr.ecr")?;
    let (region, domain) = rest.strip_prefix("-fips").unwrap_or(rest).strip_prefix('.')?.split_once('.')?;
    matches!(domain, "amazonaws.com" | "amazonaws.com.cn").then_some((account, region))
}

fn one_spelling(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    if DOCKER_HUB_TOO.contains(&host.as_str()) { DOCKER_HUB.to_owned() } else { host }
}

fn is_host(part: &str) -> bool {
    let (host, port) = part.split_once(':').map_or((part, None), |(host, port)| (host, Some(port)));
    let host_like = part == "localhost" || part.contains(['.', ':']);
    host_like
        && host.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-'))
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_component(part: &str) -> bool {
    let edge = |c: Option<u8>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'_' | b'-');
    edge(part.bytes().next()) && edge(part.bytes().last()) && part.bytes().all(inner)
}

fn is_tag(tag: &str) -> bool {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|c| word(c) || matches!(c, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|c| c.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_references_pass() {
        let digest = format!("alpine@sha256:{}", "ab".repeat(32));
        for image in [
            "ubuntu",
            "hashicorp/terraform:1.6",
            "localhost:5000/myimage:dev",
            "public.ecr.aws/docker/library/alpine:3.22",
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/tool:v1.2",
            &digest,
        ] {
            assert_eq!(validate(image), Ok(()), "{image}");
        }
    }

    #[test]
    fn an_image_has_one_registry() {
        for (image, host) in [
            ("ubuntu", "docker.io"),
            ("ubuntu:24.04", "docker.io"),
            ("hashicorp/terraform:1.6", "docker.io"),
            ("index.docker.io/library/ubuntu", "docker.io"),
            ("registry-1.docker.io/acme/tool", "docker.io"),
            ("GHCR.io/acme/tool:1", "ghcr.io"),
            ("localhost:5000/tool", "localhost:5000"),
            ("registry.example.com:5000/team/tool@sha256:00", "registry.example.com:5000"),
        ] {
            assert_eq!(registry(image), host, "{image}");
        }
    }

    #[test]
    fn an_image_of_ecr_has_an_account_and_a_region() {
        let of = |host: &str| ecr(host).map(|(account, region)| format!("{account} {region}"));
        for host in ["1.dkr.ecr.eu-west-1.amazonaws.com/a/b:1", "1.dkr.ecr-fips.eu-west-1.amazonaws.com.cn"] {
            assert_eq!(of(host).as_deref(), Some("1 eu-west-1"), "{host}");
        }
        for other in ["alpine", "public.ecr.aws/a/b", "1.dkr.ecr.eu-west-1.amazonaws.com.example.com/a"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn a_registry_is_a_host_and_not_amazons_own() {
        for (host, kept) in [
            ("ghcr.io", "ghcr.io"),
            ("Index.Docker.io", "docker.io"),
            ("localhost:5000", "localhost:5000"),
            ("registry.gitlab.com", "registry.gitlab.com"),
        ] {
            assert_eq!(validate_registry(host).unwrap(), kept);
        }
        for host in ["", "acme", "https://ghcr.io", "ghcr.io/acme", "ghcr.io:", "ghcr.io:x", "-a.io", "a..io", ":5000"]
        {
            assert_eq!(validate_registry(host).unwrap_err().field, "host", "{host}");
        }
        let own = validate_registry("123456789012.dkr.ecr.us-east-1.amazonaws.com").unwrap_err();
        assert!(own.problem.contains("Amazon ECR"), "{own}");
    }

    #[test]
    fn malformed_references_are_refused() {
        for image in ["", "-x", "a b", "UPPER", "a:", "a:b:c", "a@sha256:12", "a//b", "a\nb", "https://a/b", ":5000/x"]
        {
            assert!(validate(image).is_err(), "{image}");
        }
    }
}
