//! Keys in the operating system's own keyring: the config file then says only under which name.
//!
//! That is the Keychain on macOS, the Credential Manager on Windows and the Secret Service elsewhere.

use std::borrow::Cow;

use keyring::{Entry, Error as Problem};
use runvoy_api::key::ApiKey;

use crate::error::{Error, Result, ResultExt as _};

/// What all our entries are filed under.
const SERVICE: &str = "runvoy";
/// What stands in the config file before an entry's name, in the place of a key. No key looks like it.
const PREFIX: &str = "keyring:";

/// What the config file says instead of the key of this profile at this endpoint.
pub fn reference(profile: &str, endpoint: &str) -> String {
    let host = endpoint.split("://").last().unwrap_or(endpoint).trim_end_matches('/');
    format!("{PREFIX}{profile}@{host}")
}

/// Whether that is what it is.
pub fn is_reference(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Keeps a key under its reference. An older one is replaced.
pub fn save(reference: &str, key: &ApiKey) -> Result<()> {
    let saved = entry(reference).and_then(|entry| entry.set_password(key.reveal()));
    saved
        .context("the key can't be kept in the system's keyring")
        .hint("leave `--keyring` away to keep it in the config file")
}

/// The key that the config file means by this text: the text itself, or what its reference leads to.
pub fn resolve(text: &str) -> Result<Cow<'_, str>> {
    if is_reference(text) { load(text).map(Cow::Owned) } else { Ok(Cow::Borrowed(text)) }
}

fn load(reference: &str) -> Result<String> {
    match entry(reference).and_then(|entry| entry.get_password()) {
        Ok(key) => Ok(key),
        Err(Problem::NoEntry) => {
            let name = reference.trim_start_matches(PREFIX);
            Err(Error::new(format!("the system's keyring holds no key of `{name}`")))
        }
        Err(problem) => Err(problem).context("the system's keyring can't be read"),
    }
    .map_err(|error| error.hint("unlock it, or run `runvoy configure` again; in CI set `RUNVOY_API_KEY`"))
}

/// Forgets the key. It may be gone already.
pub fn forget(reference: &str) -> Result<()> {
    match entry(reference).and_then(|entry| entry.delete_credential()) {
        Ok(()) | Err(Problem::NoEntry) => Ok(()),
        Err(problem) => {
            let name = reference.trim_start_matches(PREFIX);
            let hint = format!("the profile is gone; unlock the keyring and delete `{name}` of `{SERVICE}` there");
            Err(problem).context("the key is still in the system's keyring").hint(hint)
        }
    }
}

fn entry(reference: &str) -> keyring::Result<Entry> {
    Entry::new(SERVICE, reference.trim_start_matches(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_profile_and_host_and_is_no_key() {
        let reference = reference("prod", "https://x.lambda-url.eu-west-1.on.aws/");
        assert_eq!(reference, "keyring:prod@x.lambda-url.eu-west-1.on.aws");
        assert!(is_reference(&reference) && reference.parse::<ApiKey>().is_err());
    }
}
