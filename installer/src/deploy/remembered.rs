//! What a first run that does not reach its end leaves for the next one on this machine. Once there is a stack, the
//! deployment itself tells all there is to know.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::answers::Answers;
use crate::error::{Result, ResultExt as _};

/// Where the answers of a first run wait, beside the config file.
pub struct Remembered(PathBuf);

impl Remembered {
    /// For the deployment `stack` of this account and region.
    pub fn new(config: &Path, account: &str, region: &str, stack: &str) -> Self {
        Self(config.with_file_name(format!("unfinished-{account}-{region}-{stack}.yaml")))
    }

    /// What an earlier run left, if any. A file that can't be read is as good as none.
    pub fn load(&self) -> Option<Answers> {
        serde_yaml::from_str(&fs::read_to_string(&self.0).ok()?).ok()
    }

    /// Keeps them.
    pub fn save(&self, answers: &Answers) -> Result<()> {
        let failure = || format!("can't write `{}`, which an interrupted run goes on from", self.0.display());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::samples;

    #[test]
    fn what_was_answered_waits_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("deep/config.yaml");
        let of = |stack: &str| Remembered::new(&config, "000000000000", "eu-west-1", stack);
        assert!(of("one").load().is_none());
        of("one").save(&samples::answers()).unwrap();
        assert!(of("two").load().is_none());
        assert_eq!(of("one").load(), Some(samples::answers()));
        of("one").forget().unwrap();
        of("one").forget().unwrap();
        assert!(of("one").load().is_none());
    }
}
