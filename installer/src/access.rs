//! Which deployment is meant, and by which key: from the command line, the environment or the config file.

use std::{env, fmt, path::PathBuf};

use runvoy_api::key::ApiKey;

use crate::{
    config::{Config, DEFAULT_PROFILE, Profile},
    error::{Error, Result, ResultExt as _},
    os_keyring,
    project::Project,
    ui,
};

/// Where to call, and with which key.
pub struct Access {
    /// The API's address.
    pub endpoint: String,
    /// The user's key.
    pub key: ApiKey,
}

impl Access {
    /// From `--profile` where it is given, else from `RUNVOY_ENDPOINT` and `RUNVOY_API_KEY`, else from the profile that
    /// `RUNVOY_PROFILE`, the project or the file names. With both variables set, no file is looked at.
    pub fn find(flag: Option<&str>) -> Result<Self> {
        let variable = |name| if flag.is_some() { None } else { variable(name) };
        let endpoint = variable("RUNVOY_ENDPOINT");
        let key = match variable("RUNVOY_API_KEY") {
            Some(text) => Some(parse_key(&text, "`RUNVOY_API_KEY`")?),
            None => None,
        };
        if let (Some(endpoint), Some(key)) = (endpoint.clone(), key.clone()) {
            return Ok(Self { endpoint, key });
        }
        let source = Source::load(flag)?;
        let key = key.map_or_else(|| source.key(), Ok)?;
        Ok(Self { endpoint: endpoint.map_or_else(|| source.endpoint(), Ok)?, key })
    }

    /// The address alone, by the same rules.
    pub fn find_endpoint(flag: Option<&str>) -> Result<String> {
        match variable("RUNVOY_ENDPOINT").filter(|_| flag.is_none()) {
            Some(endpoint) => Ok(endpoint),
            None => Source::load(flag)?.endpoint(),
        }
    }
}

/// One profile of the file, and how to name its keys in an error.
struct Source {
    profile: Profile,
    name: String,
    path: PathBuf,
}

impl Source {
    fn load(flag: Option<&str>) -> Result<Self> {
        let config = Config::load()?;
        let wanted = Wanted::find(flag)?;
        let name = wanted.as_ref().map(|wanted| wanted.name.as_str());
        let profile = config.profile(name).map_err(|error| match &wanted {
            Some(Wanted { by: By::Project(path), name }) => {
                error.context(format!("`{}` is for profile `{}`", path.display(), ui::printable(name)))
            }
            _ => error,
        })?;
        let (profile, name) = (profile.clone(), config.profile_name(name).to_owned());
        Ok(Self { profile, name, path: config.path().to_owned() })
    }

    fn endpoint(&self) -> Result<String> {
        present(&self.profile.api_endpoint).map(str::to_owned).ok_or_else(|| self.missing("api_endpoint"))
    }

    fn key(&self) -> Result<ApiKey> {
        let text = present(&self.profile.api_key).ok_or_else(|| self.missing("api_key"))?;
        parse_key(&os_keyring::resolve(text.trim())?, &self.describe("api_key")).hint(self.how_to_fix())
    }

    fn missing(&self, key: &str) -> Error {
        Error::new(format!("{} is missing", self.describe(key))).hint(self.how_to_fix())
    }

    fn describe(&self, key: &str) -> String {
        format!("`profiles.{}.{key}` in `{}`", ui::printable(&self.name), self.path.display())
    }

    fn how_to_fix(&self) -> String {
        match self.name.as_str() {
            DEFAULT_PROFILE => "run `runvoy configure`".into(),
            name => format!("run `runvoy configure --profile {}`", ui::printable(name)),
        }
    }
}

/// A profile that is asked for by name.
struct Wanted {
    name: String,
    by: By,
}

/// Who asks for it.
enum By {
    Flag,
    Variable,
    Project(PathBuf),
}

impl Wanted {
    fn find(flag: Option<&str>) -> Result<Option<Self>> {
        if let Some(name) = flag {
            return Ok(Some(Self { name: name.to_owned(), by: By::Flag }));
        }
        if let Some(name) = variable("RUNVOY_PROFILE") {
            return Ok(Some(Self { name, by: By::Variable }));
        }
        let Some(project) = Project::find()? else { return Ok(None) };
        Ok(project.profile.map(|name| Self { name, by: By::Project(project.path) }))
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("the command line"),
            Self::Variable => f.write_str("`RUNVOY_PROFILE`"),
            Self::Project(path) => write!(f, "`{}`", path.display()),
        }
    }
}

/// Profile, endpoint and key: name, value and where it comes from. The key itself is not shown.
pub fn explain(flag: Option<&str>) -> Result<[(&'static str, Option<String>, String); 3]> {
    let (config, wanted) = (Config::load()?, Wanted::find(flag)?);
    let name = config.profile_name(wanted.as_ref().map(|wanted| wanted.name.as_str())).to_owned();
    let profile = config.profile(Some(&name)).cloned().unwrap_or_default();
    let file = format!("`{}`", config.path().display());
    let find = |setting, name, saved: Option<String>| match variable(name).filter(|_| flag.is_none()) {
        Some(value) => (setting, Some(value), format!("`{name}`")),
        None if saved.is_some() => (setting, saved, file.clone()),
        None => (setting, None, "not set: `runvoy configure`".to_owned()),
    };
    let endpoint = find("endpoint", "RUNVOY_ENDPOINT", present(&profile.api_endpoint).map(str::to_owned));
    let key = find("api_key", "RUNVOY_API_KEY", present(&profile.api_key).map(str::to_owned));
    let key = (key.0, key.1.map(|_| "(set)".to_owned()), key.2);
    if flag.is_none() && variable("RUNVOY_ENDPOINT").is_some() && variable("RUNVOY_API_KEY").is_some() {
        return Ok([("profile", None, "not needed: the environment has both".into()), endpoint, key]);
    }
    Ok([("profile", Some(name), wanted.map_or(file, |wanted| wanted.by.to_string())), endpoint, key])
}

/// Reads a key; `what` names where it came from, since the text itself is never repeated.
pub fn parse_key(text: &str, what: &str) -> Result<ApiKey> {
    let hint = "a key is what `runvoy admin add-user` printed, whole; an admin replaces a lost one";
    text.trim().parse().map_err(|error| Error::new(format!("{what} is {error}")).hint(hint))
}

/// An environment variable that is set to something.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn present(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}
