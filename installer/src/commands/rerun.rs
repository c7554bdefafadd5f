//! `runvoy rerun`.

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::execution::Execution;

use super::{Which, exec, execution_path, flags::Flags};
use crate::{
    client::Client,
    complete,
    error::{Error, Result},
    exit,
    project::{
        keys::{ENV, SECRETS, Values},
        settings::Settings,
    },
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy rerun last
  runvoy rerun a1b2c3 --timeout 2h --detach

The command, code, image, lock, task role, timeout, size and secrets are those of the earlier
execution, except for what the flags change: a branch runs as it is now. The values of its
environment variables are not kept: give them again with --env, or nothing is run. Exit
codes are those of `runvoy exec`.";

/// Arguments of `runvoy rerun`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The execution: its id, a unique part of it, or `last` for your newest one
    #[arg(add = ArgValueCandidates::new(complete::executions))]
    id: Which,
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    how: exec::How,
}

/// Runs an earlier execution's command again and follows it. The result is its exit code.
pub async fn run(args: Args, profile: Option<&str>) -> Result<u8> {
    let run = async {
        let client = Client::connect(profile)?;
        let id = args.id.resolve(&client).await?;
        let record: Execution = client.get(&execution_path(&id)).await?;
        ui::note(format_args!("running   {}", ui::printable(&record.command)));
        let (settings, given) = (settings(&record), args.flags.values());
        has_all_variables(&record, &given)?;
        let settings = Settings::again(record.command, given, settings, id.as_str());
        exec::launch(&client, settings, &args.how).await
    };
    run.await.map_err(|error| error.exit_unless_set(exit::OUR_FAILURE))
}

/// A command that misses a variable may do something else than it did: nothing is run until each is given again.
fn has_all_variables(record: &Execution, given: &Values) -> Result<()> {
    let is_given = |name: &str| [ENV, SECRETS].iter().any(|prefix| given.contains_key(&format!("{prefix}{name}")));
    let missing: Vec<_> =
        record.env_names.iter().filter(|name| !is_given(name)).map(|name| ui::printable(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let flags = missing.iter().map(|name| format!("--env {name}=…")).collect::<Vec<_>>().join(" ");
    let (id, names) = (&record.execution_id, missing.join("`, `"));
    Err(Error::new(format!("`{id}` had `{names}` in its environment, and values are not kept"))
        .hint(format!("nothing was run; give them again: `{flags}`"))
        .exit(exit::USAGE))
}

fn settings(record: &Execution) -> Values {
    let mut values = Values::from([
        ("image".to_owned(), record.image.clone().into()),
        ("timeout".to_owned(), record.timeout_seconds.into()),
        ("cpu".to_owned(), record.cpu.into()),
        ("memory".to_owned(), record.memory.into()),
        ("spot".to_owned(), record.spot.into()),
    ]);
    let texts = [
        ("lock", &record.lock_name),
        ("task_role", &record.task_role),
        ("repo", &record.repo),
        ("ref", &record.git_ref),
        ("path", &record.path),
    ];
    values.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.clone()?.into()))));
    let flags = [("submodules", record.submodules), ("lfs", record.lfs)];
    values.extend(flags.into_iter().filter(|(_, is)| *is).map(|(name, is)| (name.to_owned(), is.into())));
    values.extend(record.disk.map(|gib| ("disk".to_owned(), gib.into())));
    values.extend(record.upload.iter().map(|upload| ("upload".to_owned(), serde_json::json!(upload))));
    values.extend(record.secrets.iter().map(|(name, alias)| (format!("{SECRETS}{name}"), alias.clone().into())));
    values
}
