//! `runvoy health`.

use runvoy_api::{CONTRACT_VERSION, Health};
use serde_json::Value;

use crate::{access::Access, client::Client, error::Result, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy health
  RUNVOY_ENDPOINT=https://example.lambda-url.eu-west-1.on.aws/ runvoy health";

/// Arguments of `runvoy health`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Checks that the deployment answers. Needs no key.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::new(&Access::find_endpoint(profile)?, None)?;
    let reply: Value = client.get("/health").await?;
    let health: Health = serde_json::from_value(reply.clone())?;
    if args.json {
        ui::json(&reply)?;
    } else {
        ui::line(ui::printable(&health.status))?;
        let version = ui::printable(&health.version);
        ui::note(format_args!("{}: version {version}, contract {}", client.endpoint(), health.contract));
    }
    if let Some(since) = &health.destroyed_since {
        ui::warn(format_args!(
            "it is being destroyed since {}, and takes no new executions; `runvoy destroy` goes on with that, and \
             `runvoy init --update` takes it back",
            ui::printable(since)
        ));
    }
    if health.contract > CONTRACT_VERSION {
        ui::warn(format_args!("this runvoy knows contract {CONTRACT_VERSION} only: a newer one is due"));
    }
    Ok(())
}
