use std::fs::File;
use std::io::{Read, Write};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use super::print;
use super::state::{self, Claim, State, private};
use super::up::{Args, summary, what_to_try};
use crate::child::code;
use crate::interrupts::{Interrupts, exit_code};

/// Starts the sandbox in a background process, shows what that says, and returns when it is up or has failed.
pub async fn run(args: Args) -> Result<u8> {
    let layout = state::layout()?;
    drop(Claim::take(&layout).await?);
    let mut interrupts = Interrupts::catch()?;
    let log = layout.base().join("detached.log");
    let written = private(&log).with_context(|| format!("can't write `{}`", log.display()))?;
    let mut child = start(&args, written)?;
    let mut said = File::open(&log).context("can't read the background process's log")?;
    let ready = tokio::select! {
        ready = follow(&mut child, &mut said) => ready?,
        signal = interrupts.next() => {
            end(&mut child, signal).await?;
            copy(&mut said);
            return Ok(exit_code(signal));
        }
    };
    match ready {
        Ready::Up => {
            let state = State::require(&layout)?;
            if args.json {
                print(&format!("{}\n", summary(&state)))?;
            }
            eprintln!("\n{}", what_to_try(&state, "cargo xtask sandbox stop"));
            Ok(0)
        }
        Ready::Failed(status) => Ok(code(status).max(1)),
    }
}

enum Ready {
    Up,
    Failed(ExitStatus),
}

fn start(args: &Args, log: File) -> Result<Child> {
    let exe = std::env::current_exe().context("can't tell where this program is")?;
    let mut command = Command::new(exe);
    command.args(["sandbox", "--background"]);
    if args.fresh {
        command.arg("--fresh");
    }
    if let Some(factor) = args.pace.pace {
        command.args(["--pace", &factor.to_string()]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    command.spawn().context("can't start the background process")
}

/// It writes one line to its standard output once it is up.
async fn follow(child: &mut Child, said: &mut File) -> Result<Ready> {
    let stdout = child.stdout.take().context("the background process has no output")?;
    let mut lines = BufReader::new(stdout).lines();
    let line = loop {
        tokio::select! {
            line = lines.next_line() => break line,
            () = sleep(Duration::from_millis(100)) => copy(said),
        }
    };
    copy(said);
    match line {
        Ok(Some(_)) => Ok(Ready::Up),
        _ => Ok(Ready::Failed(child.wait().await?)),
    }
}

fn copy(said: &mut File) {
    let mut news = Vec::new();
    if said.read_to_end(&mut news).is_ok() {
        let _ = std::io::stderr().write_all(&news);
    }
}

/// It leaves nothing behind when it is asked to end.
async fn end(child: &mut Child, signal: Signal) -> Result<()> {
    if let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
        let _ = kill_process(pid, signal);
    }
    child.wait().await.context("can't wait for the background process")?;
    Ok(())
}
