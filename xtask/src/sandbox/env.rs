use anyhow::Result;
use runvoy_sandbox::CLEARED;

use super::print;
use super::state::{self, State};

/// Prints the lines that make a shell work on the running sandbox: eval "$(cargo xtask sandbox env)"
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(Args {}: Args) -> Result<u8> {
    let state = State::require(&state::layout()?)?;
    let mut lines = format!("unset {}\n", CLEARED.join(" "));
    for (name, value) in state.environment {
        lines += &format!("export {name}={}\n", quote(&value));
    }
    print(&lines)
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
