//! The bucket, by the few calls that uploads take: an SDK for them would be the largest part of the function.
//!
//! Addresses are presigned (AWS Signature Version 4 in the query): whoever has one can do that one thing with that one
//! object until it expires, and nothing else.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::HttpConnector as _,
    orchestrator::{HttpRequest, HttpResponse},
};
use axum::http::{Request, Uri};

use crate::machine;

/// One call's time; a request has 30 seconds in all.
const TIMEOUT: Duration = Duration::from_secs(6);
const TRIES: u32 = 3;

/// Headers by name.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// The deployment's bucket.
pub struct Bucket {
    name: String,
    base: String,
    region: String,
    credentials: Credentials,
    /// Made when first used: it reads the system's certificates.
    connector: OnceLock<Connector>,
}

impl Bucket {
    pub fn new(name: &str, region: &str, credentials: Credentials, endpoint: Option<String>) -> Self {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let base = match endpoint {
            Some(endpoint) => format!("{}/{name}", endpoint.trim_end_matches('/')),
            None => format!("https://{name}.s3.{region}.{suffix}"),
        };
        let (name, region) = (name.to_owned(), region.to_owned());
        Self { name, base, region, credentials, connector: OnceLock::new() }
    }

    /// The address of a call that somebody else makes, with exactly these headers, within this time. The function's own
    /// credentials stand behind it: it expires with them, which may be sooner.
    pub fn presign(&self, method: &str, key: &str, headers: Headers<'_>, expires: Duration) -> anyhow::Result<String> {
        let settings = settings(SignatureLocation::QueryParams, Some(expires));
        let url = self.url(key);
        let mut request = Request::new(());
        *request.uri_mut() = url.parse::<Uri>().context("an object's address")?;
        self.sign(method, &url, headers, SignableBody::UnsignedPayload, settings)?
            .apply_to_request_http1x(&mut request);
        Ok(request.uri().to_string())
    }

    /// An object as the source of a copy.
    pub fn copy_source(&self, key: &str) -> String {
        format!("/{}/{key}", self.name)
    }

    /// One call of our own. What fails on the way, or on AWS's side, is tried again: none of ours does harm twice.
    pub async fn call(
        &self,
        method: &str,
        key: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> anyhow::Result<HttpResponse> {
        let mut attempt = 1;
        loop {
            let reply = tokio::time::timeout(TIMEOUT, self.attempt(method, key, headers, body)).await;
            match reply {
                Ok(Ok(reply)) if reply.status().as_u16() < 500 => return Ok(reply),
                _ if attempt < TRIES => machine::sleep(Duration::from_millis(100 << attempt)).await,
                Ok(Ok(reply)) => anyhow::bail!("S3 answered {}", reply.status().as_u16()),
                Ok(Err(error)) => return Err(error).context("reaching S3"),
                Err(late) => return Err(late).context("S3 did not answer in time"),
            }
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        method: &str,
        key: &str,
        headers: Headers<'_>,
        body: &[u8],
    ) -> anyhow::Result<HttpResponse> {
        let url = self.url(key);
        let settings = settings(SignatureLocation::Headers, None);
        let signed = self.sign(method, &url, headers, SignableBody::Bytes(body), settings)?;
        let mut request = HttpRequest::new(body.to_vec().into());
        request.set_method(method)?;
        request.set_uri(url)?;
        for (name, value) in headers.iter().copied().chain(signed.headers()) {
            request.headers_mut().try_insert(name.to_owned(), value.to_owned())?;
        }
        let connector = self
            .connector
            .get_or_init(|| Connector::builder().tls_provider(Provider::Rustls(CryptoMode::Ring)).build());
        Ok(connector.call(request).await?)
    }

    fn sign(
        &self,
        method: &str,
        url: &str,
        headers: Headers<'_>,
        body: SignableBody<'_>,
        settings: SigningSettings,
    ) -> anyhow::Result<aws_sigv4::http_request::SigningInstructions> {
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(SystemTime::from(machine::now()))
            .settings(settings)
            .build()?
            .into();
        let request = SignableRequest::new(method, url, headers.iter().copied(), body)?;
        Ok(sign(request, &parameters)?.into_parts().0)
    }

    /// Keys are made of characters that need no escape.
    fn url(&self, key: &str) -> String {
        format!("{}/{key}", self.base)
    }
}

/// As S3 wants it: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
fn settings(location: SignatureLocation, expires: Option<Duration>) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.expires_in = expires;
    if location == SignatureLocation::Headers {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    settings.signature_location = location;
    settings
}

#[cfg(test)]
impl Bucket {
    /// Some bucket, which leads nowhere.
    pub fn for_tests() -> Self {
        let credentials = Credentials::new("AKID", "secret", Some("token".into()), None, "tests");
        let (base, region) = ("https://bucket.s3.us-east-1.amazonaws.com".into(), "us-east-1".into());
        Self { name: "bucket".into(), base, region, credentials, connector: OnceLock::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presigned_address_is_bound_to_its_headers() {
        let bucket = Bucket::for_tests();
        let headers = [("content-length", "3"), ("x-amz-checksum-sha256", "AAAA")];
        let url = bucket.presign("PUT", "uploads/a.tar.gz", &headers, Duration::from_secs(900)).unwrap();
        let (address, query) = url.split_once('?').unwrap();
        assert_eq!(address, "https://bucket.s3.us-east-1.amazonaws.com/uploads/a.tar.gz");
        for part in [
            "X-Amz-Expires=900",
            "X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256",
            "X-Amz-Security-Token=token",
            "X-Amz-Signature=",
        ] {
            assert!(query.contains(part), "{part} {query}");
        }
    }
}
