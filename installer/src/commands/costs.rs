//! `runvoy costs`.

use runvoy_api::costs::{By, Costs};

use super::{reply, since::Since};
use crate::{
    client::{Client, encode},
    error::Result,
    table::Table,
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy costs
  runvoy costs --by lock --since 2026-01-01
  runvoy costs --by month --json

What the commands' own tasks cost on Fargate; what the deployment costs at rest is not in it.";

/// Arguments of `runvoy costs`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Add up by user, lock or month
    #[arg(long, default_value_t = By::User, value_name = "WHAT")]
    by: By,
    /// Of executions started since then: `7d`, `2026-01-31` [default: 30 days, and a year by month]
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Shows what executions cost, added up.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let mut path = format!("/costs?by={}", args.by);
    if let Some(since) = args.since {
        path += &format!("&since={}", encode(&since.to_string()));
    }
    let Some(costs) = reply::<Costs>(&client, &path, args.json).await? else { return Ok(()) };
    if costs.costs.is_empty() {
        ui::note(format_args!("no execution has ended since {}", ui::printable(&costs.since)));
        return Ok(());
    }
    table(&costs).print()?;
    if costs.costs.iter().any(|cost| cost.estimated) {
        ui::note("~ is an estimate: Spot's price moves, and other regions than us-east-1 have other prices");
    }
    if !costs.complete {
        ui::note(
            "these are not all: there are more than one request can add up; `--since` a later day gives the whole",
        );
    }
    Ok(())
}

fn table(costs: &Costs) -> Table {
    let title = match costs.by {
        By::User => "USER",
        By::Lock => "LOCK",
        By::Month => "MONTH",
    };
    let mut table = Table::new([title, "EXECUTIONS", "TIME", "COST"]);
    for cost in &costs.costs {
        let name = if cost.name.is_empty() { "-" } else { &cost.name };
        let about = if cost.estimated { "~" } else { "" };
        let dollars = format!("{about}{}", ui::dollars(cost.cost_usd));
        table.push([name.into(), cost.executions.into(), ui::duration(cost.seconds).into(), dollars.into()]);
    }
    table
}
