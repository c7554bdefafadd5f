//! Tokens of log links: JWT, HS256 and nothing else, for one execution and 48 hours.

use anyhow::Context;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use runvoy_api::id::ExecutionId;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use time::{Duration, OffsetDateTime};
use tokio::sync::OnceCell;

/// How long a log link can be opened.
const LIFETIME: Duration = Duration::hours(48);
const AUDIENCE: &str = "web-viewer";
/// `{"alg":"HS256","typ":"JWT"}`. A token with any other header is refused unread, so no token chooses its algorithm.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

#[derive(Serialize, Deserialize)]
struct Claims {
    execution_id: ExecutionId,
    aud: String,
    exp: i64,
}

/// Signs and checks tokens with the deployment's secret, which is read once, when first needed.
pub struct Signer {
    secrets: aws_sdk_secretsmanager::Client,
    secret_id: String,
    secret: OnceCell<String>,
}

impl Signer {
    pub fn new(secrets: aws_sdk_secretsmanager::Client, secret_id: String) -> Self {
        Self { secrets, secret_id, secret: OnceCell::new() }
    }

    /// A token that reads this execution's log.
    pub async fn sign(&self, id: &ExecutionId, now: OffsetDateTime) -> anyhow::Result<String> {
        Ok(sign(self.secret().await?, id, now + LIFETIME))
    }

    /// Whether the token reads this execution's log now.
    pub async fn verify(&self, token: &str, id: &ExecutionId, now: OffsetDateTime) -> anyhow::Result<bool> {
        Ok(verify(self.secret().await?, token, id, now))
    }

    async fn secret(&self) -> anyhow::Result<&str> {
        let read = || async {
            let reply = self.secrets.get_secret_value().secret_id(&self.secret_id).send().await?;
            let secret = reply.secret_string.context("the signing secret has no text")?;
            anyhow::Ok(secret)
        };
        self.secret.get_or_try_init(read).await.map(String::as_str).context("reading the signing secret")
    }
}

fn mac(secret: &str, signed: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    mac
}

pub fn sign(secret: &str, id: &ExecutionId, expires: OffsetDateTime) -> String {
    let claims = Claims { execution_id: id.clone(), aud: AUDIENCE.to_owned(), exp: expires.unix_timestamp() };
    let claims = serde_json::to_vec(&claims).expect("claims are plain data");
    let signed = format!("{HEADER}.{}", BASE64.encode(claims));
    let signature = BASE64.encode(mac(secret, &signed).finalize().into_bytes());
    format!("{signed}.{signature}")
}

pub fn verify(secret: &str, token: &str, id: &ExecutionId, now: OffsetDateTime) -> bool {
    let claims = || {
        let (signed, signature) = token.rsplit_once('.')?;
        let claims = signed.strip_prefix(HEADER)?.strip_prefix('.')?;
        // Compares in constant time.
        mac(secret, signed).verify_slice(&BASE64.decode(signature).ok()?).ok()?;
        serde_json::from_slice::<Claims>(&BASE64.decode(claims).ok()?).ok()
    };
    claims()
        .is_some_and(|claims| claims.aud == AUDIENCE && claims.exp > now.unix_timestamp() && claims.execution_id == *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2025-10-26 14:32:10 UTC);

    fn id(text: &str) -> ExecutionId {
        text.parse().unwrap()
    }

    fn forged(header: &str, claims: &str, secret: &str) -> String {
        let signed = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        let signature = BASE64.encode(mac(secret, &signed).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    #[test]
    fn a_token_reads_one_log_for_its_time() {
        let (mine, other) = (id("exec_20251026143210_a1b2c3"), id("exec_20251026143210_ffffff"));
        let token = sign("secret", &mine, NOW + LIFETIME);
        assert!(verify("secret", &token, &mine, NOW));
        assert!(!verify("secret", &token, &other, NOW));
        assert!(!verify("secret", &token, &mine, NOW + LIFETIME));
        assert!(!verify("other secret", &token, &mine, NOW));
    }

    #[test]
    fn no_token_chooses_its_algorithm_or_audience() {
        let mine = id("exec_20251026143210_a1b2c3");
        let claims = r#"{"execution_id":"exec_20251026143210_a1b2c3","aud":"web-viewer","exp":99999999999}"#;
        assert!(verify("secret", &forged(r#"{"alg":"HS256","typ":"JWT"}"#, claims, "secret"), &mine, NOW));
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512","typ":"JWT"}"#, r#"{"typ":"JWT","alg":"HS256"}"#] {
            assert!(!verify("secret", &forged(header, claims, "secret"), &mine, NOW), "{header}");
        }
        let elsewhere = claims.replace("web-viewer", "web");
        assert!(!verify("secret", &forged(r#"{"alg":"HS256","typ":"JWT"}"#, &elsewhere, "secret"), &mine, NOW));
        for garbage in ["", ".", "..", "a.b.c", HEADER, &format!("{HEADER}..")] {
            assert!(!verify("secret", garbage, &mine, NOW), "{garbage}");
        }
    }
}
