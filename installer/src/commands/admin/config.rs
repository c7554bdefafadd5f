//! `runvoy admin config`.

use runvoy_api::config::{Config, ConfigChange};
use serde_json::{Map, Value};

use crate::{
    client::Client,
    error::{Error, Result},
    exit, suggest,
    table::Table,
    ui,
};

/// The settings, and what each says where it is not set.
const SETTINGS: [(&str, &str); 6] = [
    ("draining", "false"),
    ("shared_logs", "false"),
    ("default_image", "the deployment's own"),
    ("default_timeout", "1h"),
    ("max_running", "any number"),
    ("log_grace", "15"),
];

const EXAMPLES: &str = "\
Examples:
  runvoy admin config
  runvoy admin config shared_logs=true default_timeout=30m
  runvoy admin config max_running=

Settings:
  draining         refuse new executions; those under way go on
  shared_logs      let every member read every log
  default_image    the image of executions that name none
  default_timeout  how long executions may run that don't say
  max_running      how many of one user's executions may be under way at once
  log_grace        for how many seconds after a command's end its last lines are waited for

They count from the next request on. Nothing after the `=` takes a setting away.";

/// Arguments of `runvoy admin config`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What to change; without it, the settings are shown
    #[arg(value_name = "SETTING=VALUE")]
    changes: Vec<String>,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Shows the deployment's settings, after changing some of them.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let change = (!args.changes.is_empty()).then(|| change(&args.changes)).transpose()?;
    let client = Client::connect(profile)?;
    let reply: Value = match &change {
        Some(change) => client.patch("/config", change).await?,
        None => client.get("/config").await?,
    };
    if args.json {
        return ui::json(&reply);
    }
    show(serde_json::from_value(reply)?)
}

fn change(changes: &[String]) -> Result<ConfigChange> {
    let mut fields = Map::new();
    for change in changes {
        let hint = "`runvoy admin config --help` tells what can be set";
        let wrong = |problem: String| Error::new(problem).hint(hint).exit(exit::USAGE);
        let Some((name, text)) = change.split_once('=') else {
            return Err(wrong(format!("`{}` must be SETTING=VALUE", ui::printable(change))));
        };
        let names = SETTINGS.map(|(name, _)| name);
        if !names.contains(&name) {
            return Err(
                wrong(format!("there is no setting `{}`", ui::printable(name))).hint(suggest::hint(name, names))
            );
        }
        let value = match text {
            "" => Value::Null,
            // Whatever is neither `true` nor a number is text.
            text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        };
        let one = Map::from_iter([(name.to_owned(), value.clone())]);
        if let Err(error) = serde_json::from_value::<ConfigChange>(one.into()) {
            return Err(wrong(format!("`{}` can't be `{}`: {error}", name, ui::printable(text))));
        }
        fields.insert(name.to_owned(), value);
    }
    Ok(serde_json::from_value(fields.into())?)
}

fn show(config: Config) -> Result<()> {
    let Value::Object(set) = serde_json::to_value(&config)? else { return Ok(()) };
    let mut table = Table::new(["SETTING", "VALUE"]);
    for (name, unset) in SETTINGS {
        let value = match (set.get(name), &config.default_timeout) {
            (Some(_), Some(timeout)) if name == "default_timeout" => ui::duration(timeout.seconds().into()),
            (Some(Value::String(text)), _) => text.clone(),
            (Some(value), _) if !value.is_null() => value.to_string(),
            _ => unset.to_owned(),
        };
        table.push([name.into(), value.as_str().into()]);
    }
    table.print()
}
