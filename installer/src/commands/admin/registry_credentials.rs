//! `runvoy admin registry-credentials`.

use runvoy_api::{
    image::validate_registry,
    registry_credential::{RegistryCredential, RegistryCredentialList, RegistryCredentialRequest},
};

use super::value;
use crate::{
    client::{Client, encode},
    error::{Error, Result},
    exit,
    table::Table,
    ui,
};

const SET_EXAMPLES: &str = "\
Examples:
  runvoy admin registry-credentials set --host ghcr.io --username bot
  runvoy admin registry-credentials set --host docker.io --username acme token.txt
  gh auth token | runvoy admin registry-credentials set --host ghcr.io --username bot -

The password is asked for, or read from a file or stdin (`-`): a token that may read
images is enough. It is kept in AWS Secrets Manager, never shown, and given by ECS to
this registry alone: no command sees it. All commands may then use the registry's
images, as far as their users' policies allow. `docker.io` is that of images without a
host. Amazon ECR takes none: images of this account are pulled without.";

const LIST_EXAMPLES: &str = "\
Examples:
  runvoy admin registry-credentials list
  runvoy admin registry-credentials list --json";

const REMOVE_EXAMPLES: &str = "\
Examples:
  runvoy admin registry-credentials remove --host ghcr.io";

/// What can be done with the credentials for image registries.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Set what a registry's private images are pulled with
    #[command(after_help = SET_EXAMPLES)]
    Set {
        /// The registry's host, such as `ghcr.io`
        #[arg(long)]
        host: String,
        /// The user that the password is of
        #[arg(long, value_name = "NAME")]
        username: String,
        /// The file with the password; `-` is stdin
        file: Option<String>,
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the registries that have credentials, without passwords
    #[command(after_help = LIST_EXAMPLES)]
    List {
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a registry's credential
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// The registry's host
        #[arg(long)]
        host: String,
        /// Print the API's reply as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs it.
pub async fn run(command: Command, profile: Option<&str>) -> Result<()> {
    match command {
        Command::Set { host, username, file, json } => set(&host, username, file.as_deref(), json, profile).await,
        Command::List { json } => value::list("/registry-credentials", json, profile, table).await,
        Command::Remove { host, json } => {
            let said = format!("removed: images of `{}` are pulled without credentials", ui::printable(&host));
            value::remove(&path(&host), json, said, profile).await
        }
    }
}

async fn set(host: &str, username: String, file: Option<&str>, json: bool, profile: Option<&str>) -> Result<()> {
    let usage = |invalid| Error::new(invalid).exit(exit::USAGE);
    let host = validate_registry(host).map_err(usage)?;
    let client = Client::connect(profile)?;
    let password = value::line(file, &format!("Password of {} at {host}", ui::printable(&username)))?;
    let request = RegistryCredentialRequest { username, password };
    request.validate().map_err(usage)?;
    let said = format!("set: commands can use private images of `{host}` from now on");
    value::set(&client, &path(&host), &request, json, said).await
}

fn table(list: RegistryCredentialList) -> Table {
    let mut table = Table::new(["HOST", "USERNAME", "SET", "BY"]);
    for RegistryCredential { host, username, set_at, set_by } in &list.registry_credentials {
        table.push([host.into(), username.into(), ui::ago(set_at).into(), set_by.into()]);
    }
    table
}

fn path(host: &str) -> String {
    format!("/registry-credentials/{}", encode(host))
}
