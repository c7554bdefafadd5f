//! Proves that a deployment works: what AWS says about its parts, and what it answers when it is called as anybody would.

mod api;
mod functions;
mod probe;
pub mod tables;

use std::time::{Duration, Instant};

use runvoy_api::{
    id::ExecutionId,
    key::ApiKey,
    user::{Role, User},
};
use tokio::time::sleep;

use super::progress::Step;
use crate::{
    aws::Aws,
    client::Client,
    error::{Error, Result},
    exit,
};

/// How long permissions, addresses and changes may take to reach all of AWS.
const PATIENCE: Duration = Duration::from_secs(90);

/// What has to hold.
pub struct Request<'a> {
    /// The API's address.
    pub endpoint: &'a str,
    /// The key of whoever installs; without one, only what anybody may call can be called.
    pub key: Option<&'a ApiKey>,
    /// SHA-256 of the zip that both functions have to run.
    pub artifact_sha256: [u8; 32],
    /// The release that has to answer; none where the zip came from elsewhere and may be any.
    pub version: Option<&'a str>,
    /// Whether to run a command, which takes about a minute and is on record like any other.
    pub probe: bool,
}

/// What was seen.
pub struct Verified {
    /// The orchestrator's release.
    pub version: String,
    /// Whom the key belongs to; none without a key.
    pub user: Option<User>,
    /// The command that was run; none if it was not asked for, or not to be had: without a key, with a key that may not
    /// run commands, or while the deployment takes none.
    pub probe: Option<ExecutionId>,
}

/// Sees to it that both functions run the uploaded code and all tables are there and protected from deletion, then calls
/// the API. What is new is waited for; what is still not as it should be then ends the program with exit code 4.
pub async fn run(aws: &Aws, deployment: &str, request: &Request<'_>, step: &Step) -> Result<Verified> {
    verify(aws, deployment, request, step).await.map_err(|error| {
        error.context(format!("`{deployment}` is deployed, but does not work as it should")).exit(exit::PARTLY_DONE)
    })
}

async fn verify(aws: &Aws, deployment: &str, request: &Request<'_>, step: &Step) -> Result<Verified> {
    step.detail("looking at functions and tables");
    tokio::try_join!(
        functions::check(aws, deployment, &request.artifact_sha256, step),
        tables::check(aws, deployment, step)
    )?;
    step.detail("calling the API");
    let client = Client::new(request.endpoint, request.key)?;
    let version = api::version(&client, request.version, step).await?;
    let user = match request.key {
        Some(_) => Some(api::whoami(&client, deployment, step).await?),
        None => None,
    };
    let may_run = user.as_ref().is_some_and(|user| user.role >= Role::Member);
    let probe = if request.probe && may_run { probe::run(&client, step).await? } else { None };
    Ok(Verified { version, user, probe })
}

/// Pauses that grow, for a limited time.
struct Patience {
    ends: Instant,
    pause: Duration,
}

impl Patience {
    const LONGEST: Duration = Duration::from_secs(5);

    fn new(limit: Duration) -> Self {
        Self { ends: Instant::now() + limit, pause: Duration::from_millis(250) }
    }

    /// Waits a little. When the time is up, the `problem` stands.
    async fn wait(&mut self, step: &Step, problem: Error) -> Result<()> {
        if Instant::now() + self.pause > self.ends {
            return Err(problem);
        }
        step.detail(&format!("changes take a moment to reach all of AWS ({})", problem.message()));
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(Self::LONGEST);
        Ok(())
    }
}
