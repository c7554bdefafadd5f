//! The project's own commands: `cargo xtask sandbox | test | ci | simulate | boot | docs | image | critical-path | fuzz | bench`.

mod bench;
mod boot;
mod child;
mod ci;
mod critical_path;
mod deploy;
mod docs;
mod fuzz;
mod grants;
mod image;
mod interrupts;
mod sandbox;
mod simulate;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runvoy_sandbox::Hinted;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Sandbox(sandbox::Args),
    Test(test::Args),
    Ci(ci::Args),
    Boot(boot::Args),
    Simulate(simulate::Args),
    Docs(docs::Args),
    CriticalPath(critical_path::Args),
    Fuzz(fuzz::Args),
    Bench(bench::Args),
    Image(image::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Test(args) => test::run(args).await,
        Command::Ci(args) => ci::run(args).await,
        Command::Boot(args) => boot::run(args).await,
        Command::Simulate(args) => simulate::run(args).await,
        Command::Docs(args) => docs::run(args).await,
        Command::CriticalPath(args) => critical_path::run(args).await,
        Command::Fuzz(args) => fuzz::run(args).await,
        Command::Bench(args) => bench::run(args).await,
        Command::Image(args) => image::run(args).await,
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn report(error: &anyhow::Error) {
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  cause: {cause}");
    }
    if let Some(hint) = Hinted::of(error) {
        eprintln!("hint: {hint}");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        <super::Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
