//! `runvoy audit`.

use runvoy_api::audit::{AuditEntry, AuditList};
use serde_json::Value;

use super::since::Since;
use crate::{
    client::{Client, encode},
    error::Result,
    table::Table,
    ui,
};

/// As many as the API gives at once.
const PAGE: usize = 100;

const EXAMPLES: &str = "\
Examples:
  runvoy audit
  runvoy audit --since 7d --user alice@example.com
  runvoy audit --since 2026-01-01 --json";

/// Arguments of `runvoy audit`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Since then: `2h`, `7d`, `2026-01-31`, or a time as RFC 3339 writes it
    #[arg(long, default_value = "30d", value_name = "TIME")]
    since: Since,
    /// What this user did
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Shows who changed what, newest first.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let list = fetch(&client, &args).await?;
    if args.json {
        return ui::json(&serde_json::to_value(&list)?);
    }
    if list.entries.is_empty() {
        ui::note("nothing was changed in that time");
        return Ok(());
    }
    let mut table = Table::new(["WHEN", "WHO", "WHAT", "TO WHAT", "RESULT", "FROM", "DETAILS"]);
    for entry in &list.entries {
        let AuditEntry { at, actor, action, target, source_ip, result, details } = entry;
        let details = self::details(details);
        table.push([
            at.into(),
            actor.into(),
            action.into(),
            target.into(),
            result.into(),
            source_ip.into(),
            details.into(),
        ]);
    }
    table.print()?;
    if list.cursor.is_some() {
        ui::note(format_args!("there are more: `--limit {}`", args.limit.saturating_mul(5)));
    }
    Ok(())
}

/// Pages, until there are as many as asked for.
async fn fetch(client: &Client, args: &Args) -> Result<AuditList> {
    let mut list = AuditList { entries: Vec::new(), cursor: None };
    loop {
        let missing = args.limit - list.entries.len();
        let mut path = format!("/audit?since={}&limit={}", encode(&args.since.to_string()), missing.clamp(1, PAGE));
        for (name, value) in [("user", &args.user), ("cursor", &list.cursor)] {
            if let Some(value) = value {
                path += &format!("&{name}={}", encode(value));
            }
        }
        let page: AuditList = client.get(&path).await?;
        list.entries.extend(page.entries.into_iter().take(missing));
        list.cursor = page.cursor;
        if list.cursor.is_none() || list.entries.len() >= args.limit {
            return Ok(list);
        }
    }
}

/// `lock=prod, command=terraform apply`: what is there, without what is null.
fn details(details: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields = details.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    fields.map(|(name, value)| format!("{name}={}", text(value))).collect::<Vec<_>>().join(", ")
}
