//! A deployment's data as files: one of JSON lines a table and log stream, and a manifest that vouches for them.
//! `docs/export-format.md` describes them.
//!
//! Files are written beside their place and renamed into it, and the manifest names a file only once it is there. So a
//! directory can be written to again at any time: by a run that goes on after a crash, or by the second look that takes
//! in what came after the first.

pub mod item;
mod lines;
mod logs;
mod manifest;
mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
};

use runvoy_api::id::rfc3339;
use time::{OffsetDateTime, macros::format_description};

pub use lines::{Lines, read};
pub use manifest::{FileEntry, Manifest, TableEntry};

use super::{destroy::Site, progress::Step};
use crate::{
    error::{Error, Result, ResultExt as _},
    exit,
};

/// An export on its way.
pub struct Export<'a> {
    site: Site<'a>,
    directory: PathBuf,
    manifest: Manifest,
}

impl<'a> Export<'a> {
    /// Begins an export, or goes on with one.
    ///
    /// # Errors
    /// A directory that holds something else, with exit code 5.
    pub fn open(directory: &Path, site: Site<'a>) -> Result<Self> {
        let shown = directory.display();
        let manifest = match Manifest::load(directory)? {
            Some(manifest) if manifest.is_of(site) => manifest,
            Some(other) => {
                let problem = format!("`{shown}` holds the export of another deployment: {}", other.place());
                return Err(Error::new(problem).hint("name another directory with `--export`").exit(exit::REFUSED));
            }
            None if is_empty(directory)? => Manifest::new(site, &now()),
            None => {
                let hint = "name one that is empty, or does not exist yet, with `--export`";
                return Err(Error::new(format!("`{shown}` is not empty, and no export"))
                    .hint(hint)
                    .exit(exit::REFUSED));
            }
        };
        Ok(Self { site, directory: directory.to_owned(), manifest })
    }

    /// Makes the directory, and sees whether these tables can go there.
    pub async fn prepare(&self) -> Result<()> {
        self.tables().await?;
        self.save()
    }

    /// Writes what is there now. What an earlier run has written and is gone in AWS by now stays.
    pub async fn write(&mut self, step: &Step) -> Result<String> {
        self.manifest.sealed_at = None;
        self.write_tables(step).await?;
        self.write_logs(step).await?;
        self.manifest.exported_at = Some(now());
        self.save()?;
        let rows: u64 = self.manifest.tables.iter().map(|table| table.file.lines).sum();
        let streams: usize = self.manifest.logs.iter().map(|group| group.streams.len()).sum();
        Ok(format!("{rows} rows and {streams} log streams, in `{}`", self.directory.display()))
    }

    /// Reads every file again, as it is on the disk, and compares it with what was written.
    pub fn check(&self, step: &Step) -> Result<()> {
        step.detail("reading it again");
        check(&self.directory, &self.manifest)
            .hint("nothing of it was deleted in AWS: the same command writes anew what is not whole")
    }

    /// Notes that this is all there is: the data is gone in AWS.
    pub fn seal(&mut self) -> Result<()> {
        self.manifest.sealed_at = Some(now());
        self.save()
    }

    fn save(&self) -> Result<()> {
        self.manifest.save(&self.directory)
    }
}

/// Compares the files with the manifest.
///
/// # Errors
/// The first file that is missing or different.
pub fn check(directory: &Path, manifest: &Manifest) -> Result<()> {
    manifest.files().try_for_each(|file| check_file(directory, file))
}

fn check_file(directory: &Path, file: &FileEntry) -> Result<()> {
    let path = directory.join(&file.file);
    let found = lines::measure(&path).context(format!("can't read `{}`", path.display()))?;
    if found == (file.sha256.clone(), file.lines, file.bytes) {
        return Ok(());
    }
    let problem = format!("`{}` is not what the manifest says: it was changed or cut short", path.display());
    Err(Error::new(problem).hint("take the export from a copy that is whole").exit(exit::REFUSED))
}

/// Where an export goes that nobody gave a place: that of a run that was cut short, or a new one.
pub fn default_directory(site: Site<'_>) -> Result<PathBuf> {
    let prefix = format!("runvoy-export-{}-", site.deployment);
    let mut unfinished = Vec::new();
    for entry in fs::read_dir(".").context("can't read the present directory")?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = Path::new(".").join(&name);
        // Others' broken files are none of our business here.
        if name.starts_with(&prefix)
            && let Ok(Some(manifest)) = Manifest::load(&path)
            && manifest.is_of(site)
            && manifest.sealed_at.is_none()
        {
            unfinished.push(path);
        }
    }
    unfinished.sort();
    let stamp = OffsetDateTime::now_utc().format(format_description!("[year][month][day]T[hour][minute][second]Z"))?;
    Ok(unfinished.pop().unwrap_or_else(|| Path::new(".").join(format!("{prefix}{stamp}"))))
}

fn is_empty(directory: &Path) -> Result<bool> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).context(format!("can't read `{}`", directory.display())),
    }
}

fn now() -> String {
    rfc3339(OffsetDateTime::now_utc())
}
