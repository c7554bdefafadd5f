//! Puts what a deployment needs into its bucket, each thing under its own hash, so that nothing is uploaded twice.

use aws_sdk_s3::primitives::ByteStream;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use runvoy_api::{infra::prefix, key::hex};
use sha2::{Digest as _, Sha256};

use super::artifact::Artifact;
use crate::{
    aws::{Aws, explain},
    error::{Result, ResultExt as _},
    templates::viewer,
};

/// Uploads the artifact; whether that was necessary.
pub async fn artifact(aws: &Aws, bucket: &str, artifact: &Artifact) -> Result<bool> {
    put(aws, bucket, &artifact.key(), &artifact.bytes, &artifact.sha256).await
}

/// Uploads a template and returns the address that CloudFormation reads it from.
pub async fn template(aws: &Aws, bucket: &str, template: &str) -> Result<String> {
    let key = template_key(template);
    put(aws, bucket, &key, template.as_bytes(), &sha256(template.as_bytes())).await?;
    Ok(url(aws, bucket, &key))
}

/// Uploads a record of a release; whether that was necessary.
pub(super) async fn record(aws: &Aws, bucket: &str, key: &str, record: &[u8]) -> Result<bool> {
    put(aws, bucket, key, record, &sha256(record)).await
}

/// A template's place in the bucket.
pub(super) fn template_key(template: &str) -> String {
    format!("{}{}.yaml", prefix::TEMPLATES, hex(&sha256(template.as_bytes())))
}

/// The address that CloudFormation reads an object from.
pub(super) fn url(aws: &Aws, bucket: &str, key: &str) -> String {
    format!("https://s3.{}.{}/{bucket}/{key}", aws.region, aws.dns_suffix())
}

/// Whether there is such an object.
pub(super) async fn exists(aws: &Aws, bucket: &str, key: &str) -> Result<bool> {
    match aws.s3().head_object().bucket(bucket).key(key).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => Ok(false),
        Err(error) => Err(explain(error)).context(format!("can't look into the bucket `{bucket}`")),
    }
}

/// Uploads the log viewer's page into its own bucket.
pub async fn viewer(aws: &Aws, bucket: &str) -> Result<bool> {
    let page = viewer::PAGE.as_bytes();
    put(aws, bucket, &viewer::key(), page, &sha256(page)).await
}

async fn put(aws: &Aws, bucket: &str, key: &str, bytes: &[u8], sha256: &[u8; 32]) -> Result<bool> {
    if exists(aws, bucket, key).await? {
        return Ok(false);
    }
    // Browsers go by the type.
    let kind = if key.ends_with(".html") { "text/html; charset=utf-8" } else { "application/octet-stream" };
    // S3 refuses what does not have this checksum. Sent twice, after a lost reply, it is the same object.
    let body = ByteStream::from(bytes.to_vec());
    let request = aws.s3().put_object().bucket(bucket).key(key).content_type(kind);
    let request = request.checksum_sha256(STANDARD.encode(sha256)).body(body);
    request.send().await.map_err(explain).context(format!("can't upload `{key}` to the bucket `{bucket}`"))?;
    Ok(true)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
