//! What admins set and nobody reads back. A value comes from a prompt, a file or stdin, never from an argument: others
//! could see it there.

use std::{fs, io::Read as _};

use dialoguer::Password;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    client::Client,
    error::{Error, Result, ResultExt as _},
    exit,
    table::Table,
    ui,
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

/// [`read`], without the line's end that editors and `echo` put there.
pub fn line(file: Option<&str>, prompt: &str) -> Result<String> {
    let text = read(file, prompt)?;
    let Some(line) = text.strip_suffix('\n') else { return Ok(text) };
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// Sets it at this path of the API, and says so, or prints the reply as JSON.
pub async fn set(client: &Client, path: &str, request: &impl Serialize, json: bool, said: String) -> Result<()> {
    tell(json, &client.put(path, request).await?, said)
}

/// Removes what is at this path of the API.
pub async fn remove(path: &str, json: bool, said: String, profile: Option<&str>) -> Result<()> {
    tell(json, &Client::connect(profile)?.delete(path).await?, said)
}

/// Prints what is set, as a table or as the reply's JSON.
pub async fn list<L: DeserializeOwned>(
    path: &str,
    json: bool,
    profile: Option<&str>,
    table: impl FnOnce(L) -> Table,
) -> Result<()> {
    let client = Client::connect(profile)?;
    if json {
        return ui::json(&client.get::<Value>(path).await?);
    }
    table(client.get(path).await?).print()
}

fn tell(json: bool, reply: &Value, said: String) -> Result<()> {
    if json {
        return ui::json(reply);
    }
    ui::note(said);
    Ok(())
}
