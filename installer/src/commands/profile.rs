//! `runvoy profile`: several deployments, and which of them is meant.

use clap_complete::engine::ArgValueCandidates;
use console::Style;
use dialoguer::Confirm;
use serde_json::json;

use crate::{
    complete,
    config::Config,
    error::{Error, Result},
    os_keyring, suggest,
    table::{Cell, Table},
    ui,
};

const LIST_EXAMPLES: &str = "\
Examples:
  runvoy profile list
  runvoy profile list --json

`runvoy configure --profile NAME` adds one. For one command: --profile NAME or
RUNVOY_PROFILE; for a project: `profile: NAME` in its `.runvoy.yaml`.";

const USE_EXAMPLES: &str = "\
Examples:
  runvoy profile use staging";

const REMOVE_EXAMPLES: &str = "\
Examples:
  runvoy profile remove staging
  runvoy profile remove staging --yes";

/// What can be done with profiles.
#[derive(clap::Subcommand)]
pub enum Command {
    /// List the deployments that this machine has a key for
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make one the one that is meant where none is named
    #[command(after_help = USE_EXAMPLES)]
    Use {
        /// The profile
        #[arg(add = ArgValueCandidates::new(complete::profiles))]
        name: String,
    },
    /// Forget one, with its key
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// The profile
        #[arg(add = ArgValueCandidates::new(complete::profiles))]
        name: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs it.
pub fn run(command: Command) -> Result<()> {
    let config = Config::load()?;
    match command {
        Command::List { json } => list(&config, json),
        Command::Use { name } => choose(config, &name),
        Command::Remove { name, yes } => remove(config, &name, yes),
    }
}

fn list(config: &Config, json: bool) -> Result<()> {
    let current = config.profile_name(None);
    if json {
        let entries = config.profiles().iter().map(|(name, profile)| {
            json!({"name": name, "current": name == current, "endpoint": profile.api_endpoint, "region": profile.region})
        });
        return ui::json(&json!({"profiles": entries.collect::<Vec<_>>()}));
    }
    if config.profiles().is_empty() {
        ui::note("no profile yet: `runvoy configure` adds one");
        return Ok(());
    }
    let mut table = Table::new(["PROFILE", "CURRENT", "ENDPOINT"]);
    for (name, profile) in config.profiles() {
        let current = if name == current { Cell::styled("yes", Style::new().green()) } else { "".into() };
        table.push([name.into(), current, profile.api_endpoint.as_deref().unwrap_or("-").into()]);
    }
    table.print()
}

fn choose(mut config: Config, name: &str) -> Result<()> {
    check(&config, name)?;
    config.update(|config| config.set_current(name))?;
    ui::note(format_args!("`{}` is meant from now on where none is named", ui::printable(name)));
    Ok(())
}

fn remove(mut config: Config, name: &str, yes: bool) -> Result<()> {
    check(&config, name)?;
    let shown = ui::printable(name);
    if !yes {
        if !ui::can_ask() {
            return Err(Error::new(format!("`{shown}` was not removed: its key would be gone")).hint("add `--yes`"));
        }
        let question = format!("Remove `{shown}` and its key? Only its owner may have another copy");
        if !Confirm::new().with_prompt(question).default(false).interact()? {
            ui::note("nothing was removed");
            return Ok(());
        }
    }
    forget(&mut config, name)?;
    ui::note(format_args!("`{shown}` is removed from `{}`", config.path().display()));
    if !config.profiles().is_empty() {
        ui::note("`runvoy profile use NAME` says which one is meant now");
    }
    Ok(())
}

/// Forgets a profile, and its key wherever that is.
pub fn forget(config: &mut Config, name: &str) -> Result<()> {
    let key = config.profiles().get(name).and_then(|profile| profile.api_key.clone());
    config.update(|config| config.remove_profile(name))?;
    let used = |key: &String| config.profiles().values().any(|profile| profile.api_key.as_ref() == Some(key));
    match key.filter(|key| os_keyring::is_reference(key) && !used(key)) {
        Some(key) => os_keyring::forget(&key),
        None => Ok(()),
    }
}

fn check(config: &Config, name: &str) -> Result<()> {
    if config.profiles().contains_key(name) {
        return Ok(());
    }
    let problem = format!("`{}` has no profile `{}`", config.path().display(), ui::printable(name));
    let known = config.profiles().keys().map(String::as_str);
    let none = config.profiles().is_empty();
    Err(Error::new(problem).hint(if none { "`runvoy configure` adds one".into() } else { suggest::hint(name, known) }))
}
