//! `runvoy admin set-role`.

use runvoy_api::user::{Role, UserChange};
use serde_json::Value;

use crate::{
    client::{Client, encode},
    error::Result,
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy admin set-role alice@example.com admin";

/// Arguments of `runvoy admin set-role`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names the user
    email: String,
    /// What they may do: viewer, member or admin
    role: Role,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Gives a user another role, from their next request on.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let change = UserChange { role: Some(args.role), policy: None };
    let reply: Value = client.patch(&format!("/users/{}", encode(&args.email)), &change).await?;
    if args.json {
        return ui::json(&reply);
    }
    ui::note(format_args!("`{}` is {} from now on", ui::printable(&args.email), args.role));
    Ok(())
}
