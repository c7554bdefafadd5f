//! `runvoy open`.

use std::process::{Command, Stdio};

use clap_complete::engine::ArgValueCandidates;
use time::{Duration, OffsetDateTime};

use super::Which;
use crate::{
    client::Client,
    complete,
    error::{Error, Result},
    links, ui,
};

/// How long a link works.
const VALID: Duration = Duration::hours(48);
#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(not(target_os = "macos"))]
const OPENER: &str = "xdg-open";

const EXAMPLES: &str = "\
Examples:
  runvoy open last
  runvoy open a1b2c3 --print

A link is given out once, when an execution starts, and works for 48 hours. Whoever has
it can read that log.";

/// Arguments of `runvoy open`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The execution: its id, a unique part of it, or `last` for your newest one
    #[arg(add = ArgValueCandidates::new(complete::executions))]
    id: Which,
    /// Print the link instead
    #[arg(long)]
    print: bool,
}

/// Opens the log viewer at an execution that was started on this machine.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let id = match args.id {
        Which::Id(id) => id,
        part => part.resolve(&Client::connect(profile)?).await?,
    };
    if OffsetDateTime::now_utc() - id.started() > VALID {
        let problem = format!("the link of `{id}` has expired: it began {}", ui::ago(&id.started_at()));
        return Err(Error::new(problem).hint(format!("`runvoy logs {id}` prints the log")));
    }
    let missing = || {
        let problem = format!("no link of `{id}` is kept here: only those of executions started on this machine are");
        Error::new(problem).hint(format!("`runvoy logs -f {id}` shows the log"))
    };
    let link = links::find(&id).ok_or_else(missing)?;
    if args.print {
        return ui::line(ui::printable(&link));
    }
    let opened =
        Command::new(OPENER).arg(&link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if opened.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    ui::note("no browser could be opened; the link is");
    ui::line(ui::printable(&link))
}
