//! `runvoy exec`: the main job.

use std::ffi::OsString;

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::{
    error::{ErrorCode, LockHeld},
    execution::{ExecutionRequest, ExecutionStarted},
};
use serde_json::Value;
use tokio::signal::unix::Signal;

use super::{
    attend::{self, Output},
    code,
    flags::Flags,
};
use crate::{
    client::{Client, NoAnswer, Refused},
    complete,
    error::{Error, Result},
    exit,
    project::settings::Settings,
    ui,
};

const EXAMPLES: &str = "\
Examples:
  runvoy exec 'echo hello; exit 3'
  runvoy exec --lock infra-prod terraform apply -auto-approve
  runvoy exec --image alpine:3 --env STAGE=dev --timeout 10m -- make test
  runvoy exec @plan -- -target=module.db
  runvoy exec --repo https://github.com/acme/infra --ref v2 --path prod terraform plan
  runvoy exec --upload --secret DB_PASSWORD=db-prod ./migrate

`@plan` is a task of the project's `.runvoy.yaml`, which also gives defaults to every
command run below it: `runvoy config explain` tells which. In a git work tree the command
runs in its code as it is pushed, where it is typed; --upload sends the folder as it is,
--no-repo runs without code.

The log goes to stdout, everything else to stderr. The exit code is the command's
own; 124 when its time ran out, 143 when it was stopped, 125 when something else
than the command failed.";

/// Arguments of `runvoy exec`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    how: How,
    /// The command; its words are joined with spaces and run by the container's shell
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND", add = ArgValueCandidates::new(complete::tasks))]
    command: Vec<String>,
}

impl Args {
    /// Words after the command are the command's, with one exception: after a task or a command in quotes, as in
    /// `runvoy exec "terraform apply" --lock prod`, options are ours, up to a `--`. Then the result is the same line with
    /// the options first. Where it can't be told whose `--lock` it is, nothing runs: a command must never run unlocked by
    /// mistake.
    pub fn options_first(&self, argv: &[OsString]) -> Result<Option<Vec<OsString>>> {
        let Some(start) = argv.len().checked_sub(self.command.len()) else { return Ok(None) };
        let (before, words) = argv.split_at(start);
        let (Some((first, rest)), Some(next)) = (words.split_first(), self.command.get(1)) else { return Ok(None) };
        if before.last().is_some_and(|word| word == "--") {
            return Ok(None);
        }
        let whole = self.command[0].starts_with('@') || self.command[0].contains(char::is_whitespace);
        if whole && next.starts_with('-') {
            let end = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
            let (ours, theirs) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
            let reordered = before.iter().chain(ours).cloned();
            return Ok(Some(reordered.chain(["--".into(), first.clone()]).chain(theirs.iter().cloned()).collect()));
        }
        let Some(word) = self.command.iter().find(|word| is_ours(word)) else { return Ok(None) };
        Err(whose_is(word))
    }

    /// Whether the command that was read from [`Self::options_first`]'s line begins as `other` does: a word among the
    /// options that is none would have become its first one.
    pub fn begins_as(&self, other: &Self) -> Result<()> {
        if self.command.first() == other.command.first() { Ok(()) } else { Err(whose_is(&self.command[0])) }
    }
}

fn is_ours(word: &str) -> bool {
    ["--lock", "--profile"].contains(&word.split('=').next().unwrap_or_default())
}

fn whose_is(word: &str) -> Error {
    Error::new(format!("`{}` stands after the command: is it runvoy's or the command's?", ui::printable(word)))
        .hint("put runvoy's options before the command, and `--` before a command with such options of its own")
        .exit(exit::USAGE)
}

/// What is done with an execution that has been started.
#[derive(clap::Args)]
pub struct How {
    /// Start it, print its id on stdout and leave
    #[arg(short, long)]
    detach: bool,
    /// Print JSON lines: how it started, its log and its end; with --detach the API's reply
    #[arg(long)]
    json: bool,
}

/// Starts the command and follows it. The result is its exit code.
pub async fn run(args: Args, profile: Option<&str>) -> Result<u8> {
    let run = async {
        let client = Client::connect(profile)?;
        check_upload(&args.command, &args.flags)?;
        launch(&client, Settings::find(&args.command, args.flags.values())?, &args.how).await
    };
    run.await.map_err(|error| error.exit_unless_set(exit::OUR_FAILURE))
}

