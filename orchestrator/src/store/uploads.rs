//! Objects that containers fetch: code archives, and commands that are too long for a task's overrides. Each is named by
//! its content, so whoever fetches it can check that it is the one.

use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use runvoy_api::{infra::prefix, key::hex, upload::UploadRef};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};

use crate::app::App;

/// The key of a user's archive. Everybody's are their own: a digest that is told to others opens nothing to them.
pub fn key(user_email: &str, upload: &UploadRef) -> String {
    let user = hex(&Sha256::digest(user_email));
    format!("{}{}/{}.tar.gz", prefix::UPLOADS, &user[..32], upload.sha256)
}

/// An address that gives this object to whoever has it.
///
/// It is signed with the function's credentials, which may expire within the hour: sign it when the task is asked for,
/// not when its execution is put on record. An execution can wait for its lock for hours.
pub fn presigned_get(app: &App, key: &str, expires: Duration) -> anyhow::Result<String> {
    app.bucket.presign("GET", key, &[], expires)
}

/// An address that takes this archive and nothing else, and the headers that must come with it: S3 refuses other bytes
/// by the checksum and other lengths by the signature.
pub fn presigned_put(
    app: &App,
    key: &str,
    upload: &UploadRef,
    expires: Duration,
) -> anyhow::Result<(String, [(&'static str, String); 2])> {
    let headers = [("content-length", upload.size.to_string()), (CHECKSUM, checksum(&upload.sha256)?)];
    let pairs = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    Ok((app.bucket.presign("PUT", key, &pairs, expires)?, headers))
}

/// Whether this archive is there, for a day at least: one that is about to expire is made new, and one whose end can't be
/// put off is as good as gone.
pub async fn is_there(app: &App, key: &str, upload: &UploadRef) -> anyhow::Result<bool> {
    let reply = app.bucket.call("HEAD", key, &[], &[]).await?;
    // Who may not list a bucket is not told that an object is missing.
    if matches!(reply.status().as_u16(), 403 | 404) {
        return Ok(false);
    }
    succeeded(&reply)?;
    let header = |name| reply.headers().get(name).unwrap_or_default();
    if header("content-length").parse() != Ok(upload.size) {
        return Ok(false);
    }
    let written = OffsetDateTime::parse(header("last-modified"), &Rfc2822);
    if written.is_ok_and(|written| app.now() - written < FRESH) { Ok(true) } else { renew(app, key).await }
}

/// An object that replaces itself is new.
async fn renew(app: &App, key: &str) -> anyhow::Result<bool> {
    let source = app.bucket.copy_source(key);
    let headers = [("x-amz-copy-source", source.as_str()), ("x-amz-metadata-directive", "REPLACE")];
    let reply = app.bucket.call("PUT", key, &headers, &[]).await?;
    // A copy that fails half-way has a good status and no result.
    let copied = reply.body().bytes().is_none_or(|body| !body.windows(7).any(|part| part == b"<Error>"));
    Ok(reply.status().is_success() && copied)
}

/// Where a long command is put, and its SHA-256 in hex.
pub fn command_key(command: &str) -> (String, String) {
    let digest = hex(&Sha256::digest(command));
    (format!("{}{digest}", prefix::COMMANDS), digest)
}

/// Puts a long command where a container can fetch it: see [`command_key`].
pub async fn put_command(app: &App, command: &str) -> anyhow::Result<()> {
    let (key, digest) = command_key(command);
    let headers = [(CHECKSUM, checksum(&digest)?)];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    succeeded(&app.bucket.call("PUT", &key, &headers, command.as_bytes()).await?)
}

const CHECKSUM: &str = "x-amz-checksum-sha256";

/// Uploads expire after a week. An execution waits for its lock for a day at most before it fetches one.
const FRESH: time::Duration = time::Duration::days(5);

/// A digest as S3 spells it: the base64 of its bytes.
fn checksum(sha256: &str) -> anyhow::Result<String> {
    let byte = |at: usize| sha256.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let bytes: Option<Vec<u8>> = (0..sha256.len()).step_by(2).map(byte).collect();
    Ok(BASE64.encode(bytes.ok_or_else(|| anyhow::anyhow!("a digest is hex"))?))
}

fn succeeded(reply: &HttpResponse) -> anyhow::Result<()> {
    anyhow::ensure!(reply.status().is_success(), "S3 answered {}", reply.status().as_u16());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_spelled_as_s3_does() {
        // printf abc | openssl dgst -sha256 -binary | base64
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(checksum(hex).unwrap(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
        assert!(checksum("xy").is_err());
    }

    #[test]
    fn an_archive_is_its_owners() {
        let upload = UploadRef { sha256: "0a".repeat(32), size: 1 };
        let own = key("a@example.com", &upload);
        assert!(own.starts_with("uploads/") && own.ends_with(&format!("/{}.tar.gz", upload.sha256)), "{own}");
        assert_ne!(own, key("b@example.com", &upload));
        assert!(!own.starts_with(prefix::COMMANDS));
    }
}
