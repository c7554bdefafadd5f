//! Credentials that may expire while AWS is at work: they are looked up anew where they came from, and the call goes on.

use std::{
    env, fmt,
    io::IsTerminal as _,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use aws_config::{Region, SdkConfig};
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use tokio::time::sleep;

use super::{Expired, explain, load};
use crate::ui;

/// How long somebody has for signing in again.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long a program that renews them beside us has.
const PATIENCE_ALONE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// Credentials this close to their end are not used any more: a call under way takes a moment.
const MARGIN: Duration = Duration::from_secs(10);
/// How long a refusal after a renewal is taken to be about the former ones.
const GRACE: Duration = Duration::from_secs(5);
type Notice = Box<dyn Fn(&str) + Send + Sync>;

/// Credentials that are renewed when AWS calls them expired. Also the SDK's witness of each reply.
#[derive(Clone)]
pub(super) struct Renewing(Arc<Shared>);

struct Shared {
    region: Region,
    held: tokio::sync::Mutex<Option<Credentials>>,
    standing: Mutex<Standing>,
    /// Whose they have to be. Nothing is renewed before that is known.
    account: OnceLock<String>,
    notice: OnceLock<Notice>,
}

/// What AWS thinks of the credentials in use.
#[derive(Default)]
struct Standing {
    refused: bool,
    renewed: Option<Instant>,
}

impl Renewing {
    pub fn new(region: Region) -> Self {
        Self(Arc::new(Shared {
            region,
            held: tokio::sync::Mutex::default(),
            standing: Mutex::default(),
            account: OnceLock::new(),
            notice: OnceLock::new(),
        }))
    }

    /// Others are not taken from now on: a run must not go on in another account.
    pub fn belong_to(&self, account: &str) {
        // Asked once, by `connect`.
        let _ = self.0.account.set(account.to_owned());
    }

    pub fn on_notice(&self, notice: impl Fn(&str) + Send + Sync + 'static) {
        let _ = self.0.notice.set(Box::new(notice));
    }

    /// AWS has called the credentials expired.
    pub fn refuse(&self) {
        let mut standing = self.standing();
        // That is still about the former ones: these have just been accepted.
        if standing.renewed.is_none_or(|renewed| renewed.elapsed() > GRACE) {
            standing.refused = true;
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.0.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn provide(&self) -> provider::Result {
        // Whoever comes while they are renewed waits for the same ones.
        let mut held = self.0.held.lock().await;
        if let Some(held) = held.as_ref().filter(|held| self.is_good(held)) {
            return Ok(held.clone());
        }
        let fresh = match self.0.account.get() {
            None => self.look_up().await?.1,
            Some(account) => {
                let fresh = self.renew(account).await?;
                *self.standing() = Standing { refused: false, renewed: Some(Instant::now()) };
                fresh
            }
        };
        *held = Some(fresh.clone());
        Ok(fresh)
    }

    fn is_good(&self, held: &Credentials) -> bool {
        !self.standing().refused && held.expiry().is_none_or(|expiry| expiry > SystemTime::now() + MARGIN)
    }

    /// Goes through environment, files, SSO cache and the like again, nothing remembered.
    async fn look_up(&self) -> Result<(SdkConfig, Credentials), CredentialsError> {
        let sdk = load(Some(self.0.region.clone())).await;
        let provider = sdk.credentials_provider().ok_or_else(|| CredentialsError::not_loaded("there is no source"))?;
        let credentials = provider.provide_credentials().await?;
        // Whoever asks with this configuration asks about these, and about no others that the source may give next.
        let these = SharedCredentialsProvider::new(credentials.clone());
        Ok((sdk.into_builder().credentials_provider(these).build(), credentials))
    }

    /// Looks them up until AWS accepts them.
    async fn renew(&self, account: &str) -> provider::Result {
        let (start, patience) = (Instant::now(), patience());
        let mut told = false;
        loop {
            let why = match self.look_up().await {
                Ok((sdk, fresh)) => match accepted(&sdk, account).await {
                    Ok(()) => return Ok(fresh),
                    Err(why) => why,
                },
                Err(error) => root_cause(&error),
            };
            if start.elapsed() >= patience {
                return Err(CredentialsError::provider_error(Expired { why }));
            }
            if !told && patience == PATIENCE {
                self.tell(&format!(
                    "your AWS credentials have expired ({why}); sign in again (e.g. `aws sso login`): \
                     going on as soon as there are new ones"
                ));
                told = true;
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    fn tell(&self, text: &str) {
        match self.0.notice.get() {
            Some(notice) => notice(text),
            None => ui::warn(text),
        }
    }
}

/// Whether AWS takes these credentials, for this account; else why not.
async fn accepted(sdk: &SdkConfig, account: &str) -> Result<(), String> {
    let identity = aws_sdk_sts::Client::new(sdk).get_caller_identity().send().await;
    match identity.map_err(explain).map_err(|error| error.to_string())?.account() {
        Some(found) if found == account => Ok(()),
        found => {
            let found = found.unwrap_or("an unnamed account");
            Err(format!("those found now are for account `{found}`, and this is about `{account}`"))
        }
    }
}

/// How long to wait for new ones. Nobody can change our environment any more.
fn patience() -> Duration {
    if env::var_os("AWS_ACCESS_KEY_ID").is_some() {
        Duration::ZERO
    } else if std::io::stderr().is_terminal() {
        PATIENCE
    } else {
        PATIENCE_ALONE
    }
}

/// The innermost cause: it says it in words that people understand.
fn root_cause(error: &CredentialsError) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
    }
}

impl fmt::Debug for Renewing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Renewing")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_credentials_are_not_used_again_and_those_at_their_end_neither() {
        let renewing = Renewing::new(Region::from_static("eu-west-1"));
        let held = |expiry| Credentials::new("ASIA1", "secret", None, expiry, "test");
        assert!(renewing.is_good(&held(None)));
        assert!(renewing.is_good(&held(Some(SystemTime::now() + MARGIN * 2))));
        assert!(!renewing.is_good(&held(Some(SystemTime::now()))));
        renewing.refuse();
        assert!(!renewing.is_good(&held(None)));
        // A reply to a call that was signed with the former ones says nothing about these.
        *renewing.standing() = Standing { refused: false, renewed: Some(Instant::now() + MARGIN) };
        renewing.refuse();
        assert!(renewing.is_good(&held(None)));
    }
}
