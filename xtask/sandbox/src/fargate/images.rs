//! What images are like, as far as commands notice: none is pulled here, so tests say it.

use std::sync::{Mutex, PoisonError};

use runvoy_api::image::registry;
use serde_json::Value;

/// What can be wrong with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is there for other CPUs only.
    OtherPlatform,
    /// It has no `/bin/sh`.
    NoShell,
}

#[derive(Default)]
pub(super) struct Images(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Image, variable, value.
    variables: Vec<(String, String, String)>,
    flaws: Vec<(String, Flaw)>,
    /// Registries that demand credentials, with the user name and the password.
    logins: Vec<(String, [String; 2])>,
}

impl Images {
    pub fn set_variable(&self, image: &str, name: &str, value: &str) {
        self.with(|known| known.variables.push((image.to_owned(), name.to_owned(), value.to_owned())));
    }

    pub fn set_flaw(&self, image: &str, flaw: Flaw) {
        self.with(|known| known.flaws.push((image.to_owned(), flaw)));
    }

    pub fn set_login(&self, host: &str, login: [&str; 2]) {
        self.with(|known| known.logins.push((host.to_owned(), login.map(str::to_owned))));
    }

    /// What it sets in its containers' environment.
    pub fn variables(&self, image: &str) -> Vec<(String, String)> {
        self.with(|known| {
            let own = known.variables.iter().filter(|(of, ..)| of == image);
            own.map(|(_, name, value)| (name.clone(), value.clone())).collect()
        })
    }

    pub fn has(&self, image: &str, flaw: Flaw) -> bool {
        self.with(|known| known.flaws.iter().any(|(of, own)| of == image && *own == flaw))
    }

    /// Pulls an image as far as that can fail. `credential` is the secret's text, as ECS takes it. The error is a task's
    /// `stoppedReason`.
    pub fn pull(&self, image: &str, credential: Option<&str>, platform: &str) -> Result<(), String> {
        let fail = |why: String| {
            Err(format!("CannotPullContainerError: pull image manifest has been retried 1 time(s): {why}"))
        };
        let host = registry(image);
        // RFC 6761: no such registry can be anywhere.
        if host.ends_with(".invalid") {
            return fail(format!(
                "failed to resolve ref {image}: failed to do request: Head \"https://{host}/v2/\": dial tcp: lookup {host}: \
                 no such host"
            ));
        }
        let login =
            self.with(|known| known.logins.iter().rev().find(|(of, _)| *of == host).map(|(_, login)| login.clone()));
        let given = credential.and_then(|text| serde_json::from_str::<Value>(text).ok()).unwrap_or_default();
        if login.is_some_and(|login| [&given["username"], &given["password"]] != login.each_ref()) {
            let (token, scope) = match credential {
                None => ("anonymous", "unexpected status from GET request to"),
                Some(_) => ("oauth", "unexpected status from POST request to"),
            };
            return fail(format!(
                "failed to resolve ref {image}: failed to authorize: failed to fetch {token} token: {scope} \
                 https://{host}/token: 401 Unauthorized"
            ));
        }
        if self.has(image, Flaw::OtherPlatform) {
            return fail(format!("image Manifest does not contain descriptor matching platform 'linux/{platform}'"));
        }
        Ok(())
    }

    fn with<T>(&self, then: impl FnOnce(&mut Known) -> T) -> T {
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
