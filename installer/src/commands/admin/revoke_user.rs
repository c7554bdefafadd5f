//! `runvoy admin revoke-user`.

use serde_json::Value;

use crate::{
    client::{Client, encode},
    error::Result,
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy admin revoke-user alice@example.com";

/// Arguments of `runvoy admin revoke-user`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names the user
    email: String,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Revokes a user's key: from their next request on it is refused.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let reply: Value = client.delete(&format!("/users/{}", encode(&args.email))).await?;
    if args.json {
        return ui::json(&reply);
    }
    ui::note(format_args!("the key of `{}` is revoked", ui::printable(&args.email)));
    Ok(())
}
