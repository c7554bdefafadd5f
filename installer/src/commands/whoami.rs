//! `runvoy whoami`.

use runvoy_api::user::User;

use super::reply;
use crate::{client::Client, error::Result, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy whoami
  runvoy whoami --profile staging --json";

/// Arguments of `runvoy whoami`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Shows whose key this is, and what it may do.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let Some(user) = reply::<User>(&client, "/whoami", args.json).await? else { return Ok(()) };
    ui::line(format_args!("{} ({})", ui::printable(&user.email), user.role))?;
    ui::note(format_args!("at {}, key made {}", client.endpoint(), ui::ago(&user.created_at)));
    Ok(())
}
