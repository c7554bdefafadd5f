//! `runvoy completions`.

use clap_complete::Shell;

use crate::{error::Result, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy completions bash > ~/.local/share/bash-completion/completions/runvoy
  runvoy completions zsh > \"${fpath[1]}/_runvoy\"
  runvoy completions fish > ~/.config/fish/completions/runvoy.fish";

/// Arguments of `runvoy completions`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints completions.
pub fn run(args: Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "runvoy", &mut script);
    ui::write(&String::from_utf8_lossy(&script))
}
