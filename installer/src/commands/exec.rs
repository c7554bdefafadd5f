//! `runvoy exec`: the main job.

use std::{collections::BTreeMap, ffi::OsString, time::Duration};

use runvoy_api::{
    error::{ErrorCode, LockHeld},
    execution::{Execution, ExecutionRequest, ExecutionStarted},
    id::ExecutionId,
    logs::LogPage,
    status::Status,
    timeout::Timeout,
};
use serde_json::Value;

use super::execution_path;
use crate::{
    client::{Client, NoAnswer, Refused},
    error::{Error, Result},
    follow::Follower,
    ui,
};

/// The exit code for what went wrong on our side, where every other one may be the command's own.
const OUR_FAILURE: u8 = 125;
const USAGE: u8 = 2;
const INTERRUPTED: u8 = 130;

const EXAMPLES: &str = "\
Examples:
  runvoy exec 'echo hello; exit 3'
  runvoy exec --lock infra-prod terraform apply -auto-approve
  runvoy exec --image alpine:3 --env STAGE=dev --timeout 10m -- make test

The log goes to stdout, everything else to stderr. The exit code is the command's
own; 124 when its time ran out, 143 when it was stopped, 125 when something else
than the command failed.";

/// Arguments of `runvoy exec`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Run alone under this name: nobody else's command runs with the same lock meanwhile
    #[arg(long, value_name = "NAME")]
    lock: Option<String>,
    /// If the lock is held, queue for it at most this long instead of giving up: `10m`
    #[arg(long, value_name = "TIME", requires = "lock")]
    wait_lock: Option<Timeout>,
    /// Run in this container image
    #[arg(long)]
    image: Option<String>,
    /// Set an environment variable for the command (not for secrets: values are kept on record)
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Stop the command after this long: `600`, `10m`, `1h30m`
    #[arg(long, value_name = "TIME")]
    timeout: Option<Timeout>,
    /// Units of 1/1024 vCPU: 256, 512, 1024, 2048 …
    #[arg(long, value_name = "UNITS")]
    cpu: Option<u32>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// Run on spare capacity: cheaper, and may be interrupted
    #[arg(long)]
    spot: bool,
    /// Start it, print its id on stdout and leave
    #[arg(short, long)]
    detach: bool,
    /// With --detach: print the API's reply as JSON
    #[arg(long, requires = "detach")]
    json: bool,
    /// The command; its words are joined with spaces and run by the container's shell
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Args {
    /// Words after the command are the command's, with one exception: after a command in quotes, as in
    /// `runvoy exec "terraform apply" --lock prod`, options are ours. Then the result is the same line with the options
    /// first. Where it can't be told whose `--lock` it is, nothing runs: a command must never run unlocked by mistake.
    pub fn options_first(&self, argv: &[OsString]) -> Result<Option<Vec<OsString>>> {
        let Some(start) = argv.len().checked_sub(self.command.len()) else { return Ok(None) };
        let (before, words) = argv.split_at(start);
        let (Some((first, rest)), Some(next)) = (words.split_first(), self.command.get(1)) else { return Ok(None) };
        if before.last().is_some_and(|word| word == "--") {
            return Ok(None);
        }
        if self.command[0].contains(char::is_whitespace) && next.starts_with('-') {
            let reordered = before.iter().chain(rest).cloned();
            return Ok(Some(reordered.chain(["--".into(), first.clone()]).collect()));
        }
        let ours = |word: &&String| ["--lock", "--profile"].contains(&word.split('=').next().unwrap_or_default());
        let Some(word) = self.command.iter().find(ours) else { return Ok(None) };
        let word = ui::printable(word);
        Err(Error::new(format!("`{word}` stands after the command: is it runvoy's or the command's?"))
            .hint("put runvoy's options before the command, and `--` before a command with such options of its own")
            .exit(USAGE))
    }

    fn request(&self) -> ExecutionRequest {
        ExecutionRequest {
            command: self.command.join(" "),
            image: self.image.clone(),
            env: self.env.iter().cloned().collect::<BTreeMap<_, _>>(),
            lock: self.lock.clone(),
            wait_lock: self.wait_lock,
            timeout: self.timeout,
            cpu: self.cpu,
            memory: self.memory,
            spot: self.spot.then_some(true),
        }
    }
}

/// Starts the command and follows it. The result is its exit code.
pub async fn run(args: Args, profile: Option<&str>) -> Result<u8> {
    start_and_follow(args, profile).await.map_err(|error| error.exit_unless_set(OUR_FAILURE))
}

