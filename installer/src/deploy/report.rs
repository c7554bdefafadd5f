//! The end of a run, for people and for programs. A new key is told in this one place.

use std::{path::PathBuf, time::Duration};

use super::{
    admin::{self, Admin},
    install::Installed,
    progress::{Outcome, RunResult},
    release::Returned,
};
use crate::{
    config::Config,
    error::{Error, Result},
    exit, fold, ui,
};

/// A deployment that works.
pub struct Report {
    /// Its name, which is the profile's too.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// The first admin's address.
    pub email: String,
    /// The file that holds the profile.
    pub config: PathBuf,
    /// Whether commands mean this profile without being told.
    pub is_current: bool,
    /// What came of it.
    pub installed: Installed,
    /// The release that was gone back to.
    pub returned: Option<Returned>,
    /// What failed once it worked. The run fails with it, but nothing that was to be told is lost.
    pub trouble: Option<Error>,
}

impl Report {
    /// Takes note of what counts only once it was told: a new key, which is kept in the config file all the same, and where
    /// the way back has led.
    pub async fn shown(&self) -> Result<()> {
        if let Some(returned) = &self.returned {
            returned.record().await?;
        }
        match self.installed.admin {
            Admin::New(_) => admin::shown(&self.stack, &mut Config::load()?),
            _ => Ok(()),
        }
    }

    /// The result on stdout, and what to do with it on stderr.
    pub fn show(&self) -> Result<()> {
        let Self { stack, config, .. } = self;
        row("endpoint", &self.installed.endpoint)?;
        if !matches!(self.installed.admin, Admin::Elsewhere(_)) {
            row("profile", &format!("{stack} (in {})", config.display()))?;
        }
        match &self.installed.admin {
            Admin::New(key) => {
                row("admin", &self.email)?;
                row("key", key.reveal())?;
                let profile = if self.is_current { String::new() } else { format!("--profile {stack} ") };
                let next = format!("The key is shown this once. Try it: `runvoy {profile}exec 'echo hello'`");
                ui::note(next);
            }
            Admin::Known(_) => {}
            Admin::Elsewhere(owner) => ui::note(format_args!(
                "To use it from here, ask {owner} for a key (`runvoy admin add-user`) and run `runvoy configure`.\n\
                 If that key is lost, this replaces it:\n  \
                 runvoy init --stack-name {stack} --region {} --reissue-admin-key",
                self.region
            )),
        }
        Ok(())
    }

    /// The same as the last event of a run that took this long.
    pub fn result(&self, took: Duration) -> RunResult {
        let outcome = if self.installed.changed { Outcome::Done } else { Outcome::NothingToDo };
        let ended = match &self.trouble {
            Some(trouble) => failure(trouble, None, took),
            None => RunResult::new(outcome, 0, took),
        };
        let has_profile = !matches!(self.installed.admin, Admin::Elsewhere(_));
        let key = match &self.installed.admin {
            Admin::New(key) => Some(key.reveal().to_owned()),
            _ => None,
        };
        RunResult {
            endpoint: Some(self.installed.endpoint.clone()),
            profile: has_profile.then(|| self.stack.clone()),
            config: has_profile.then(|| self.config.display().to_string()),
            admin_email: key.is_some().then(|| self.email.clone()),
            admin_key: key,
            ..ended
        }
    }
}

/// One line of the result; on a terminal that is too narrow for it, the value has lines of its own. It is never cut: it is
/// there to be copied.
fn row(label: &str, value: &str) -> Result<()> {
    let line = format!("{label:<10}{value}");
    match fold::stdout_columns() {
        Some(columns) if console::measure_text_width(&line) > columns => {
            ui::line(label)?;
            value.splitn(2, ' ').try_for_each(ui::line)
        }
        _ => ui::line(line),
    }
}

/// The end of a run that only showed what it would do.
pub fn nothing(took: Duration) -> RunResult {
    RunResult::new(Outcome::NothingToDo, 0, took)
}

/// The end of a run that failed, or was refused or interrupted. `resume` goes on from there.
pub fn failure(error: &Error, resume: Option<String>, took: Duration) -> RunResult {
    let outcome = match error.code() {
        exit::INTERRUPTED => Outcome::Interrupted,
        exit::REFUSED => Outcome::Refused,
        _ => Outcome::Failed,
    };
    RunResult {
        error: Some(error.explain()),
        hint: error.next_step().map(str::to_owned),
        resume,
        ..RunResult::new(outcome, error.code(), took)
    }
}
