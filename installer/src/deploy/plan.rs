//! What `init` is about to do, in the admin's words.

use console::style;
use runvoy_api::infra::{TABLES, name};

use super::answers::{Answers, Architecture};
use crate::{aws::Aws, ui};

/// Shows the plan on stderr.
pub fn show(aws: &Aws, stack: &str, answers: &Answers, exists: bool) {
    let verb = if exists { "Update" } else { "Set up" };
    let Aws { account, region, identity, .. } = aws;
    let title = format!("{verb} runvoy `{stack}` in account {account}, region {region}, as {identity}");
    ui::note(style(title).for_stderr().bold());
    let tables = TABLES.map(|table| table.description).join(", ");
    let capacity = if answers.spot { "on spare capacity (Spot)" } else { "on demand" };
    let rows = [
        ("network", "of its own: two public subnets, nothing comes in".to_owned()),
        ("containers", format!("Fargate {}, {capacity}, image {}", answers.architecture.ecs(), answers.image)),
        ("commands may", answers.task_permissions.describe().to_owned()),
        (
            "functions",
            format!("two, {}, one of them behind a public address that asks for a key", answers.architecture.lambda()),
        ),
        ("tables", format!("{tables}; kept if the deployment is destroyed")),
        ("output", format!("kept for {} days", answers.log_retention_days)),
        ("bucket", name::bucket(stack, account, region)),
        ("first admin", answers.admin_email.clone()),
        ("cost", cost(answers)),
    ];
    for (what, text) in rows {
        ui::note(format_args!("  {} {text}", style(format!("{what:<13}")).for_stderr().dim()));
    }
}

/// Prices of us-east-1, on demand: what stands idle is one secret; vCPU and GB by the hour.
fn cost(answers: &Answers) -> String {
    const SECRET_A_MONTH: f64 = 0.40;
    let (cpu, gigabyte) = match answers.architecture {
        Architecture::Arm64 => (0.03238, 0.00356),
        Architecture::X86_64 => (0.04048, 0.004445),
    };
    let ten_minutes = (cpu + 2.0 * gigabyte) / 6.0;
    let run = ui::dollars(ten_minutes);
    let at_most = if answers.spot { "at most " } else { "" };
    format!(
        "about ${SECRET_A_MONTH:.2} a month while idle; {at_most}{run} for ten minutes of 1 vCPU and 2 GB (prices of us-east-1)"
    )
}