async fn start_and_follow(args: Args, profile: Option<&str>) -> Result<u8> {
    let client = Client::connect(profile)?;
    let Some(reply) = start(&client, &args.request()).await? else { return Ok(INTERRUPTED) };
    let started: ExecutionStarted = serde_json::from_value(reply.clone())?;
    let id = &started.execution_id;
    ui::note(format_args!("execution {id}"));
    ui::note(format_args!("log       {}", ui::printable(&started.log_url)));
    if let Some(place) = started.queue_position {
        ui::note(format_args!("queued    waits for its lock, place {place}"));
    }
    if args.detach {
        let printed = if args.json { ui::json(&reply) } else { ui::line(id) };
        return printed.map(|()| 0);
    }
    let end = tokio::select! {
        end = Follower::new(&client, id).follow() => end,
        _ = tokio::signal::ctrl_c() => {
            say_it_goes_on(id, "interrupted");
            return Ok(INTERRUPTED);
        }
    };
    let end = end.inspect_err(|error| {
        if error.find::<ui::OutputClosed>().is_some() {
            say_it_goes_on(id, "nobody reads the output any more");
        }
    })?;
    summarize(&client, id, &end).await;
    Ok(exit_code(&end))
}

/// Sends the request, again if need be, and starts one command at most. `None`: interrupted before the reply came.
async fn start(client: &Client, request: &ExecutionRequest) -> Result<Option<Value>> {
    let bar = ui::spinner("asking for a container");
    let reply = tokio::select! {
        reply = client.post_once("/executions", request) => Some(reply.map_err(explain)),
        _ = tokio::signal::ctrl_c() => None,
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

fn lock_held(held: &LockHeld) -> Error {
    let LockHeld { lock_name, held_by, since, execution_id, log_url, waiting } = held;
    let ago = ui::ago(since);
    let queue = if *waiting > 0 { format!("\n  waiting:   {waiting}") } else { String::new() };
    let message = format!(
        "lock `{lock_name}` is held by `{held_by}` since {since} ({ago})\n  execution: {execution_id}\n  log:       {log_url}{queue}"
    );
    Error::new(message).hint("queue for it with `--wait-lock 10m`, or run it again when that execution has ended")
}

fn say_it_goes_on(id: &ExecutionId, why: &str) {
    ui::note(format_args!("{why}; the execution goes on"));
    ui::note(format_args!("  follow it:  runvoy logs -f {id}"));
    ui::note(format_args!("  stop it:    runvoy stop {id}"));
}

/// One line on how it ended. What only the record knows is left out if the record can't be had quickly.
async fn summarize(client: &Client, id: &ExecutionId, end: &LogPage) {
    let path = execution_path(id);
    let record = tokio::time::timeout(Duration::from_secs(3), client.get::<Execution>(&path)).await;
    let record = record.ok().and_then(Result::ok);
    let mut facts = Vec::new();
    facts.extend(end.exit_code.map(|code| format!("exit code {code}")));
    if let Some(record) = &record {
        facts.extend(record.duration_seconds.map(ui::duration));
        facts.extend(record.cost_usd.map(ui::dollars));
    }
    facts.extend(end.reason.as_deref().map(|reason| ui::printable(reason).into_owned()));
    let status = ui::status_style(end.status).for_stderr().apply_to(end.status.to_string());
    let colon = if facts.is_empty() { "" } else { ": " };
    ui::note(format_args!("{status}{colon}{}", facts.join(", ")));
}

fn exit_code(end: &LogPage) -> u8 {
    match (end.exit_code, end.status) {
        (Some(code), _) => u8::try_from(code).unwrap_or(OUR_FAILURE),
        (None, Status::TimedOut) => 124,
        (None, Status::Stopped) => 143,
        (None, _) => OUR_FAILURE,
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(status: Status, exit_code: Option<i32>) -> u8 {
        let id = "exec_20251026143210_a1b2c3".parse().unwrap();
        let (logs, cursor) = (Vec::new(), String::new());
        let page = LogPage {
            execution_id: id,
            status,
            queue_position: None,
            logs,
            last_timestamp: None,
            completed: true,
            exit_code,
            reason: None,
            cursor,
        };
        super::exit_code(&page)
    }

    #[test]
    fn the_exit_code_is_the_commands_where_it_has_one() {
        assert_eq!(end(Status::Completed, Some(0)), 0);
        assert_eq!(end(Status::Failed, Some(3)), 3);
        assert_eq!(end(Status::Stopped, Some(137)), 137);
        assert_eq!(end(Status::TimedOut, None), 124);
        assert_eq!(end(Status::Stopped, None), 143);
        assert_eq!(end(Status::Failed, None), 125);
        assert_eq!(end(Status::Lost, None), 125);
        assert_eq!(end(Status::Failed, Some(-1)), 125);
    }
}
