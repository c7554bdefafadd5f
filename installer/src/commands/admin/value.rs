//! Where a secret's value comes from: a prompt, a file or stdin. Never an argument: others could see it there.

use std::{fs, io::Read as _};

use dialoguer::Password;

use crate::{
    error::{Error, Result, ResultExt as _},
    exit, ui,
};

/// More than any value, in case a file is not what it should be.
const MOST_BYTES: u64 = 1024 * 1024;

/// The value in this file, `-` for stdin, or typed at the prompt.
pub fn read(file: Option<&str>, prompt: &str) -> Result<String> {
    let Some(file) = file else {
        if !ui::can_ask() {
            let hint = "name a file, or `-` for stdin: values are never given as arguments";
            return Err(Error::new("no value is given").hint(hint).exit(exit::USAGE));
        }
        return Ok(Password::new().with_prompt(prompt).interact()?);
    };
    let mut text = String::new();
    let read = match file {
        "-" => std::io::stdin().take(MOST_BYTES).read_to_string(&mut text),
        path => fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text)),
    };
    read.context(format!("can't read {}", if file == "-" { "stdin".to_owned() } else { format!("`{file}`") }))?;
    Ok(text)
}

/// Without the line's end that editors and `echo` put there.
pub fn line(text: String) -> String {
    let Some(line) = text.strip_suffix('\n') else { return text };
    line.strip_suffix('\r').unwrap_or(line).to_owned()
}
