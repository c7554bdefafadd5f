//! `runvoy completions`.

use std::env;

use clap_complete::{Shell, env::Shells};

use crate::{
    complete,
    error::{Error, Result},
    ui,
};

const NAME: &str = "runvoy";

const EXAMPLES: &str = "\
Examples:
  runvoy completions bash > ~/.local/share/bash-completion/completions/runvoy
  runvoy completions zsh > \"${fpath[1]}/_runvoy\"
  runvoy completions fish > ~/.config/fish/completions/runvoy.fish

They know executions, locks, tasks and profiles: the shell asks this program.";

/// Arguments of `runvoy completions`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints what a shell needs to know to ask this program how a line may go on.
pub fn run(args: Args) -> Result<()> {
    let shell = args.shell.to_string();
    let shells = Shells::builtins();
    let completer = shells.completer(&shell).ok_or_else(|| Error::new(format!("no completions for `{shell}`")))?;
    // Whoever has it on the `PATH` may replace it there.
    let called = env::args().next().filter(|name| name.contains(std::path::MAIN_SEPARATOR));
    let program = called.as_deref().unwrap_or(NAME);
    let mut script = Vec::new();
    completer.write_registration(complete::VARIABLE, NAME, NAME, program, &mut script)?;
    ui::write(&String::from_utf8_lossy(&script))
}
