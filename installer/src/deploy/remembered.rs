//! What a run that does not reach its end leaves for the next one on this machine. Once it has, the deployment itself
//! tells all there is to know.

use std::{
    fs,
    io::ErrorKind,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{answers::Answers, release::Release};
use crate::error::{Result, ResultExt as _};

/// Where something about one deployment waits, beside the config file.
pub struct Remembered<T>(PathBuf, PhantomData<T>);

/// A way back that was begun. Half of it gone, what is deployed does not tell any more where it was to lead: the release
/// before that one is one too far.
#[derive(Serialize, Deserialize)]
pub struct WayBack {
    /// The id of the release that was deployed.
    pub from: String,
    /// The one to go back to.
    pub to: Release,
}

impl WayBack {
    /// Whether it is this way that a deployment is on, by what is deployed or was last begun. Otherwise somebody has
    /// changed it since.
    pub fn leads_through(&self, deployed: &str) -> bool {
        deployed == self.from || deployed == self.to.id()
    }
}

impl Remembered<Answers> {
    /// The answers of a first run for the deployment `stack` of this account and region.
    pub fn answers(config: &Path, account: &str, region: &str, stack: &str) -> Self {
        Self::beside(config, &format!("unfinished-{account}-{region}-{stack}.yaml"))
    }
}

impl Remembered<WayBack> {
    /// The way back that the deployment `stack` of this account and region is on.
    pub fn way_back(config: &Path, account: &str, region: &str, stack: &str) -> Self {
        Self::beside(config, &format!("unfinished-rollback-{account}-{region}-{stack}.yaml"))
    }
}

impl<T: Serialize + DeserializeOwned> Remembered<T> {
    fn beside(config: &Path, name: &str) -> Self {
        Self(config.with_file_name(name), PhantomData)
    }

    /// What an earlier run left, if any. A file that can't be read is as good as none.
    pub fn load(&self) -> Option<T> {
        serde_yaml::from_str(&fs::read_to_string(&self.0).ok()?).ok()
    }

    /// Keeps it.
    pub fn save(&self, what: &T) -> Result<()> {
        let failure = || format!("can't write `{}`, which an interrupted run goes on from", self.0.display());
        if let Some(directory) = self.0.parent() {
            fs::create_dir_all(directory).context(failure())?;
        }
        fs::write(&self.0, serde_yaml::to_string(what)?).context(failure())
    }

    /// Forgets it.
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

    #[test]
    fn what_was_begun_waits_until_it_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("deep/config.yaml");
        let way = |stack: &str| Remembered::way_back(&config, "000000000000", "eu-west-1", stack);
        assert!(way("one").load().is_none());
        let to = Release::new("template", &[]);
        let id = to.id().to_owned();
        way("one").save(&WayBack { from: "b".into(), to }).unwrap();
        assert!(way("two").load().is_none());
        let back = way("one").load().unwrap();
        assert!(back.leads_through("b") && back.leads_through(&id) && !back.leads_through("c"));
        way("one").forget().unwrap();
        way("one").forget().unwrap();
        assert!(way("one").load().is_none());
    }
}
