use anyhow::{Context, Result};

/// `length` characters of `alphabet`, from the system's randomness.
pub(crate) fn text(alphabet: &[u8], length: usize) -> Result<String> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).context("the system has no randomness")?;
    Ok(bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect())
}

/// As in AWS's access key ids.
pub(crate) const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// As in account ids.
pub(crate) const DIGITS: &[u8] = b"123456789";
/// As in secrets.
pub(crate) const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
