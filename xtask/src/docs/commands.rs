use std::fmt::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::Layout;

const HEAD: &str = "# Commands\n\nWhat `--help` says of each of them. `cargo xtask docs` has written this.\n";

/// What `runvoy --help` says, of all commands.
pub fn reference(layout: &Layout) -> Result<String> {
    let mut text = HEAD.to_owned();
    describe(layout, &[], &mut text)?;
    Ok(text)
}

fn describe(layout: &Layout, words: &[&str], text: &mut String) -> Result<()> {
    let help = help(layout, words)?;
    let title = [&["runvoy"], words].concat().join(" ");
    write!(text, "\n## `{title}`\n\n```text\n{}\n```\n", help.trim_end())?;
    for command in commands(&help) {
        describe(layout, &[words, &[command]].concat(), text)?;
    }
    Ok(())
}

fn help(layout: &Layout, words: &[&str]) -> Result<String> {
    let mut command = Command::new(layout.bin().join("runvoy"));
    // Not this machine's environment, which the help shows, nor its terminal's width.
    command.args(words).arg("--help").env_clear().stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().context("can't run `runvoy`")?;
    ensure!(output.status.success(), "`runvoy {} --help` ended with {}", words.join(" "), output.status);
    String::from_utf8(output.stdout).context("the help is no text")
}

/// The names of the commands that a help lists, under whatever headings: `  name  What it is for`, or `More: name, name`.
/// They come first: what follows arguments and options may look the same.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let help = help.split("\nOptions:").next().unwrap_or_default().split("\nArguments:").next().unwrap_or_default();
    let more = help.lines().filter_map(|line| line.strip_prefix("More: ")).flat_map(|names| names.split(", "));
    let names = help.lines().filter_map(|line| line.strip_prefix("  ")?.split_once("  "));
    let names = names.map(|(name, _)| name).filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    names.filter(|name| *name != "help" && !name.contains(' ')).chain(more)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_commands_are_those_that_the_help_lists() {
        let help = "Does things\n\nUsage: x\n\nDaily:\n  up    Starts\n        and stays\nOther:\n  down  Stops\n  help  \
                    This\nMore: left, right\nOptions:\n  -h  Help\n\nArguments:\n  <X>  What\n\nExamples:\n  x up\n  x up 'a  b'\n";
        assert_eq!(super::commands(help).collect::<Vec<_>>(), ["up", "down", "left", "right"]);
    }
}
