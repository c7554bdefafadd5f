use std::process::Stdio;

use anyhow::Result;
use runvoy_sandbox::Layout;

use crate::child::{self, Outcome};
use crate::docs;
use crate::interrupts::Interrupts;
use crate::test::test;

/// Runs what continuous integration runs, but for the proof on emulated ARM64
#[derive(clap::Args)]
pub struct Args {}

const STEPS: [&[&str]; 2] =
    [&["fmt", "--all", "--check"], &["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]];

/// Runs the command.
pub async fn run(Args {}: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    let layout = Layout::named("ci")?;
    for step in STEPS {
        eprintln!("cargo {}", step.join(" "));
        if let Outcome::Ended(code) = child::run(child::cargo(&layout).args(step), &mut interrupts).await? {
            return Ok(code);
        }
    }
    if let Outcome::Ended(code) = dependencies(&layout, &mut interrupts).await? {
        return Ok(code);
    }
    if let Outcome::Ended(code) = test(&[], &mut interrupts).await? {
        return Ok(code);
    }
    eprintln!("cargo xtask docs --check");
    Ok(match docs::all(true, &mut interrupts).await? {
        Outcome::Done(()) => 0,
        Outcome::Ended(code) => code,
    })
}

/// Licences and sources of the dependencies, where cargo-deny is installed. Its advisories would need the network.
async fn dependencies(layout: &Layout, interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    let mut probe = child::cargo(layout);
    probe.args(["deny", "--version"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().await.is_ok_and(|status| status.success()) {
        eprintln!("cargo deny: not installed, left out");
        return Ok(Outcome::Done(()));
    }
    let checks = ["deny", "--offline", "check", "bans", "licenses", "sources"];
    eprintln!("cargo {}", checks.join(" "));
    child::run(child::cargo(layout).args(checks), interrupts).await
}
