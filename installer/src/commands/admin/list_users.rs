//! `runvoy admin list-users`.

use console::Style;
use runvoy_api::user::UserList;

use crate::{
    client::Client,
    commands::reply,
    error::Result,
    table::{Cell, Table},
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy admin list-users
  runvoy admin list-users --json";

/// Arguments of `runvoy admin list-users`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Lists users, the revoked ones too.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let Some(list) = reply::<UserList>(&client, "/users", args.json).await? else { return Ok(()) };
    let mut table = Table::new(["EMAIL", "ROLE", "KEY", "POLICY", "MADE", "LAST USED"]);
    for user in &list.users {
        let key = if user.revoked {
            Cell::styled("revoked", Style::new().red())
        } else {
            Cell::styled("active", Style::new().green())
        };
        let last_used = user.last_used.as_deref().map_or_else(|| "never".to_owned(), ui::ago);
        let policy = if user.policy.is_some() { "yes" } else { "-" };
        let made = ui::ago(&user.created_at);
        table.push([(&user.email).into(), user.role.into(), key, policy.into(), made.into(), last_used.into()]);
    }
    table.print()
}
