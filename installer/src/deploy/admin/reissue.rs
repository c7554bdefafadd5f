//! Replaces the first admin's key. It takes AWS credentials, and nothing else: whoever has lost every key has those left.

use runvoy_api::{key::ApiKey, user::validate_email};
use serde_json::json;

use super::{
    Admin, promote, reserve,
    rows::{Keys, owner},
    saved::Saved,
};
use crate::{
    aws::Aws,
    config::Config,
    error::{Error, Result},
};

/// Makes a new key for the first admin, or for another `email`, who then takes that place, and revokes the old one: both in
/// one transaction, so that there is exactly one at any time. The key is [`Admin::New`]: show it, then say so with
/// [`super::shown`]. A run that was cut short is finished by the next one.
pub async fn reissue(
    aws: &Aws,
    stack: &str,
    endpoint: &str,
    email: Option<&str>,
    config: &mut Config,
) -> Result<Admin> {
    let keys = Keys::new(aws, stack);
    let mut saved = Saved { config, stack, endpoint, region: &aws.region };
    let Some(first) = keys.first_admin().await? else {
        return Err(Error::new(format!("nobody is the first admin of `{stack}` yet"))
            .hint(format!("`runvoy init --stack-name {stack}` registers one")));
    };
    let row = keys.row(&first).await?;
    let owner = row.as_ref().and_then(owner);
    if let Some(key) =
        saved.pending().filter(|key| key.hash() == first && email.is_none_or(|email| owner == Some(email)))
        && keys.is_good(&first).await?
    {
        // An earlier run came as far as this, and nobody has seen its key.
        return promote(&keys, &mut saved, key).await;
    }
    let email = email.or(owner).ok_or_else(|| {
        Error::new("the first admin's key is gone, and so is the address that it was for").hint("add `--admin-email`")
    })?;
    validate_email(email)?;
    let key = reserve(&keys, &mut saved).await?;
    replace(&keys, &first, owner, email, &key).await?;
    if keys.first_admin().await? != Some(key.hash()) {
        saved.forget_pending()?;
        return Err(Error::new("the first admin's key was not replaced: somebody else changed it at the same time")
            .hint("if that is not the key you want, run the same command again"));
    }
    promote(&keys, &mut saved, key).await
}

/// Puts the key in the place of the one with the hash `first`, and of any other that its new owner has. Where a
/// condition does not hold, nothing is written.
async fn replace(keys: &Keys<'_>, first: &str, owner: Option<&str>, email: &str, key: &ApiKey) -> Result<()> {
    let theirs = keys.key_of(email).await?;
    let mut items = vec![
        keys.put_key(key, email)?,
        keys.put_first_admin(key, Some(first))?,
        keys.put_user(email, key, theirs.as_deref())?,
        keys.audit("user.reissue", email, &json!({ "replaces": owner }))?,
    ];
    let other = theirs.as_deref().filter(|hash| *hash != first);
    for hash in [Some(first), other].into_iter().flatten() {
        if keys.is_good(hash).await? {
            items.push(keys.revoke(hash)?);
        }
    }
    if let Some(old) = owner.filter(|owner| *owner != email)
        && keys.key_of(old).await?.as_deref() == Some(first)
    {
        items.push(keys.free_user(old, first)?);
    }
    // Whether it was written is told by what stands there: a lost reply can make our own success look like a refusal.
    keys.write(items).await.map(drop)
}
