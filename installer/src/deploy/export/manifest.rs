//! What an export consists of.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use std::io::Write as _;

use super::lines;
use crate::{
    deploy::destroy::Site,
    error::{Error, Result, ResultExt as _},
};

/// Its name in the directory.
const NAME: &str = "manifest.json";
/// What says that it is one.
const FORMAT: &str = "runvoy-export";
/// The layout that this code writes and reads.
const VERSION: u32 = 1;

/// The list of everything, with what proves it whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    format: String,
    version: u32,
    /// The release that wrote it.
    pub runvoy: String,
    /// Whose data it is.
    pub deployment: String,
    /// Where that was.
    pub account: String,
    /// And in which region.
    pub region: String,
    /// When the export began.
    pub started_at: String,
    /// When all that was there had been written last.
    pub exported_at: Option<String>,
    /// When the data was gone in AWS: without it, a removal has not come to its end.
    pub sealed_at: Option<String>,
    /// Tables.
    pub tables: Vec<TableEntry>,
    /// Log groups.
    pub logs: Vec<GroupEntry>,
}

/// A file and what proves it whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path in the directory, with slashes.
    pub file: String,
    /// One a row or event.
    pub lines: u64,
    /// Its size.
    pub bytes: u64,
    /// Of the whole file, hexadecimal.
    pub sha256: String,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// What follows the deployment's name in the table's.
    pub table: String,
    /// AWS's id of it: one that is made anew has another.
    pub id: String,
    /// Its rows.
    #[serde(flatten)]
    pub file: FileEntry,
}

/// A log group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupEntry {
    /// Its name.
    pub group: String,
    /// How long it kept its events; none if for ever.
    pub retention_days: Option<i32>,
    /// Its streams.
    pub streams: Vec<StreamEntry>,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEntry {
    /// Its name.
    pub stream: String,
    /// The time of its last event in milliseconds since 1970, by which a later look knows whether there is more.
    pub last_event: Option<i64>,
    /// Its events.
    #[serde(flatten)]
    pub file: FileEntry,
}

impl Manifest {
    pub(super) fn new(site: Site<'_>, now: &str) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            runvoy: env!("CARGO_PKG_VERSION").into(),
            deployment: site.deployment.to_owned(),
            account: site.aws.account.clone(),
            region: site.aws.region.clone(),
            started_at: now.to_owned(),
            exported_at: None,
            sealed_at: None,
            tables: vec![],
            logs: vec![],
        }
    }

    /// Reads the manifest of a directory; none if there is none.
    ///
    /// # Errors
    /// One that is broken, or of a layout that this release does not know.
    pub fn load(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(NAME);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(format!("can't read `{}`", path.display())),
        };
        let manifest: Self = serde_json::from_str(&text).context(format!("`{}` can't be read", path.display()))?;
        if manifest.format != FORMAT || manifest.version != VERSION {
            let problem = format!("`{}` is of a layout that this release of runvoy does not know", path.display());
            return Err(Error::new(problem).hint("use a newer release of runvoy"));
        }
        Ok(Some(manifest))
    }

    pub(super) fn save(&self, directory: &Path) -> Result<()> {
        let path = directory.join(NAME);
        let write = || -> io::Result<()> {
            lines::create_private(directory)?;
            let mut file = tempfile::NamedTempFile::new_in(directory)?;
            writeln!(file, "{}", serde_json::to_string_pretty(self)?)?;
            lines::persist(file, &path)
        };
        write().context(format!("can't write `{}`", path.display()))
    }

    /// Whether it is this deployment's, in this account and region.
    pub(super) fn is_of(&self, site: Site<'_>) -> bool {
        (&*self.deployment, &self.account, &self.region) == (site.deployment, &site.aws.account, &site.aws.region)
    }

    /// Whose data it is, in words.
    pub fn place(&self) -> String {
        format!("`{}` in account {}, {}", self.deployment, self.account, self.region)
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let streams = self.logs.iter().flat_map(|group| &group.streams);
        self.tables.iter().map(|table| &table.file).chain(streams.map(|stream| &stream.file))
    }
}
