//! `runvoy man`.

use std::{fs, path::PathBuf};

use crate::{
    error::{Result, ResultExt as _},
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy man ~/.local/share/man/man1
  runvoy man ./man";

/// Arguments of `runvoy man`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The directory; it is made if need be
    directory: PathBuf,
}

/// Writes a manual page for each command: `runvoy.1`, `runvoy-exec.1` and so on.
pub fn run(args: Args) -> Result<()> {
    let directory = args.directory;
    let written = fs::create_dir_all(&directory).and_then(|()| clap_mangen::generate_to(crate::command(), &directory));
    written.context(format!("can't write manual pages to `{}`", directory.display()))?;
    ui::note(format_args!(
        "`man runvoy` and `man runvoy-exec` find them if `{}` is on the `MANPATH`",
        directory.display()
    ));
    Ok(())
}
