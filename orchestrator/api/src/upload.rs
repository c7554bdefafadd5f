//! Uploads: code archives that commands run with, named by their content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Invalid;

/// The largest archive, in bytes: 512 MiB.
pub const MAX_UPLOAD_BYTES: u64 = 512 * 1024 * 1024;

/// A `tar.gz`, named by its content: the body of `POST /uploads`, and what an execution says it runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadRef {
    /// SHA-256 of the archive, in lower-case hex.
    pub sha256: String,
    /// Its length in bytes.
    pub size: u64,
}

impl UploadRef {
    /// Checks form and size.
    pub fn validate(&self) -> Result<(), Invalid> {
        let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(hex) {
            return Err(Invalid::new("sha256", "must be the archive's SHA-256: 64 lower-case hex digits"));
        }
        match self.size {
            0 => Err(Invalid::new("size", "must be the archive's length in bytes, and no archive is empty")),
            size if size > MAX_UPLOAD_BYTES => {
                let most = MAX_UPLOAD_BYTES / (1024 * 1024);
                Err(Invalid::new("size", format!("is {size} bytes, and an archive has at most {most} MiB")))
            }
            _ => Ok(()),
        }
    }
}

/// Reply of `POST /uploads`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadPlace {
    /// Whether this content is there already, for a day at least: then there is nothing to send.
    pub present: bool,
    /// Where to `PUT` the archive, for a limited time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The headers that it must be sent with, as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_its_content() {
        let upload = |sha256: &str, size| UploadRef { sha256: sha256.to_owned(), size };
        assert_eq!(upload(&"0a".repeat(32), MAX_UPLOAD_BYTES).validate(), Ok(()));
        for (sha256, size, field) in [
            ("0A".repeat(32), 1, "sha256"),
            ("0a".repeat(31), 1, "sha256"),
            ("../".repeat(22), 1, "sha256"),
            ("0a".repeat(32), 0, "size"),
            ("0a".repeat(32), MAX_UPLOAD_BYTES + 1, "size"),
        ] {
            assert_eq!(upload(&sha256, size).validate().unwrap_err().field, field, "{sha256} {size}");
        }
    }
}
