//! The CLI's settings: which deployments there are, and the user's key to each.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use crate::{
    error::{Error, Result, ResultExt as _},
    ui,
};

/// The profile that is meant where none is named.
pub const DEFAULT_PROFILE: &str = "default";

/// The plain keys of a profile; the first releases kept the same ones at the top level.
const PROFILE_KEYS: [&str; 3] = ["api_endpoint", "api_key", "region"];
/// The key of [`Profile::pending`].
const PENDING: &str = "pending";

/// The settings file, read. A file that does not exist has no profiles.
pub struct Config {
    path: PathBuf,
    /// The file as it is, so that saving keeps what this version does not know.
    tree: Mapping,
    profiles: BTreeMap<String, Profile>,
    current: Option<String>,
}

/// One deployment, as the file has it: nothing is checked yet.
#[derive(Clone, Default, Deserialize)]
pub struct Profile {
    /// The API's address.
    pub api_endpoint: Option<String>,
    /// The user's key.
    pub api_key: Option<String>,
    /// The deployment's AWS region, for admins.
    pub region: Option<String>,
    /// An admin's key that `init` has made and that nobody has been shown yet.
    pub pending: Option<Pending>,
}

/// A key that is saved before it is registered, so that no crash can strand it, and kept apart until it has been shown.
#[derive(Clone, Deserialize)]
pub struct Pending {
    /// The address of the deployment that it is for.
    pub api_endpoint: String,
    /// The key.
    pub api_key: String,
}

#[derive(Default, Deserialize)]
struct File {
    profiles: Option<BTreeMap<String, Profile>>,
    current: Option<String>,
    api_endpoint: Option<String>,
    api_key: Option<String>,
    region: Option<String>,
}

impl Config {
    /// Reads `$RUNVOY_CONFIG`, else `~/.runvoy/config.yaml`.
    pub fn load() -> Result<Self> {
        let path = default_path()?;
        let text = read(&path)?;
        warn_if_readable_by_others(&path);
        Self::parse(path, &text)
    }

    /// Reads the file again, changes it and saves it, while other processes that do the same wait: an installation takes
    /// minutes, and what others wrote meanwhile is theirs to keep.
    pub fn update<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> Result<T> {
        let _turn = self.lock();
        *self = Self::parse(self.path.clone(), &read(&self.path)?)?;
        let outcome = change(self);
        self.save()?;
        Ok(outcome)
    }

    /// Locks the file's directory, since the file itself is replaced; not where a file system has no locks.
    fn lock(&self) -> Option<fs::File> {
        let directory = directory_of(&self.path);
        create_private(directory).ok()?;
        let directory = fs::File::open(directory).ok()?;
        directory.lock().ok().map(|()| directory)
    }

    fn parse(path: PathBuf, text: &str) -> Result<Self> {
        let broken = |what: String| {
            let fix = format!("mend it, or move it away and run `runvoy configure` (file: `{}`)", path.display());
            Error::new(what).hint(fix)
        };
        let tree = match serde_yaml::from_str::<Value>(text) {
            Ok(Value::Null) => Mapping::new(),
            Ok(Value::Mapping(tree)) => tree,
            Ok(_) => return Err(broken(format!("`{}` holds no settings, but something else", path.display()))),
            Err(error) => return Err(broken(format!("`{}` is not YAML: {error}", path.display()))),
        };
        let mut file = if tree.is_empty() {
            File::default()
        } else {
            serde_path_to_error::deserialize(serde_yaml::Deserializer::from_str(text))
                .map_err(|error| broken(misfit(&path, &error)))?
        };
        let mut profiles = file.profiles.take().unwrap_or_default();
        let flat =
            Profile { api_endpoint: file.api_endpoint, api_key: file.api_key, region: file.region, pending: None };
        if flat.api_endpoint.is_some() || flat.api_key.is_some() {
            profiles.entry(DEFAULT_PROFILE.into()).or_insert(flat);
        }
        Ok(Self { path, tree, profiles, current: file.current })
    }

    /// The file that was read, or will be written.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The profile that is meant by `name`, or without one: the current one, `default`, or the only one there is.
    pub fn profile_name<'a>(&'a self, name: Option<&'a str>) -> &'a str {
        let only = || match self.profiles.len() {
            1 if !self.profiles.contains_key(DEFAULT_PROFILE) => self.profiles.keys().next().map(String::as_str),
            _ => None,
        };
        name.or(self.current.as_deref()).or_else(only).unwrap_or(DEFAULT_PROFILE)
    }

    /// That profile, or an error that says which ones there are.
    pub fn profile(&self, name: Option<&str>) -> Result<&Profile> {
        let wanted = self.profile_name(name);
        if let Some(profile) = self.profiles.get(wanted) {
            return Ok(profile);
        }
        let path = self.path.display();
        let shown = ui::printable(wanted);
        if self.profiles.is_empty() {
            let problem = if self.path.exists() { "has no profile yet" } else { "does not exist" };
            return Err(Error::new(format!("runvoy is not configured: `{path}` {problem}")).hint(HOW_TO_CONFIGURE));
        }
        let known = self.profiles.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let hint = format!("it has {known}; `runvoy configure --profile {shown}` adds this one");
        Err(Error::new(format!("`{path}` has no profile `{shown}`")).hint(hint))
    }

