//! Files of JSON lines: whole or not there, and known by their hash.

use std::{
    fs::{self, File},
    io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    path::Path,
};

use runvoy_api::key::hex;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::FileEntry;
use crate::error::{Error, Result, ResultExt as _};

/// A file on its way.
pub struct Lines {
    file: BufWriter<NamedTempFile>,
    hash: Sha256,
    lines: u64,
    bytes: u64,
}

impl Lines {
    /// Begins a file that will be at `path`.
    pub fn create(path: &Path) -> Result<Self> {
        let directory = path.parent().unwrap_or(Path::new("."));
        create_private(directory).context(format!("can't make `{}`", directory.display()))?;
        let file = NamedTempFile::new_in(directory).context(format!("can't write to `{}`", directory.display()))?;
        Ok(Self { file: BufWriter::new(file), hash: Sha256::new(), lines: 0, bytes: 0 })
    }

    /// Adds a line.
    pub fn push(&mut self, value: &Value) -> Result<()> {
        let line = format!("{value}\n");
        self.hash.update(line.as_bytes());
        self.lines += 1;
        self.bytes += line.len() as u64;
        self.file.write_all(line.as_bytes()).context("can't write the export")
    }

    /// Puts the file into its place, past any power cut. `name` is what the manifest calls it.
    pub fn finish(self, path: &Path, name: String) -> Result<FileEntry> {
        let failed = || format!("can't write `{}`", path.display());
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error).context(failed())?;
        persist(file, path).context(failed())?;
        Ok(FileEntry { file: name, lines: self.lines, bytes: self.bytes, sha256: hex(&self.hash.finalize()) })
    }
}

/// Renames a file into its place, and sees to it that disk and directory know.
pub(super) fn persist(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    #[cfg(unix)]
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// What is exported is nobody else's business.
pub(super) fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Hash, lines and bytes of a file.
pub(super) fn measure(path: &Path) -> io::Result<(String, u64, u64)> {
    let (mut file, mut hash, mut lines, mut bytes) = (File::open(path)?, Sha256::new(), 0, 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex(&hash.finalize()), lines, bytes));
        }
        hash.update(&buffer[..read]);
        lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        bytes += read as u64;
    }
}

/// The values of a file, one by one.
pub fn read(path: &Path) -> Result<impl Iterator<Item = Result<Value>>> {
    let shown = path.display().to_string();
    let file = File::open(path).context(format!("can't read `{shown}`"))?;
    Ok(BufReader::new(file).lines().enumerate().map(move |(index, line)| {
        let line = line.context(format!("can't read `{shown}`"))?;
        serde_json::from_str(&line).map_err(|error| Error::new(format!("`{shown}`, line {}: {error}", index + 1)))
    }))
}
