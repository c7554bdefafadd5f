use anyhow::Result;
use runvoy_sandbox::Layout;

use crate::child::{self, Outcome};
use crate::interrupts::Interrupts;

/// What there is to try; each replays a corpus of its own.
const TARGETS: [&str; 6] =
    ["requests", "keys_and_tokens", "task_events", "cursors_and_times", "commands_and_patterns", "strangers"];

/// Throws inputs at whatever the orchestrator reads from outside; `cargo test` does it for a moment only
#[derive(clap::Args)]
pub struct Args {
    /// One of the tests of `orchestrator/src/fuzz`; each of them if left out
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long, for each target
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1440))]
    minutes: u64,
}

/// Runs the command. What is found is printed with its input: put that into the target's `corpus`, and every later test
/// tries it again.
pub async fn run(args: Args) -> Result<u8> {
    let mut command = child::cargo(&Layout::named("fuzz")?);
    let filter = format!("fuzz::{}", args.target.unwrap_or_default());
    command.args(["test", "--workspace", "--lib", &filter, "--", "--nocapture"]);
    command.env("BOLERO_RANDOM_TEST_TIME_MS", (args.minutes * 60_000).to_string());
    Ok(match child::run(&mut command, &mut Interrupts::catch()?).await? {
        Outcome::Done(()) => 0,
        Outcome::Ended(code) => code,
    })
}

#[cfg(test)]
mod tests {
    use super::TARGETS;

    /// A name that no test has would be passed by trying nothing.
    #[test]
    fn each_target_is_a_test_of_the_library() {
        let (library, source) =
            (include_str!("../../orchestrator/src/lib.rs"), include_str!("../../orchestrator/src/fuzz/mod.rs"));
        assert!(library.contains("\nmod fuzz;\n"));
        let tests: Vec<_> = source.split("#[test]\nfn ").skip(1).filter_map(|rest| rest.split('(').next()).collect();
        assert_eq!(tests, TARGETS);
    }
}
