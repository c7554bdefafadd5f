use std::os::fd::AsFd;
use std::process::Stdio;

use anyhow::{Context, Result};
use runvoy_sandbox::{Hinted, Layout, Sandbox, setup};
use tokio::process::Command;

use crate::child::{self, Outcome};
use crate::interrupts::{Interrupts, exit_code};

/// The deployment's name in every sandbox.
pub const STACK: &str = "runvoy";
/// Its first admin.
pub const ADMIN: &str = "admin@example.com";

/// How long stacks take.
#[derive(clap::Args, Clone, Copy)]
pub struct Pace {
    /// Let stacks take FACTOR times as long as on AWS, instead of no time at all
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub pace: Option<f64>,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok().filter(|factor| (0.0..=10.0).contains(factor));
    factor.ok_or_else(|| "expected a number from 0 to 10, such as 0.05".to_owned())
}

/// A sandbox with the product on it: sets up, builds the CLI, starts, and runs the real `runvoy init`.
pub async fn deploy(layout: &Layout, Pace { pace }: Pace, interrupts: &mut Interrupts) -> Result<Outcome<Sandbox>> {
    if let Outcome::Ended(code) = prepare(layout, interrupts).await? {
        return Ok(Outcome::Ended(code));
    }
    let sandbox = tokio::select! {
        sandbox = Sandbox::start(layout) => sandbox?,
        signal = interrupts.next() => return Ok(Outcome::Ended(exit_code(signal))),
    };
    if let Some(factor) = pace {
        sandbox.script().pace(factor);
    }
    let initialised = init(&sandbox, interrupts).await;
    if let Ok(Outcome::Done(())) = initialised {
        return Ok(Outcome::Done(sandbox));
    }
    sandbox.stop().await;
    eprintln!("the logs of this run are in `{}`", layout.run().display());
    initialised.map(|outcome| match outcome {
        Outcome::Ended(code) => Outcome::Ended(code),
        Outcome::Done(()) => Outcome::Ended(1),
    })
}

/// The environments and the CLI, side by side: one waits for the network, the other for the processor.
async fn prepare(layout: &Layout, interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    let venvs = async { tokio::try_join!(setup::ENGINE.ensure(layout), setup::TOOLS.ensure(layout)).map(|_| ()) };
    let (venvs, built) = tokio::join!(venvs, build(layout, interrupts));
    match built? {
        Outcome::Done(()) => venvs.map(Outcome::Done),
        ended => Ok(ended),
    }
}

/// The CLI, into [`Layout::bin`].
pub async fn build(layout: &Layout, interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    // As a part of the workspace: by itself it would be built with other features of its dependencies than in the tests,
    // and all of them twice.
    let built = child::run(child::cargo(layout).args(["build", "--workspace", "--bin", "runvoy"]), interrupts).await?;
    let binary = layout.bin().join("runvoy");
    match built {
        Outcome::Done(()) if !binary.exists() => Err(Hinted::error(
            format!("cargo built no `{}`", binary.display()),
            "run this command as `cargo xtask …`, with cargo's default profile",
        )),
        Outcome::Ended(101) => Err(Hinted::error("`runvoy` does not build", "see the compiler's errors above")),
        outcome => Ok(outcome),
    }
}

async fn init(sandbox: &Sandbox, interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    let mut command = Command::new(sandbox.layout().bin().join("runvoy"));
    command.args(["init", "--yes", "--stack-name", STACK, "--admin-email", ADMIN, "--architecture", architecture()]);
    command.current_dir(sandbox.layout().root()).stdin(Stdio::null()).stdout(to_stderr()?);
    sandbox.apply(&mut command);
    match child::run(&mut command, interrupts).await? {
        Outcome::Done(()) => settle(sandbox, interrupts).await,
        ended => Ok(ended),
    }
}

/// The engine shows every line at once, so nobody has to wait for late ones, as on AWS.
async fn settle(sandbox: &Sandbox, interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    let mut command = Command::new(sandbox.layout().bin().join("runvoy"));
    command.args(["admin", "config", "log_grace=2"]).stdin(Stdio::null()).stdout(Stdio::null());
    sandbox.apply(&mut command);
    child::run(&mut command, interrupts).await
}

/// Standard output is for results, and a deployment is not what was asked for.
fn to_stderr() -> Result<Stdio> {
    let stderr = std::io::stderr().as_fd().try_clone_to_owned();
    stderr.map(Stdio::from).context("standard error can't be shared")
}

/// The functions run on this machine.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}
