//! How a removal ended, for people and for programs.

use std::{path::PathBuf, time::Instant};

use console::style;

use super::Args;
use crate::{
    deploy::{
        destroy::{Inventory, Proof, Site},
        progress::{Outcome, RunResult},
    },
    error::{Error, Result},
    exit, ui,
};

/// How it ended.
pub(super) struct End {
    /// What came of looking for anything that is left.
    pub proof: Proof,
    /// Whether there was anything to remove.
    pub changed: bool,
    /// Where the data went.
    pub export: Option<PathBuf>,
    /// What was kept.
    pub kept: Vec<String>,
    /// The command that looks again.
    pub again: String,
}

impl End {
    /// The last event.
    pub fn result(&self, args: &Args, started: Instant) -> RunResult {
        let (outcome, code) = match (self.proof.is_clean(), self.changed) {
            (false, _) => (Outcome::Failed, exit::PARTLY_DONE),
            (true, true) => (Outcome::Done, 0),
            (true, false) => (Outcome::NothingToDo, 0),
        };
        let is_clean = self.proof.is_clean();
        RunResult {
            export: self.export.as_ref().map(|directory| directory.display().to_string()),
            leftovers: Some(serde_json::to_value(&self.proof).unwrap_or_default()),
            error: (!is_clean).then(|| self.problem().message()),
            profile: (args.keep_config || !self.kept.is_empty()).then(|| args.stack_name.clone()),
            ..RunResult::new(outcome, code, started.elapsed())
        }
    }

    /// The result on stdout, and what to know of it on stderr.
    pub fn show(&self) -> Result<()> {
        if let Some(directory) = &self.export {
            ui::line(format_args!("export  {}", directory.display()))?;
            let hint = "`runvoy init --restore DIR` puts it into a new deployment; keys that were lost are replaced by `--reissue-admin-key`";
            ui::note(hint);
        }
        if !self.kept.is_empty() {
            ui::note(
                "Kept, for the next `runvoy init` (to remove it: `runvoy destroy --export DIR` or `--delete-data`):",
            );
            self.kept.iter().for_each(|name| ui::note(format_args!("  {name}")));
        }
        for left in &self.proof.leftovers {
            ui::note(format_args!(
                "{} {} `{}`: {}",
                style("left:").for_stderr().yellow(),
                left.what,
                left.name,
                left.command
            ));
        }
        for unseen in &self.proof.unseen {
            ui::warn(format_args!("could not be looked at: {unseen}"));
        }
        if self.proof.is_clean() && self.kept.is_empty() {
            ui::note("Nothing of it is left.");
        }
        Ok(())
    }

    fn problem(&self) -> Error {
        let Proof { leftovers, unseen } = &self.proof;
        match leftovers.len() {
            0 => Error::new(format!("whether anything is left can't be told: {} not looked at", unseen.len())),
            count => Error::new(format!("{count} of its resources left in the account")),
        }
    }

    /// An error with exit code 4 if anything is left.
    pub fn into_result(self) -> Result<()> {
        if self.proof.is_clean() {
            return Ok(());
        }
        let hint = format!("remove what is listed, then `{}` looks again", self.again);
        Err(self.problem().hint(hint).exit(exit::PARTLY_DONE))
    }
}

/// The names of the data that stays.
pub(super) fn kept(site: Site<'_>, found: &Inventory) -> Vec<String> {
    let tables = found.tables.iter().map(|table| format!("table {}", table.name));
    let group = found.output.iter().map(|group| format!("log group {}", group.name));
    tables.chain(group).map(|what| format!("{what} ({})", site.aws.region)).collect()
}
