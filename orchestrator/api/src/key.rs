//! API keys: what a teammate holds instead of AWS credentials.

use std::{fmt, fmt::Write as _, str::FromStr};

use sha2::{Digest, Sha256};

const PREFIX: &str = "sk_live_";

/// `sk_live_` and 64 hex digits: 256 random bits. Only its [`hash`](ApiKey::hash) is ever stored.
///
/// `Debug` shows no part of the secret, and there is no `Display`: printing one takes a deliberate [`ApiKey::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// Text that has not the form of a key. It does not repeat the text, which may be a secret with a typo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedKey;

impl ApiKey {
    /// A key from 256 bits of the system's randomness.
    pub fn from_random(bits: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", hex(&bits)))
    }

    /// SHA-256 of the key's text, in hex: the partition key of its row. The bits are random, so no slow hash is needed.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes()))
    }

    /// The secret itself, for a header, a config file or the one line that shows a new key.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl FromStr for ApiKey {
    type Err = MalformedKey;
    fn from_str(text: &str) -> Result<Self, MalformedKey> {
        let digits = text.strip_prefix(PREFIX).ok_or(MalformedKey)?;
        let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if digits.len() == 64 && digits.bytes().all(hex) { Ok(Self(text.to_owned())) } else { Err(MalformedKey) }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl fmt::Display for MalformedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an API key: `sk_live_` and 64 lower-case hex digits")
    }
}

impl std::error::Error for MalformedKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_hides_itself() {
        let key = ApiKey::from_random([7; 32]);
        assert_eq!(key.reveal(), format!("sk_live_{}", "07".repeat(32)));
        assert_eq!(key.reveal().parse::<ApiKey>().unwrap(), key);
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
    }

    #[test]
    fn the_hash_is_sha256_of_the_text() {
        // printf 'sk_live_%064d' 0 | sha256sum
        let key: ApiKey = format!("sk_live_{}", "0".repeat(64)).parse().unwrap();
        assert_eq!(key.hash(), "33a06e9e3e1d3ee68ae634fdd9d3937fb192b2865b2b927caa74c63d4118f3db");
    }

    #[test]
    fn malformed_keys_are_refused_without_being_repeated() {
        for bad in ["", "sk_live_", "sk_test_00", &format!("sk_live_{}", "A".repeat(64)), &"0".repeat(72)] {
            assert_eq!(bad.parse::<ApiKey>(), Err(MalformedKey));
        }
    }
}
