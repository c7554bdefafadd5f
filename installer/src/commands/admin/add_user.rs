//! `runvoy admin add-user`.

use runvoy_api::user::{Role, UserAdded, UserRequest};
use serde_json::Value;

use crate::{client::Client, error::Result, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy admin add-user alice@example.com
  runvoy admin add-user bob@example.com --role viewer > bob.key

The key alone goes to stdout, and is never shown again.";

/// Arguments of `runvoy admin add-user`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Names the user
    email: String,
    /// What they may do: viewer, member (the usual) or admin
    #[arg(long)]
    role: Option<Role>,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Adds a user.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let reply: Value = client.post("/users", &UserRequest { email: args.email, role: args.role }).await?;
    if args.json {
        return ui::json(&reply);
    }
    let added: UserAdded = serde_json::from_value(reply)?;
    let email = ui::printable(&added.email);
    ui::note(format_args!("added `{email}` as {}; their key, shown this once:", added.role));
    ui::line(&added.api_key)?;
    ui::note(format_args!("they save it with: runvoy configure --endpoint {}", client.endpoint()));
    Ok(())
}