    /// All profiles, by name.
    pub fn profiles(&self) -> &BTreeMap<String, Profile> {
        &self.profiles
    }

    /// Makes a profile the one that is meant where none is named.
    pub fn set_current(&mut self, name: &str) {
        self.current = Some(name.to_owned());
    }

    /// Adds or replaces a profile. The first one becomes the current one.
    pub fn set_profile(&mut self, name: &str, profile: Profile) {
        self.profiles.insert(name.to_owned(), profile);
        self.current.get_or_insert_with(|| name.to_owned());
    }

    /// Forgets a profile.
    pub fn remove_profile(&mut self, name: &str) {
        self.profiles.remove(name);
        self.current.take_if(|current| current == name);
    }

    /// Writes the file: whole or not at all, readable by its owner only.
    pub fn save(&self) -> Result<()> {
        // A link to the file, as dotfile managers make them, stays a link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let text = serde_yaml::to_string(&self.to_tree())?;
        write_private(&path, &text).context(format!("can't write `{}`", self.path.display()))
    }

    fn to_tree(&self) -> Mapping {
        let mut tree = self.tree.clone();
        for key in PROFILE_KEYS {
            tree.remove(key);
        }
        let mut old = match tree.remove("profiles") {
            Some(Value::Mapping(old)) => old,
            _ => Mapping::new(),
        };
        let mut profiles = Mapping::new();
        for (name, profile) in &self.profiles {
            let mut entry = match old.remove(name.as_str()) {
                Some(Value::Mapping(entry)) => entry,
                _ => Mapping::new(),
            };
            for (key, value) in PROFILE_KEYS.into_iter().zip(profile.values()) {
                match value {
                    Some(value) => entry.insert(key.into(), value.as_str().into()),
                    None => entry.remove(key),
                };
            }
            match &profile.pending {
                Some(pending) => entry.insert(PENDING.into(), pending.to_tree().into()),
                None => entry.remove(PENDING),
            };
            profiles.insert(name.as_str().into(), entry.into());
        }
        match &self.current {
            Some(current) => tree.insert("current".into(), current.as_str().into()),
            None => tree.remove("current"),
        };
        tree.insert("profiles".into(), profiles.into());
        tree
    }
}

impl Profile {
    /// In the order of [`PROFILE_KEYS`].
    fn values(&self) -> [&Option<String>; 3] {
        [&self.api_endpoint, &self.api_key, &self.region]
    }
}

impl Pending {
    fn to_tree(&self) -> Mapping {
        let pairs = [("api_endpoint", &self.api_endpoint), ("api_key", &self.api_key)];
        pairs.into_iter().map(|(key, value)| (key.into(), value.as_str().into())).collect()
    }
}

const HOW_TO_CONFIGURE: &str = "run `runvoy configure`, or set `RUNVOY_ENDPOINT` and `RUNVOY_API_KEY`";

/// `$RUNVOY_CONFIG`, else `~/.runvoy/config.yaml`.
pub fn default_path() -> Result<PathBuf> {
    if let Some(path) = env::var_os("RUNVOY_CONFIG").filter(|path| !path.is_empty()) {
        return Ok(path.into());
    }
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
    let home = home.ok_or_else(|| Error::new("no home directory: `HOME` is not set").hint("set `RUNVOY_CONFIG`"))?;
    Ok(home.join(".runvoy").join("config.yaml"))
}

fn read(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).context(format!("can't read `{}`", path.display())),
    }
}

/// Names the key that does not fit, and its line. The parser's own text would repeat the value, which may be a secret.
fn misfit(path: &Path, error: &serde_path_to_error::Error<serde_yaml::Error>) -> String {
    let key = error.path().to_string();
    let last = key.rsplit('.').next().unwrap_or_default();
    let wanted = if PROFILE_KEYS.contains(&last) || last == "current" { "text" } else { "a mapping" };
    let line = error.inner().location().map(|at| format!(", line {}", at.line())).unwrap_or_default();
    format!("`{}`{line}: `{}` must be {wanted}", path.display(), ui::printable(&key))
}

#[cfg(unix)]
fn warn_if_readable_by_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        ui::warn(format_args!("`{path}` holds a key and others may read it (mode {mode:04o}): `chmod 600 {path}`"));
    }
}

#[cfg(not(unix))]
fn warn_if_readable_by_others(_: &Path) {}

/// Writes a file whole or not at all, readable by its owner only.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let directory = directory_of(path);
    create_private(directory)?;
    // Temporary files are made with mode 0600, and a rename keeps it.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The new name has to outlive a power cut as well. Elsewhere a directory can't be opened.
    #[cfg(unix)]
    fs::File::open(directory)?.sync_all()?;
    Ok(())
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn create_private(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

#[cfg(test)]
mod tests;
