use anyhow::Result;
use runvoy_sandbox::Layout;

use crate::child::{self, Outcome};
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
    Ok(match test(&[], &mut interrupts).await? {
        Outcome::Done(()) => 0,
        Outcome::Ended(code) => code,
    })
}
