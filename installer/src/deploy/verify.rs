//! Proves that a deployment works, by calling it as anybody would.

use std::time::{Duration, Instant};

use runvoy_api::{Health, key::ApiKey, user::User};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::progress::Step;
use crate::{
    client::Client,
    error::{Result, ResultExt as _},
};

/// How long permissions and addresses may take to reach all of AWS.
const PATIENCE: Duration = Duration::from_secs(90);
/// Exit code of work that was done without reaching its end.
const PARTLY_DONE: u8 = 4;

/// Who the API says we are, if we have a key, and which release answers.
pub struct Verified {
    /// The orchestrator's release.
    pub version: String,
    /// Whom the key belongs to.
    pub user: Option<User>,
}

/// Calls the endpoint, with the key if there is one.
pub async fn call(endpoint: &str, key: Option<&ApiKey>, step: &Step) -> Result<Verified> {
    let client = Client::new(endpoint, key)?;
    let health: Health = patiently(&client, "/health", step).await?;
    let user = match key {
        Some(_) => Some(patiently(&client, "/whoami", step).await?),
        None => None,
    };
    Ok(Verified { version: health.version, user })
}

async fn patiently<T: DeserializeOwned>(client: &Client, path: &str, step: &Step) -> Result<T> {
    let (started, mut pause) = (Instant::now(), Duration::from_millis(250));
    loop {
        match client.get(path).await {
            Ok(reply) => return Ok(reply),
            Err(error) if started.elapsed() + pause > PATIENCE => {
                return Err(error)
                    .context(format!(
                        "everything is deployed, but `{}` does not answer as it should",
                        client.endpoint()
                    ))
                    .hint("run the same command again; the functions' own logs are in CloudWatch under `/aws/lambda/`")
                    .exit(PARTLY_DONE);
            }
            Err(error) => {
                step.detail(&format!("new addresses and permissions take a moment to spread ({})", error.message()))
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
