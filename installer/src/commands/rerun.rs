//! `runvoy rerun`.

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::execution::Execution;

use super::{Which, exec, execution_path, flags::Flags};
use crate::{
    client::Client,
    complete,
    error::Result,
    exit,
    project::{
        keys::{SECRETS, Values},
        settings::Settings,
    },
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy rerun last
  runvoy rerun a1b2c3 --timeout 2h --detach

The command, code, image, lock, task role, timeout, size and secrets are those of the earlier
execution, except for what the flags change: a branch runs as it is now. Its environment variables are not told to anybody: give
them again with --env. Exit codes are those of `runvoy exec`.";

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
        let settings = settings(&record);
        let settings = Settings::again(record.command, args.flags.values(), settings, id.as_str());
        exec::launch(&client, settings, &args.how).await
    };
    run.await.map_err(|error| error.exit_unless_set(exit::OUR_FAILURE))
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
