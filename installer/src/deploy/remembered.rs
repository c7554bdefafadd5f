//! The answers of a first `init` that has not reached its end: once it has, the deployment itself holds them.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::answers::Answers;
use crate::error::{Result, ResultExt as _};

/// Where the answers for one deployment wait, beside the config file.
pub struct Remembered(PathBuf);

impl Remembered {
    /// For the deployment `stack` of this account and region.
    pub fn of(config: &Path, account: &str, region: &str, stack: &str) -> Self {
        Self(config.with_file_name(format!("unfinished-{account}-{region}-{stack}.yaml")))
    }

    /// The answers, if an earlier run left any. A file that can't be read is as good as none: they are only asked again.
    pub fn load(&self) -> Option<Answers> {
        serde_yaml::from_str(&fs::read_to_string(&self.0).ok()?).ok()
    }

    /// Keeps the answers.
    pub fn save(&self, answers: &Answers) -> Result<()> {
        let failure = || format!("can't keep the answers in `{}`", self.0.display());
        if let Some(directory) = self.0.parent() {
            fs::create_dir_all(directory).context(failure())?;
        }
        fs::write(&self.0, serde_yaml::to_string(answers)?).context(failure())
    }

    /// Forgets them.
    pub fn forget(&self) -> Result<()> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).context(format!("can't remove `{}`", self.0.display()))
            }
            _ => Ok(()),
        }
    }
}
