//! What may be done and what becomes of the data: by flags, or as somebody says.

use std::path::PathBuf;

use dialoguer::{Input, Select};

use super::{Args, Destroy};
use crate::{
    aws::Aws,
    deploy::{
        destroy::{Data, Inventory, Permitted, Site},
        export,
    },
    error::{Error, Result},
    exit, ui,
};

impl Destroy {
    pub(super) fn permitted(&self) -> Permitted {
        let Args { stop_running, disable_protection, force, .. } = self.args;
        Permitted { stop_running, unprotect: disable_protection, force }
    }

    /// What becomes of the data: as the flags say, else as somebody says, else it is exported.
    pub(super) fn data(&self, site: Site<'_>, found: &Inventory) -> Result<Data> {
        let Args { keep_data, delete_data, ref export, .. } = self.args;
        Ok(match (export, keep_data, delete_data) {
            (Some(directory), ..) => Data::Export(directory.clone()),
            (None, true, _) => Data::Keep,
            (None, _, true) => Data::Delete,
            _ if !found.has_data() => Data::Delete,
            _ => {
                let directory = export::default_directory(site)?;
                if self.can_ask { self.choose(directory)? } else { Data::Export(directory) }
            }
        })
    }

    fn choose(&self, directory: PathBuf) -> Result<Data> {
        let export = format!("export it to {}, then delete it in AWS", directory.display());
        let choices =
            [export.as_str(), "keep it in AWS, for the next `runvoy init` to adopt", "delete it and keep nothing"];
        let ask =
            || Select::new().with_prompt("Users, history, audit trail and output").items(choices).default(0).interact();
        Ok(match self.progress.suspend(ask)? {
            0 => Data::Export(directory),
            1 => Data::Keep,
            _ => Data::Delete,
        })
    }

    pub(super) fn confirm(&self) -> Result<()> {
        if !self.can_ask {
            return Ok(());
        }
        let stack = &self.args.stack_name;
        let prompt = format!("Type `{stack}` to destroy it");
        let ask = || Input::<String>::new().with_prompt(prompt).allow_empty(true).interact_text();
        if self.progress.suspend(ask)? == *stack {
            return Ok(());
        }
        Err(Error::new("that is another name: nothing was changed")
            .hint(format!("type `{stack}` exactly, or leave the deployment as it is"))
            .exit(exit::REFUSED))
    }

    /// The same command, with what was chosen.
    pub(super) fn resume(&self, aws: &Aws, data: &Data) -> String {
        let mut words = vec!["runvoy destroy --stack-name".to_owned(), self.args.stack_name.clone()];
        words.extend(["--region".into(), aws.region.clone()]);
        match data {
            Data::Export(directory) => {
                words.extend(["--export".into(), ui::shell_word(&directory.display().to_string())])
            }
            Data::Keep => words.push("--keep-data".into()),
            Data::Delete => words.push("--delete-data".into()),
        }
        let flags = [
            (self.args.yes, "--yes"),
            (self.args.stop_running, "--stop-running"),
            (self.args.disable_protection, "--disable-protection"),
            (self.args.force, "--force"),
            (self.args.keep_config, "--keep-config"),
        ];
        words.extend(flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| flag.to_owned()));
        words.join(" ")
    }
}
