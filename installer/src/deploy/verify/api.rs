//! The API as anybody calls it.

use reqwest::StatusCode;
use runvoy_api::{Health, user::User};

use super::{PATIENCE, Patience};
use crate::{
    client::{Client, Refused},
    deploy::progress::Step,
    error::{Error, Result},
    ui,
};

const LOGS: &str = "run the same command again; the functions' own logs are in CloudWatch under `/aws/lambda/`";

/// Waits until the API answers, and as the release that is `wanted`.
pub(super) async fn version(client: &Client, wanted: Option<&str>, step: &Step) -> Result<String> {
    let mut patience = Patience::new(PATIENCE);
    loop {
        let problem = match client.get::<Health>("/health").await {
            Ok(health) if wanted.is_none_or(|wanted| wanted == health.version) => return Ok(health.version),
            Ok(health) => {
                let (answers, wanted) = (ui::printable(&health.version), wanted.unwrap_or_default());
                Error::new(format!("version {answers} answers, not {wanted}"))
                    .hint("is the code built from the checkout that this `runvoy` comes from?")
            }
            Err(error) => error.hint(LOGS),
        };
        patience.wait(step, problem).await?;
    }
}

/// Waits until the API knows the key.
pub(super) async fn whoami(client: &Client, deployment: &str, step: &Step) -> Result<User> {
    let mut patience = Patience::new(PATIENCE);
    loop {
        let problem = match client.get::<User>("/whoami").await {
            Ok(user) => return Ok(user),
            // Keys are read consistently: this will not change by itself.
            Err(error) if is_unauthorized(&error) => {
                return Err(error.hint(format!(
                    "`runvoy init --stack-name {deployment} --reissue-admin-key` makes a new key for the first admin"
                )));
            }
            Err(error) => error.hint(LOGS),
        };
        patience.wait(step, problem).await?;
    }
}

fn is_unauthorized(error: &Error) -> bool {
    error.find::<Refused>().is_some_and(|refused| refused.status == StatusCode::UNAUTHORIZED)
}