/// Starts what is to run and follows it. The result is its exit code.
pub async fn launch(client: &Client, mut settings: Settings, how: &How) -> Result<u8> {
    code::ready(client, &mut settings).await?;
    let request = settings.request()?;
    let mut interrupts = attend::interrupts()?;
    let reply = start(client, &request, &mut interrupts).await.map_err(|error| whose(error, &settings))?;
    let Some(reply) = reply else { return Ok(exit::INTERRUPTED) };
    let started: ExecutionStarted = serde_json::from_value(reply.clone())?;
    let id = &started.execution_id;
    ui::note(format_args!("execution {id}"));
    ui::note(format_args!("log       {}", ui::printable(&started.log_url)));
    if let Some(place) = started.queue_position {
        ui::note(format_args!("queued    waits for its lock, place {place}"));
    }
    let code = match how {
        How { detach: true, json: true } => ui::json(&reply).map(|()| 0),
        How { detach: true, json: false } => ui::line(id).map(|()| 0),
        How { json: true, .. } => {
            ui::event("started", &reply)?;
            attend::attend(client, id, request.lock, Output::Json, &mut interrupts).await
        }
        How { json: false, .. } => attend::attend(client, id, request.lock, Output::Text, &mut interrupts).await,
    }?;
    if let Some(hint) = code::how_else(&settings).filter(|_| code == exit::OUR_FAILURE) {
        ui::error_line("hint:", hint);
    }
    Ok(code)
}

/// `--upload FOLDER` would run the folder as a command.
fn check_upload(words: &[String], flags: &Flags) -> Result<()> {
    match words.first() {
        Some(first) if flags.uploads_usual() && std::path::Path::new(first).is_dir() => {
            Err(Error::new(format!("`{}` is a folder, and stands where the command is", ui::printable(first)))
                .hint(format!("nothing was run; to send it, write `--upload={}`", ui::printable(first)))
                .exit(exit::USAGE))
        }
        _ => Ok(()),
    }
}

/// Sends the request, again if need be, and starts one command at most. `None`: interrupted before the reply came.
async fn start(client: &Client, request: &ExecutionRequest, interrupts: &mut Signal) -> Result<Option<Value>> {
    let bar = ui::spinner("asking for a container");
    let reply = tokio::select! {
        reply = client.post_once("/executions", request) => Some(reply.map_err(explain)),
        _ = interrupts.recv() => None,
    };
    bar.finish_and_clear();
    if reply.is_none() {
        ui::note("interrupted before the reply came: the command may have been started; `runvoy list` shows it");
    }
    reply.transpose()
}

fn explain(error: Error) -> Error {
    if error.find::<NoAnswer>().is_some_and(|no_answer| !no_answer.unsent) {
        let hint = "the command may have been started all the same: look with `runvoy list` before running it again";
        return error.hint(hint);
    }
    let details = error.find::<Refused>().filter(|refused| refused.body.code == ErrorCode::LockHeld);
    let details = details.map(|refused| Value::Object(refused.body.details.clone()));
    match details.and_then(|details| serde_json::from_value(details).ok()) {
        Some(held) => lock_held(&held),
        None => error,
    }
}

/// Says where a setting that was refused comes from: whoever typed the command may not know of it.
fn whose(error: Error, settings: &Settings) -> Error {
    let refused = error.find::<Refused>().filter(|refused| refused.body.hint.is_none());
    let field = refused.and_then(|refused| refused.body.details.get("field")?.as_str().map(str::to_owned));
    match field.as_deref().and_then(|field| Some((field, settings.origin_of(field)?))) {
        Some((field, origin)) => error.hint(format!("`{field}` comes from {origin}")),
        None => error,
    }
}

fn lock_held(held: &LockHeld) -> Error {
    let LockHeld { lock_name, held_by, since, execution_id, log_url, waiting } = held;
    let ago = ui::ago(since);
    let queue = if *waiting > 0 { format!("\n  waiting:   {waiting}") } else { String::new() };
    let message = format!(
        "lock `{lock_name}` is held by `{held_by}` since {since} ({ago})\n  execution: {execution_id}\n  log:       {log_url}{queue}"
    );
    Error::new(message).hint("queue for it with `--wait-lock 10m`, or run it again when that execution has ended")
}
