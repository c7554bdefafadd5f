//! The admin's key in the settings file, from before it is registered until it has been shown.

use runvoy_api::key::ApiKey;
use time::OffsetDateTime;

use crate::{
    config::{Config, Pending, Profile},
    error::{Error, Result},
    os_keyring,
};

/// The profile of one deployment.
pub(super) struct Saved<'a> {
    pub(super) config: &'a mut Config,
    pub(super) stack: &'a str,
    pub(super) endpoint: &'a str,
    pub(super) region: &'a str,
}

/// Notes that the new key has been shown: from now on it is a key as any other.
pub fn shown(stack: &str, config: &mut Config) -> Result<()> {
    change(config, stack, |profile| profile.pending = None)
}

impl Saved<'_> {
    /// The key that the profile holds.
    pub(super) fn key(&self) -> Option<ApiKey> {
        os_keyring::resolve(self.profile()?.api_key.as_deref()?.trim()).ok()?.parse().ok()
    }

    /// The key that has not been shown yet.
    pub(super) fn pending(&self) -> Option<ApiKey> {
        self.profile()?.pending.as_ref()?.api_key.parse().ok()
    }

    fn profile(&self) -> Option<&Profile> {
        self.config.profile(Some(self.stack)).ok()
    }

    /// Saves a key that can be registered from now on, beside the one that the profile holds. It is the pending one, which
    /// another run may have saved just now, unless that is `spent`.
    pub(super) fn reserve(&mut self, spent: Option<&ApiKey>) -> Result<ApiKey> {
        let (stack, endpoint) = (self.stack, self.endpoint);
        let fresh = ApiKey::from_random(random()?);
        self.config.update(|config| {
            let mut profile = config.profile(Some(stack)).cloned().unwrap_or_default();
            let pending = profile.pending.take();
            if let Some(old) = &pending {
                let key = old.api_key.parse().ok().filter(|key| old.api_endpoint == endpoint && Some(key) != spent);
                if let Some(key) = key {
                    return key;
                }
                if old.api_endpoint != endpoint {
                    let (endpoint, key) = (Some(old.api_endpoint.clone()), Some(old.api_key.clone()));
                    set_aside(config, stack, Profile { api_endpoint: endpoint, api_key: key, ..Profile::default() });
                }
            }
            let pending = Pending { api_endpoint: endpoint.to_owned(), api_key: fresh.reveal().to_owned() };
            config.set_profile(stack, Profile { pending: Some(pending), ..profile });
            fresh
        })
    }

    /// Makes the pending key, which is registered now, the profile's own. It stays pending until it has been shown. A key
    /// that the profile held before is kept under another name, unless it is this deployment's and not good any more.
    pub(super) fn promote(&mut self, key: &ApiKey, old_is_good: bool) -> Result<()> {
        let (stack, endpoint, region) = (self.stack, self.endpoint, self.region);
        self.config.update(|config| {
            let old = config.profile(Some(stack)).cloned().unwrap_or_default();
            let another = old.api_key.as_deref().is_some_and(|old| old != key.reveal());
            if another && (old_is_good || old.api_endpoint.as_deref() != Some(endpoint)) {
                set_aside(config, stack, Profile { pending: None, ..old });
            }
            let profile = Profile {
                api_endpoint: Some(endpoint.to_owned()),
                api_key: Some(key.reveal().to_owned()),
                region: Some(region.to_owned()),
                pending: Some(Pending { api_endpoint: endpoint.to_owned(), api_key: key.reveal().to_owned() }),
            };
            config.set_profile(stack, profile);
        })
    }

    /// Forgets the pending key of this deployment, where somebody else's was registered instead.
    pub(super) fn forget_pending(&mut self) -> Result<()> {
        let ours = |pending: &mut Pending| pending.api_endpoint == self.endpoint;
        change(self.config, self.stack, |profile| drop(profile.pending.take_if(ours)))
    }

    /// The deployment was made anew around its users: the key is still good, at another address.
    pub(super) fn follow(&mut self) -> Result<()> {
        let (endpoint, region) = (self.endpoint.to_owned(), self.region.to_owned());
        if self.profile().is_some_and(|profile| profile.api_endpoint.as_deref() == Some(self.endpoint)) {
            return Ok(());
        }
        change(self.config, self.stack, |profile| {
            (profile.api_endpoint, profile.region) = (Some(endpoint), Some(region));
        })
    }
}

/// Changes one profile, if it is there. An empty one is no profile.
fn change(config: &mut Config, stack: &str, change: impl FnOnce(&mut Profile)) -> Result<()> {
    config.update(|config| {
        let Ok(mut profile) = config.profile(Some(stack)).cloned() else { return };
        change(&mut profile);
        if profile.api_key.is_none() && profile.api_endpoint.is_none() && profile.pending.is_none() {
            config.remove_profile(stack);
        } else {
            config.set_profile(stack, profile);
        }
    })
}

/// Keeps the profile of another deployment that happens to have the same name: its key exists nowhere else.
fn set_aside(config: &mut Config, stack: &str, old: Profile) {
    let until = OffsetDateTime::now_utc().unix_timestamp();
    let free = (until..).map(|until| format!("{stack}-until-{until}")).find(|name| config.profile(Some(name)).is_err());
    if let Some(name) = free {
        config.set_profile(&name, old);
    }
}

/// The system's randomness.
pub(super) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bits = [0; N];
    getrandom::fill(&mut bits).map_err(|error| Error::new(format!("the system gives no random numbers: {error}")))?;
    Ok(bits)
}
