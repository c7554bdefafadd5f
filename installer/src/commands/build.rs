//! `runvoy build`.

use std::{fs, path::PathBuf};

use crate::{
    deploy::{
        answers::Architecture,
        build::Source,
        interrupt::Interrupts,
        progress::{Progress, View},
    },
    error::{Result, ResultExt as _},
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy build
  runvoy build --architecture x86_64 --output orchestrator.zip";

/// Arguments of `runvoy build`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// CPU to build for
    #[arg(long, value_enum, default_value_t = Architecture::Arm64)]
    architecture: Architecture,
    /// Where to put the zip
    #[arg(long, short, value_name = "FILE", default_value = "runvoy-orchestrator.zip")]
    output: PathBuf,
}

/// Builds the orchestrator from the checkout, as `init` does, and prints the zip's hash and path.
pub async fn run(args: Args) -> Result<()> {
    let source = Source::find(None).hint("change to the checkout that it is to be built from")?;
    let progress = Progress::new(View::choose(false));
    let step = progress.step("build", format!("build the orchestrator ({})", args.architecture.lambda()));
    let artifact = Interrupts::catch()?.before(source.artifact(args.architecture, &step)).await?;
    let path = args.output.display();
    fs::write(&args.output, &artifact.bytes).context(format!("can't write `{path}`"))?;
    step.done(&format!("{} KB", artifact.bytes.len().div_ceil(1024)));
    // As sha256sum prints it, so that `sha256sum --check` reads it.
    ui::line(format_args!("{}  {path}", artifact.hash()))
}
