//! `runvoy status`.

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::{execution::Execution, status::Status};

use super::{Which, execution_path, reply};
use crate::{client::Client, complete, error::Result, ui};

const EXAMPLES: &str = "\
Examples:
  runvoy status exec_20251026143210_a1b2c3
  runvoy status a1b2c3
  runvoy status last --json";

/// Arguments of `runvoy status`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The execution: its id, a unique part of it, or `last` for your newest one
    #[arg(add = ArgValueCandidates::new(complete::executions))]
    id: Which,
    /// Print the API's reply as JSON
    #[arg(long)]
    json: bool,
}

/// Shows one execution.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let path = execution_path(&args.id.resolve(&client).await?);
    let Some(execution) = reply(&client, &path, args.json).await? else { return Ok(()) };
    let lines = facts(&execution).into_iter().map(|(name, value)| format!("{name:<10} {value}\n"));
    ui::write(&lines.collect::<String>())
}

fn facts(execution: &Execution) -> Vec<(&'static str, String)> {
    let text = |text: &str| ui::printable(text).into_owned();
    let time = |at: &str| format!("{} ({})", text(at), ui::ago(at));
    let status = ui::status_style(execution.status).apply_to(execution.status.to_string());
    let mut facts = vec![("execution", execution.execution_id.to_string()), ("status", status.to_string())];
    facts.extend(execution.exit_code.map(|code| ("exit code", code.to_string())));
    facts.extend(execution.reason.as_deref().map(|reason| ("reason", text(reason))));
    facts.push(("command", text(&execution.command)));
    facts.push(("user", text(&execution.user_email)));
    facts.push(("image", text(&execution.image)));
    facts.extend(execution.task_role.as_deref().map(|role| ("task role", text(role))));
    facts.extend(code(execution).map(|code| ("code", text(&code))));
    facts.extend(execution.path.as_deref().map(|path| ("path", text(path))));
    let secrets = execution.secrets.iter().map(|(name, alias)| format!("{name}={alias}")).collect::<Vec<_>>();
    facts.extend((!secrets.is_empty()).then(|| ("secrets", text(&secrets.join(", ")))));
    facts.extend((!execution.env_names.is_empty()).then(|| ("variables", text(&execution.env_names.join(", ")))));
    facts.push(("size", size(execution)));
    facts.extend(execution.lock_name.as_deref().map(|lock| {
        let fence = execution.lock_fence.map(|fence| format!(" (fence {fence})")).unwrap_or_default();
        ("lock", format!("{}{fence}", text(lock)))
    }));
    facts.extend(execution.queue_position.map(|place| ("place", format!("{place} in the lock's queue"))));
    let waits = execution.wait_until.as_deref().filter(|_| execution.status == Status::Queued);
    facts.extend(waits.map(|until| ("waits", format!("until {}", text(until)))));
    facts.push(("started", time(&execution.started_at)));
    facts.extend(execution.launched_at.as_deref().map(|at| ("got lock", time(at))));
    facts.extend(execution.completed_at.as_deref().map(|at| ("ended", time(at))));
    facts.extend(execution.duration_seconds.map(|seconds| ("duration", ui::duration(seconds))));
    facts.extend(execution.cost_usd.map(|cost| {
        let basis = execution.cost_basis.as_deref().map(|basis| format!(" ({})", text(basis))).unwrap_or_default();
        ("cost", format!("{}{basis}", ui::dollars(cost)))
    }));
    facts.extend(execution.task_arn.as_deref().map(|arn| ("task", text(arn))));
    facts.extend(execution.log_stream_name.as_deref().map(|stream| ("log stream", text(stream))));
    facts
}

fn code(execution: &Execution) -> Option<String> {
    let upload =
        execution.upload.as_ref().map(|upload| format!("upload {}", upload.sha256.get(..12).unwrap_or_default()));
    let at = execution.git_ref.as_deref().map(|name| format!(" at {name}")).unwrap_or_default();
    execution.repo.as_deref().map(|repo| format!("{repo}{at}")).or(upload)
}

fn size(execution: &Execution) -> String {
    let vcpu = f64::from(execution.cpu) / 1024.0;
    let spot = if execution.spot { ", spot" } else { "" };
    let limit = ui::duration(execution.timeout_seconds.into());
    let disk = execution.disk.map(|gib| format!(", {gib} GiB of storage")).unwrap_or_default();
    format!("{vcpu} vCPU, {} MiB{disk}{spot}, at most {limit}", execution.memory)
}
