//! `runvoy admin secrets`.

use super::value;
use crate::{
    client::{Client, encode},
    error::{Error, Result},
    exit,
    table::Table,
    ui,
};
use runvoy_api::secret::{Secret, SecretList, SecretRequest};

const SET_EXAMPLES: &str = "\
Examples:
  runvoy admin secrets set db-prod
  runvoy admin secrets set db-prod password.txt
  vault read -field=password db/prod | runvoy admin secrets set db-prod -
  runvoy exec --secret DB_PASSWORD=db-prod ./migrate

The value is asked for, or read from a file or stdin; a line's end at its end is left
out. It is kept in AWS Secrets Manager and never shown. Whatever a command prints is in
its log, secrets too: nothing is masked.";

const LIST_EXAMPLES: &str = "\
Examples:
  runvoy admin secrets list
  runvoy admin secrets list --json";

const REMOVE_EXAMPLES: &str = "\
Examples:
  runvoy admin secrets remove db-prod";

/// What can be done with the secrets of commands.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Set a secret's value, new or anew
    #[command(after_help = SET_EXAMPLES)]
    Set {
        /// What commands ask for it by
        alias: String,
        /// The file with the value; `-` is stdin
        file: Option<String>,
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the secrets, without their values
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a secret
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// What commands ask for it by
        alias: String,
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::Set { alias, file, json } => set(&alias, file.as_deref(), json, profile).await,
        Command::List { json } => value::list("/secrets", json, profile, table).await,
        Command::Remove { alias, json } => {
            let said = format!("removed `{}`: no command gets it any more", ui::printable(&alias));
            value::remove(&path(&alias), json, said, profile).await
        }
    }
}

async fn set(alias: &str, file: Option<&str>, json: bool, profile: Option<&str>) -> Result<()> {
    runvoy_api::secret::validate_alias(alias).map_err(|invalid| Error::new(invalid.problem).exit(exit::USAGE))?;
    let client = Client::connect(profile)?;
    let request = SecretRequest { value: value::line(file, "Value")? };
    request.validate().map_err(|invalid| Error::new(invalid).exit(exit::USAGE))?;
    value::set(&client, &path(alias), &request, json, format!("set; commands get it by `--secret NAME={alias}`")).await
}

fn table(list: SecretList) -> Table {
    let mut table = Table::new(["ALIAS", "SET", "BY"]);
    for Secret { alias, set_at, set_by } in &list.secrets {
        table.push([alias.into(), ui::ago(set_at).into(), set_by.into()]);
    }
    table
}

fn path(alias: &str) -> String {
    format!("/secrets/{}", encode(alias))
}
