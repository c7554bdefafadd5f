//! Which deployment is meant, and by which key: from the command line, the environment or the config file.

use std::{env, path::PathBuf};

use runvoy_api::key::ApiKey;

use crate::{
    config::{Config, DEFAULT_PROFILE, Profile},
    error::{Error, Result, ResultExt as _},
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
    /// `RUNVOY_PROFILE` or the file names. With both variables set, no file is looked at.
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
        let wanted = flag.map(str::to_owned).or_else(|| variable("RUNVOY_PROFILE"));
        let profile = config.profile(wanted.as_deref())?.clone();
        Ok(Self { profile, name: config.profile_name(wanted.as_deref()).to_owned(), path: config.path().to_owned() })
    }

    fn endpoint(&self) -> Result<String> {
        present(&self.profile.api_endpoint).map(str::to_owned).ok_or_else(|| self.missing("api_endpoint"))
    }

    fn key(&self) -> Result<ApiKey> {
        let text = present(&self.profile.api_key).ok_or_else(|| self.missing("api_key"))?;
        parse_key(text, &self.describe("api_key")).hint(self.how_to_fix())
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

/// Reads a key; `what` names where it came from, since the text itself is never repeated.
pub fn parse_key(text: &str, what: &str) -> Result<ApiKey> {
    text.trim().parse().map_err(|error| Error::new(format!("{what} is {error}")))
}

/// An environment variable that is set to something.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn present(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}
