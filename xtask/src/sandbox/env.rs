use anyhow::Result;
use runvoy_sandbox::CLEARED;

use super::state::{self, State};

/// Prints the lines that make a shell work on the running sandbox: eval "$(cargo xtask sandbox env)"
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(Args {}: Args) -> Result<u8> {
    let state = State::require(&state::layout()?)?;
    println!("unset {}", CLEARED.join(" "));
    for (name, value) in state.environment {
        println!("export {name}={}", quote(&value));
    }
    Ok(0)
}

/// For a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn quotes_survive_a_shell() {
        assert_eq!(super::quote("it's $HOME"), r"'it'\''s $HOME'");
    }
}
