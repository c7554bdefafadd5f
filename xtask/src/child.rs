use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Result;
use runvoy_sandbox::{Group, Layout, set_by_cargo};
use tokio::process::Command;

use crate::interrupts::{Interrupts, exit_code};

/// How long a child may take to end after it was asked to.
pub const GRACE: Duration = Duration::from_secs(10);

/// How a step ended.
pub enum Outcome<T> {
    /// It ran to its end.
    Done(T),
    /// It was interrupted, or failed and has said why itself: this exit code is the answer.
    Ended(u8),
}

/// Runs a child with all that it starts to its end, or to the first interrupt, which goes on to it.
pub async fn run(command: &mut Command, interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    let mut group = Group::spawn(command)?;
    let signal = tokio::select! {
        status = group.wait() => return Ok(match code(status?) {
            0 => Outcome::Done(()),
            code => Outcome::Ended(code),
        }),
        signal = interrupts.next() => signal,
    };
    group.stop(signal, GRACE).await;
    Ok(Outcome::Ended(exit_code(signal)))
}

/// The exit code of a child; 128 and the signal's number if one ended it.
pub fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The cargo that runs us, in the project's root.
pub fn cargo(layout: &Layout) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(layout.root());
    for name in set_by_cargo() {
        command.env_remove(name);
    }
    command
}
