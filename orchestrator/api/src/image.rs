//! Container image references.

use crate::error::Invalid;

const MAX_BYTES: usize = 512;

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
    fn malformed_references_are_refused() {
        for image in ["", "-x", "a b", "UPPER", "a:", "a:b:c", "a@sha256:12", "a//b", "a\nb", "https://a/b", ":5000/x"]
        {
            assert!(validate(image).is_err(), "{image}");
        }
    }
}
