//! `runvoy admin rotate-key`.

use runvoy_api::user::UserAdded;
use serde_json::Value;

use crate::{
    client::{Client, encode},
    error::Result,
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy admin rotate-key alice@example.com > alice.key

The new key alone goes to stdout, and is never shown again. The old one is refused from
now on; role and policy stay.";

/// Arguments of `runvoy admin rotate-key`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names the user
    email: String,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Gives a user a new key for the old one.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let path = format!("/users/{}/rotate", encode(&args.email));
    let reply: Value = client.post(&path, &serde_json::json!({})).await?;
    if args.json {
        return ui::json(&reply);
    }
    let rotated: UserAdded = serde_json::from_value(reply)?;
    ui::note(format_args!("the new key of `{}`, shown this once:", ui::printable(&rotated.email)));
    ui::line(&rotated.api_key)?;
    ui::note("the old one is refused from now on: save the new one with `runvoy configure`");
    Ok(())
}
