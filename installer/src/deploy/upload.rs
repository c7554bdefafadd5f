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
    let sha256: [u8; 32] = Sha256::digest(template.as_bytes()).into();
    let key = format!("{}{}.yaml", prefix::TEMPLATES, hex(&sha256));
    put(aws, bucket, &key, template.as_bytes(), &sha256).await?;
    Ok(format!("https://s3.{}.{}/{bucket}/{key}", aws.region, aws.dns_suffix()))
}

/// Uploads the log viewer's page into its own bucket.
pub async fn viewer(aws: &Aws, bucket: &str) -> Result<bool> {
    let sha256: [u8; 32] = Sha256::digest(viewer::PAGE.as_bytes()).into();
    put(aws, bucket, &viewer::key(), viewer::PAGE.as_bytes(), &sha256).await
}

async fn put(aws: &Aws, bucket: &str, key: &str, bytes: &[u8], sha256: &[u8; 32]) -> Result<bool> {
    let s3 = aws.s3();
    match s3.head_object().bucket(bucket).key(key).send().await {
        Ok(_) => return Ok(false),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_not_found()) => {}
        Err(error) => return Err(explain(error)).context(format!("can't look into the bucket `{bucket}`")),
    }
    // Browsers go by the type.
    let kind = if key.ends_with(".html") { "text/html; charset=utf-8" } else { "application/octet-stream" };
    // S3 refuses what does not have this checksum.
    let body = ByteStream::from(bytes.to_vec());
    let request =
        s3.put_object().bucket(bucket).key(key).content_type(kind).checksum_sha256(STANDARD.encode(sha256)).body(body);
    request.send().await.map_err(explain).context(format!("can't upload `{key}` to the bucket `{bucket}`"))?;
    Ok(true)
}
