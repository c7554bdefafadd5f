use std::fmt::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::{Layout, help::commands};

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
