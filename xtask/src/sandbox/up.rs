use std::fs;
use std::io::IsTerminal;

use anyhow::{Context, Result};
use runvoy_sandbox::{Layout, setup};
use rustix::process::setsid;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::print;
use super::state::{self, Claim, State};
use crate::child::Outcome;
use crate::deploy::{Pace, deploy};
use crate::interrupts::Interrupts;

/// How to start it.
#[derive(clap::Args)]
#[group(id = "up")]
pub struct Args {
    /// Return once it is up, and leave it running
    #[arg(long)]
    pub detach: bool,
    /// Set everything up and build everything anew
    #[arg(long)]
    pub fresh: bool,
    #[command(flatten)]
    pub pace: Pace,
    /// Print what runs where as JSON on standard output
    #[arg(long)]
    pub json: bool,
    /// Be the background process of `--detach`
    #[arg(long, hide = true)]
    pub background: bool,
}

/// Starts the sandbox and stays until a signal.
pub async fn run(args: Args) -> Result<u8> {
    if args.background {
        setsid().context("can't leave the terminal's session")?;
    }
    let layout = state::layout()?;
    let _claim = Claim::take(&layout).await?;
    let mut interrupts = Interrupts::catch()?;
    if args.fresh {
        start_over(&layout)?;
    }
    let mut sandbox = match deploy(&layout, args.pace, &mut interrupts).await? {
        Outcome::Done(sandbox) => sandbox,
        Outcome::Ended(code) => return Ok(code),
    };
    let now = OffsetDateTime::now_utc().truncate_to_second();
    let state = State::of(&sandbox, now.format(&Rfc3339)?);
    let stayed = tokio::select! {
        stayed = stay(&layout, &state, &args, &mut interrupts) => stayed,
        error = sandbox.failed() => Err(error),
    };
    eprintln!("stopping …");
    State::remove(&layout);
    sandbox.stop().await;
    stayed.map(|()| 0)
}

async fn stay(layout: &Layout, state: &State, args: &Args, interrupts: &mut Interrupts) -> Result<()> {
    state.write(layout)?;
    if args.background || args.json {
        print(&format!("{}\n", summary(state)))?;
    }
    if !args.background {
        eprintln!("\n{}", what_to_try(state, "Ctrl-C"));
    }
    interrupts.next().await;
    // The terminal shows `^C` where the cursor is.
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
    Ok(())
}

/// What is up, for people.
pub fn what_to_try(state: &State, stop: &str) -> String {
    format!(
        "The sandbox is up: an AWS of its own at {}, with runvoy on it.\n\n  \
         Try it in another shell, here in the checkout:\n    \
         eval \"$(cargo xtask sandbox env)\"\n    \
         runvoy exec 'echo hello; exit 3'\n\n  \
         AWS calls: {}\n  \
         Stop it:   {stop}",
        state.endpoint,
        state.calls_log.display(),
    )
}

/// What is up, for programs. The keys are in `sandbox env` alone.
pub fn summary(state: &State) -> serde_json::Value {
    let State { pid, engine_pid, started_at, endpoint, run_dir, calls_log, engine_log, .. } = state;
    json!({
        "running": true, "pid": pid, "engine_pid": engine_pid, "started_at": started_at, "endpoint": endpoint,
        "run_dir": run_dir, "calls_log": calls_log, "engine_log": engine_log,
    })
}

/// Forgets what earlier starts have set up and built.
fn start_over(layout: &Layout) -> Result<()> {
    setup::remove_all(layout)?;
    let target = layout.root().join("target");
    // What `runvoy init` has built, for each target.
    let built = fs::read_dir(&target).into_iter().flatten().flatten().map(|entry| entry.path().join("function"));
    for directory in built.chain([target.join("lambda")]).filter(|directory| directory.is_dir()) {
        fs::remove_dir_all(&directory).with_context(|| format!("can't remove `{}`", directory.display()))?;
    }
    Ok(())
}
