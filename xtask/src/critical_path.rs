use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::Layout;
use tokio::process::Command;

use crate::child::{self, Outcome};
use crate::deploy;
use crate::interrupts::Interrupts;

/// Shows how long AWS takes for the default template, and for which chain of resources
#[derive(clap::Args)]
pub struct Args {}

/// Seconds that the default template may take. Each resource's are in `installer/src/deploy/estimate/learned.rs`.
const LIMIT: u64 = 70;

/// Runs the command. The CLI knows it: it is in what `runvoy init --print-template` writes.
pub async fn run(Args {}: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    let layout = Layout::named("critical-path")?;
    let directory = layout.run();
    if directory.exists() {
        std::fs::remove_dir_all(directory).context("can't remove the templates of the last time")?;
    }
    if let Outcome::Ended(code) = deploy::build(&layout, &mut interrupts).await? {
        return Ok(code);
    }
    let mut command = Command::new(layout.bin().join("runvoy"));
    command.args(["init", "--admin-email", "you@example.com", "--print-template"]).arg(directory).stdout(Stdio::null());
    if let Outcome::Ended(code) = child::run(&mut command, &mut interrupts).await? {
        return Ok(code);
    }
    let readme = std::fs::read_to_string(directory.join("README.md")).context("the templates have no README")?;
    let (_, time) = readme.split_once("How long it takes\n").context("the README does not say how long it takes")?;
    println!("{}", time.trim());
    let words = time.split_whitespace().collect::<Vec<_>>();
    let seconds = words.windows(2).find(|pair| pair[1] == "s").and_then(|pair| pair[0].parse::<u64>().ok());
    let seconds = seconds.context("the README names no seconds")?;
    ensure!(seconds <= LIMIT, "{seconds} s are more than the {LIMIT} s that the default template may take");
    Ok(0)
}
