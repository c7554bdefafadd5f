//! The functions' code: a zip with one executable in it.

use std::{
    fs,
    io::{Cursor, Read as _, Seek, Write as _},
    path::Path,
};

use runvoy_api::{infra::prefix, key::hex};
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter, write::SimpleFileOptions};

use crate::error::{Error, Result, ResultExt as _};

/// What Lambda looks for in the zip.
pub const EXECUTABLE: &str = "bootstrap";

/// The first bytes of a Linux executable.
const ELF: &[u8] = b"\x7fELF";
/// The first bytes of a script.
const SCRIPT: &[u8] = b"#!";

/// A zip that Lambda can run.
pub struct Artifact {
    /// The zip.
    pub bytes: Vec<u8>,
    /// SHA-256 of the zip.
    pub sha256: [u8; 32],
}

impl Artifact {
    /// Packs an executable. The same one always gives the same zip.
    pub fn pack(executable: &[u8]) -> Result<Self> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o755);
        zip.start_file(EXECUTABLE, options)?;
        zip.write_all(executable)?;
        Ok(Self::of(zip.finish()?.into_inner()))
    }

    /// Reads a zip and checks that Lambda can run it.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).context(format!("can't read the artifact `{}`", path.display()))?;
        check(Cursor::new(&bytes))
            .context(format!("`{}` is no artifact", path.display()))
            .hint("`runvoy build` makes one")?;
        Ok(Self::of(bytes))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let sha256 = Sha256::digest(&bytes).into();
        Self { bytes, sha256 }
    }

    /// Its hash in hex.
    pub fn hash(&self) -> String {
        hex(&self.sha256)
    }

    /// Its place in the bucket.
    pub fn key(&self) -> String {
        format!("{}{}.zip", prefix::ARTIFACTS, self.hash())
    }
}

fn check(zip: impl std::io::Read + Seek) -> Result<()> {
    let mut zip = ZipArchive::new(zip).context("it is not a zip")?;
    let mut file = zip.by_name(EXECUTABLE).context(format!("it has no `{EXECUTABLE}`"))?;
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start)?;
    let runs = file.unix_mode().is_none_or(|mode| mode & 0o111 != 0) && (start == ELF || start.starts_with(SCRIPT));
    if runs { Ok(()) } else { Err(Error::new(format!("its `{EXECUTABLE}` is not a Linux executable"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        format!("{:?}", Artifact::read(file.path()).err().unwrap())
    }

    #[test]
    fn packing_is_deterministic_and_reads_back() {
        let artifact = Artifact::pack(b"\x7fELF and more").unwrap();
        assert_eq!(artifact.bytes, Artifact::pack(b"\x7fELF and more").unwrap().bytes);
        assert_eq!(artifact.key(), format!("artifacts/{}.zip", artifact.hash()));
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &artifact.bytes).unwrap();
        assert_eq!(Artifact::read(file.path()).unwrap().sha256, artifact.sha256);
        let mut zip = ZipArchive::new(Cursor::new(artifact.bytes)).unwrap();
        assert_eq!(zip.by_index(0).unwrap().unix_mode().unwrap() & 0o777, 0o755);
    }

    #[test]
    fn what_lambda_could_not_run_is_refused() {
        assert!(refusal(b"no zip at all").contains("not a zip"));
        assert!(refusal(&Artifact::pack(b"text").unwrap().bytes).contains("not a Linux executable"));
        let mut empty = ZipWriter::new(Cursor::new(Vec::new()));
        empty.start_file("other", SimpleFileOptions::default()).unwrap();
        assert!(refusal(&empty.finish().unwrap().into_inner()).contains("no `bootstrap`"));
    }
}
