use std::ffi::OsString;
use std::fs;
use std::io::IsTerminal;
use std::time::Duration;

use anyhow::{Context, Result};
use runvoy_sandbox::{Layout, Sandbox, WithHint};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::child::{GRACE, Outcome, code};
use crate::deploy::{Pace, deploy};
use crate::interrupts::Interrupts;

/// Starts a sandbox of its own, runs a command on it, stops it, and returns the command's exit code
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    pace: Pace,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs that nobody looks for by name are called after their process.
const PREFIXES: [&str; 3] = ["run-", "boot-", "docs-"];

/// Runs the command.
pub async fn run(args: Args) -> Result<u8> {
    let layout = Layout::named(&format!("run-{}", std::process::id()))?;
    remove_leftovers(&layout);
    let mut interrupts = Interrupts::catch()?;
    let sandbox = match deploy(&layout, args.pace, &mut interrupts).await? {
        Outcome::Done(sandbox) => sandbox,
        Outcome::Ended(code) => return Ok(code),
    };
    let outcome = run_on(&sandbox, &args.command, &mut interrupts).await;
    sandbox.stop().await;
    // It worked, so nobody needs the logs.
    let _ = fs::remove_dir_all(layout.run());
    outcome
}

/// The command stays in our process group, since it may want the terminal.
async fn run_on(sandbox: &Sandbox, words: &[OsString], interrupts: &mut Interrupts) -> Result<u8> {
    let (program, arguments) = words.split_first().context("no command was given")?;
    let mut command = Command::new(program);
    command.args(arguments).kill_on_drop(true);
    sandbox.apply(&mut command);
    let shown = program.to_string_lossy();
    let started = command.spawn();
    let mut child = started.with_hint(format!("can't run `{shown}`"), "is it on PATH, and executable?")?;
    loop {
        let signal = tokio::select! {
            status = child.wait() => return Ok(code(status.context("can't wait for the command")?)),
            signal = interrupts.next() => signal,
        };
        // The terminal has sent its Ctrl-C to the command, too, and the command decides what that means.
        if signal == Signal::INT && std::io::stdin().is_terminal() {
            continue;
        }
        return end(child, signal, GRACE).await;
    }
}

async fn end(mut child: Child, signal: Signal, grace: Duration) -> Result<u8> {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        let _ = kill_process(pid, signal);
    }
    let status = match timeout(grace, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    Ok(code(status.context("can't wait for the command")?))
}

/// Directories of runs that failed, or were killed before they could tidy up.
fn remove_leftovers(layout: &Layout) {
    for entry in fs::read_dir(layout.base()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let pid = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)?.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
        if test_kill_process(pid).is_err() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
