//! `runvoy list`.

use std::{collections::HashMap, time::Duration};

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::{execution::Execution, status::Status};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::sleep;

use super::since::Since;
use crate::{
    client::{Client, encode, is_transient},
    complete,
    error::Result,
    table::{Cell, Screen, Table},
    ui,
};

/// As many as the API gives at once.
const PAGE: usize = 100;
/// The pause between two looks.
const WATCH: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  runvoy list
  runvoy list --all --status running
  runvoy list --lock infra-prod --since 7d
  runvoy list --all --watch
  runvoy list --user alice@example.com --limit 100 --json";

/// Arguments of `runvoy list`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Everybody's, not only yours
    #[arg(long, conflicts_with = "user")]
    all: bool,
    /// Those of this user
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// Those in this status
    #[arg(long)]
    status: Option<Status>,
    /// Those under this lock
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::locks))]
    lock: Option<String>,
    /// Those since then: `2h`, `7d`, `2026-01-31`, or a time as RFC 3339 writes it
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Stay, and show what changes
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
    /// At most this many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: usize,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// The contract's list, of whatever is made of its items.
#[derive(Serialize, Deserialize)]
struct Page<T> {
    executions: Vec<T>,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Lists executions.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    if args.json {
        return ui::json(&fetch::<Value>(&client, &args).await?);
    }
    if args.watch {
        return watch(&client, &args).await;
    }
    let list = fetch::<Execution>(&client, &args).await?;
    if list.executions.is_empty() {
        ui::note("no executions");
        return Ok(());
    }
    table(&list.executions, args.shows_users()).print()?;
    if list.cursor.is_some() {
        ui::note(format_args!("there are more: `--limit {}`", args.limit.saturating_mul(5)));
    }
    Ok(())
}

/// Shows the list again and again, on a terminal in the same place; without one, a line for each that is new or changed.
async fn watch(client: &Client, args: &Args) -> Result<()> {
    let (mut screen, mut known) = (Screen::new(), HashMap::new());
    loop {
        match fetch::<Execution>(client, args).await {
            Ok(list) if screen.is_attended() => screen.show(&table(&list.executions, args.shows_users()))?,
            Ok(list) => {
                for execution in list.executions.iter().rev() {
                    let status = status(execution);
                    if known.insert(execution.execution_id.clone(), status.clone()).as_ref() != Some(&status) {
                        let command = ui::printable(&execution.command);
                        ui::line(format_args!("{} {status:<12} {command}", execution.execution_id))?;
                    }
                }
            }
            // What is on the screen stays there until there is news.
            Err(error) if is_transient(&error) => {}
            Err(error) => return Err(error),
        }
        sleep(WATCH).await;
    }
}

/// Pages, until there are as many as asked for.
async fn fetch<T: DeserializeOwned>(client: &Client, args: &Args) -> Result<Page<T>> {
    let mut list = Page { executions: Vec::new(), cursor: None };
    loop {
        let missing = args.limit - list.executions.len();
        let page: Page<T> = client.get(&args.path(missing.min(PAGE), list.cursor.as_deref())).await?;
        list.executions.extend(page.executions.into_iter().take(missing));
        list.cursor = page.cursor;
        if list.cursor.is_none() || list.executions.len() >= args.limit {
            return Ok(list);
        }
    }
}

impl Args {
    fn shows_users(&self) -> bool {
        self.all || self.user.is_some()
    }

    fn path(&self, limit: usize, cursor: Option<&str>) -> String {
        let mut path = format!("/executions?limit={limit}");
        let status = self.status.map(Status::as_str);
        let since = self.since.map(|since| since.to_string());
        let (user, lock) = (self.user.as_deref(), self.lock.as_deref());
        let filters =
            [("user", user), ("status", status), ("lock", lock), ("since", since.as_deref()), ("cursor", cursor)];
        for (name, value) in filters {
            if let Some(value) = value {
                path += &format!("&{name}={}", encode(value));
            }
        }
        if self.all {
            path += "&all=true";
        }
        path
    }
}

fn table(executions: &[Execution], with_user: bool) -> Table {
    let mut header = vec!["EXECUTION", "STATUS", "STARTED", "TOOK", "COMMAND"];
    if with_user {
        header.insert(4, "USER");
    }
    let mut table = Table::new(header);
    for execution in executions {
        let mut row: Vec<Cell> = vec![
            (&execution.execution_id).into(),
            Cell::styled(status(execution), ui::status_style(execution.status)),
            ui::ago(&execution.started_at).into(),
            execution.duration_seconds.map_or_else(|| "-".to_owned(), ui::duration).into(),
            (&execution.command).into(),
        ];
        if with_user {
            row.insert(4, (&execution.user_email).into());
        }
        table.push(row);
    }
    table
}

/// `completed`, `failed (3)`: with the exit code where it is not the one that the status implies.
fn status(execution: &Execution) -> String {
    match execution.exit_code {
        Some(code) if code != 0 => format!("{} ({code})", execution.status),
        _ => execution.status.to_string(),
    }
}
