use std::ffi::OsString;

use anyhow::Result;
use runvoy_sandbox::{Layout, setup};
use tokio::process::Command;

use crate::child::{self, Outcome};
use crate::grants;
use crate::interrupts::{Interrupts, exit_code};

/// Runs all tests, after all set-up that they need
#[derive(clap::Args)]
pub struct Args {
    /// For `cargo test --workspace`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs the command.
pub async fn run(args: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    Ok(match test(&args.arguments, &mut interrupts).await? {
        Outcome::Done(()) => 0,
        Outcome::Ended(code) => code,
    })
}

/// Sets up and tests.
pub async fn test(arguments: &[OsString], interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    let layout = Layout::named("test")?;
    let setup = async {
        let layout = &layout;
        let ready = |venv: setup::Venv| async move { venv.ensure(layout).await };
        let run = async { tokio::try_join!(ready(setup::ENGINE), ready(setup::TOOLS)) };
        let check = async { tokio::try_join!(ready(setup::LINT), ready(setup::CONTRACT), ready(setup::GUARD)) };
        let browse = async { tokio::try_join!(ready(setup::BROWSER), setup::chromium(layout)) };
        tokio::try_join!(run, check, browse)?;
        setup::ensure_programs(layout).await
    };
    tokio::select! {
        done = setup => done?,
        signal = interrupts.next() => return Ok(Outcome::Ended(exit_code(signal))),
    }
    grants::forget(&layout)?;
    let mut command = child::cargo(&layout);
    // One run tells all that fails.
    command.args(["test", "--workspace", "--no-fail-fast"]).args(arguments);
    let outcome = child::run(with_tools(&mut command, &layout), interrupts).await?;
    // A part of the tests needs a part of the grants.
    if arguments.is_empty() && matches!(outcome, Outcome::Done(())) {
        grants::check(&layout)?;
    }
    Ok(outcome)
}

/// Where tests find what was set up for them.
fn with_tools<'a>(command: &'a mut Command, layout: &Layout) -> &'a mut Command {
    command.env("RUNVOY_LINT", setup::LINT.bin(layout).join("cfn-lint"));
    command.env("RUNVOY_GUARD", setup::GUARD.bin(layout))
}
