//! The first admin: a key that is saved before it is good for anything, so that no crash can strand it.

mod reissue;
mod rows;
mod saved;

use runvoy_api::{key::ApiKey, user::Role};

use self::{
    rows::{Keys, owner},
    saved::Saved,
};
use crate::{
    aws::Aws,
    config::Config,
    error::{Error, Result},
};

pub use reissue::reissue;
pub use saved::shown;

/// Who holds the deployment's first key.
pub enum Admin {
    /// This machine; nobody has been shown the key yet. Whoever shows it says so with [`shown`].
    New(ApiKey),
    /// Somebody, earlier. This machine has a key of its own.
    Known(ApiKey),
    /// Somebody else: this machine has no key.
    Elsewhere(String),
}

/// Makes the first admin, unless there is one already, and saves the profile.
pub async fn seed(aws: &Aws, stack: &str, endpoint: &str, email: &str, config: &mut Config) -> Result<Admin> {
    let keys = Keys::new(aws, stack);
    let mut saved = Saved { config, stack, endpoint, region: &aws.region };
    if let Some(first) = keys.first_admin().await? {
        return settle(&keys, &first, &mut saved).await;
    }
    let key = reserve(&keys, &mut saved).await?;
    let details = serde_json::json!({ "role": Role::Admin });
    let items = vec![
        keys.put_key(&key, email)?,
        keys.put_user(email, &key, None)?,
        keys.put_first_admin(&key, None)?,
        keys.audit("user.add", email, &details)?,
    ];
    let first = match keys.write(items).await? {
        true => key.hash(),
        // Somebody was faster; or we were ourselves, and it was the reply that got lost.
        false => keys.first_admin().await?.ok_or_else(|| {
            Error::new(format!("`{email}` has a key already, though nobody was the first admin"))
                .hint("add `--admin-email` with another address")
        })?,
    };
    settle(&keys, &first, &mut saved).await
}

/// The key that an earlier run saved and could not register, or else a new one; it is saved in either case.
async fn reserve(keys: &Keys<'_>, saved: &mut Saved<'_>) -> Result<ApiKey> {
    let pending = saved.pending();
    let spent = match &pending {
        Some(key) => keys.row(&key.hash()).await?.is_some(),
        None => false,
    };
    saved.reserve(pending.filter(|_| spent).as_ref())
}

/// Our key is registered: the profile is its from now on.
async fn promote(keys: &Keys<'_>, saved: &mut Saved<'_>, key: ApiKey) -> Result<Admin> {
    let old_is_good = match saved.key() {
        Some(old) => keys.is_good(&old.hash()).await?,
        None => false,
    };
    saved.promote(&key, old_is_good)?;
    Ok(Admin::New(key))
}

/// There is a first admin: is it us?
async fn settle(keys: &Keys<'_>, first: &str, saved: &mut Saved<'_>) -> Result<Admin> {
    if let Some(key) = saved.pending() {
        if keys.is_good(&key.hash()).await? {
            return promote(keys, saved, key).await;
        }
        saved.forget_pending()?;
    }
    // Ours may be another one than the first, as long as the deployment knows it.
    if let Some(key) = saved.key()
        && keys.is_good(&key.hash()).await?
    {
        saved.follow()?;
        return Ok(Admin::Known(key));
    }
    let row = keys.row(first).await?;
    Ok(Admin::Elsewhere(row.as_ref().and_then(owner).unwrap_or("somebody whose key is gone").to_owned()))
}
