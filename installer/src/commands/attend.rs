//! Stays with an execution to its end: prints its log, shows how it stands, asks what Ctrl-C means.

use std::{io, pin::pin, time::Duration};

use indicatif::ProgressBar;
use runvoy_api::{
    execution::Execution,
    id::ExecutionId,
    logs::{LogEvent, LogPage},
    status::Status,
};
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::execution_path;
use crate::{
    client::Client,
    error::Result,
    exit,
    follow::{self, Follower},
    ui,
};

/// How long the record may keep somebody waiting who has seen the end.
const RECORD: Duration = Duration::from_secs(10);

/// What goes to stdout.
#[derive(Clone, Copy, PartialEq)]
pub enum Output {
    /// The log, line for line.
    Text,
    /// JSON lines: the log's events, then the end.
    Json,
}

/// What somebody who has pressed Ctrl-C wants.
#[derive(Debug, PartialEq)]
enum Answer {
    Detach,
    Stop,
    GoOn,
}

/// Catches Ctrl-C from now on. One that is pressed while nobody waits for it is kept until somebody does.
pub fn interrupts() -> Result<Signal> {
    Ok(signal(SignalKind::interrupt())?)
}

/// Follows it to its end, or as long as the user wants. The result is its exit code.
pub async fn attend(
    client: &Client,
    id: &ExecutionId,
    lock: Option<String>,
    output: Output,
    interrupts: &mut Signal,
) -> Result<u8> {
    let mut follower = Follower::new(client, id);
    let bar = follower.show_status(lock);
    let print = |lines: &[LogEvent]| match output {
        Output::Text => follow::print(lines),
        Output::Json => lines.iter().try_for_each(|line| ui::event("log", line)),
    };
    let mut follow = pin!(follower.follow(&print));
    loop {
        tokio::select! {
            biased;
            end = &mut follow => {
                let end = end.inspect_err(|error| {
                    if error.find::<ui::OutputClosed>().is_some() {
                        say_it_goes_on(id, "nobody reads the output any more");
                    }
                })?;
                return finish(client, &end, output).await;
            }
            _ = interrupts.recv() => {}
        }
        let answer = if ui::can_ask() { ask(&bar, id)? } else { Answer::Detach };
        match answer {
            Answer::GoOn => {}
            Answer::Detach => {
                bar.finish_and_clear();
                say_it_goes_on(id, "interrupted");
                return Ok(exit::INTERRUPTED);
            }
            Answer::Stop => {
                let path = execution_path(id);
                let stopped = tokio::select! {
                    stopped = client.delete::<Value>(&path) => stopped,
                    _ = interrupts.recv() => leave_at_once(),
                };
                bar.suspend(|| match stopped {
                    Ok(_) => ui::note("stopping; its last lines are still to come"),
                    Err(error) => ui::warn(format_args!("it was not stopped: {}", error.explain())),
                });
            }
        }
    }
}

/// Asks while the log waits. On the terminal's own line editing, not key by key: wherever we are ended meanwhile, the
/// terminal is left as it was.
fn ask(bar: &ProgressBar, id: &ExecutionId) -> Result<Answer> {
    let mut second = interrupts()?;
    let again = tokio::spawn(async move {
        if second.recv().await.is_some() {
            leave_at_once();
        }
    });
    let answer = bar.suspend(|| {
        ui::note(format_args!("\nInterrupted; `{id}` goes on meanwhile. What now?"));
        ui::note("  d  detach: leave it running");
        ui::note("  s  stop it");
        ui::note("  Enter goes on following; Ctrl-C again leaves at once");
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        // From here on Ctrl-C is the first one again.
        again.abort();
        // Without a line the terminal is gone.
        if read.is_ok_and(|read| read > 0) { parse(&line) } else { Answer::Detach }
    });
    Ok(answer)
}

fn parse(line: &str) -> Answer {
    match line.trim().to_lowercase().as_str() {
        "d" | "detach" => Answer::Detach,
        "s" | "stop" => Answer::Stop,
        _ => Answer::GoOn,
    }
}

/// Somebody who presses Ctrl-C twice does not want to wait for anything.
fn leave_at_once() -> ! {
    let _ = console::Term::stderr().show_cursor();
    std::process::exit(exit::INTERRUPTED.into());
}

fn say_it_goes_on(id: &ExecutionId, why: &str) {
    ui::note(format_args!("{why}; the execution goes on"));
    ui::note(format_args!("  follow it:  runvoy logs -f {id}"));
    ui::note(format_args!("  stop it:    runvoy stop {id}"));
}

/// One line on how it ended. What only the record knows is left out if the record can't be had quickly.
async fn finish(client: &Client, end: &LogPage, output: Output) -> Result<u8> {
    let path = execution_path(&end.execution_id);
    let record = tokio::time::timeout(RECORD, client.get::<Value>(&path)).await.ok().and_then(Result::ok);
    let known = record.clone().and_then(|record| serde_json::from_value(record).ok());
    ui::note(summary(end, known.as_ref()));
    if output == Output::Json {
        let LogPage { execution_id, status, exit_code, reason, .. } = end;
        ui::event(
            "end",
            &json!({"execution_id": execution_id, "status": status, "exit_code": exit_code, "reason": reason, "execution": record}),
        )?;
    }
    Ok(exit_code(end))
}

fn summary(end: &LogPage, record: Option<&Execution>) -> String {
    let mut facts = Vec::new();
    facts.extend(end.exit_code.map(|code| format!("exit code {code}")));
    if let Some(record) = record {
        facts.extend(record.duration_seconds.map(ui::duration));
        facts.extend(record.cost_usd.map(ui::dollars));
    }
    facts.extend(end.reason.as_deref().map(|reason| ui::printable(reason).into_owned()));
    let status = ui::status_style(end.status).for_stderr().apply_to(end.status.to_string());
    let colon = if facts.is_empty() { "" } else { ": " };
    format!("{status}{colon}{}", facts.join(", "))
}

fn exit_code(end: &LogPage) -> u8 {
    match (end.exit_code, end.status) {
        (Some(code), _) => u8::try_from(code).unwrap_or(exit::OUR_FAILURE),
        (None, Status::TimedOut) => 124,
        (None, Status::Stopped) => 143,
        (None, _) => exit::OUR_FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(status: Status, exit_code: Option<i32>) -> u8 {
        let page = json!({"execution_id": "exec_20251026143210_a1b2c3", "status": status, "logs": [], "completed": true,
            "exit_code": exit_code, "cursor": ""});
        super::exit_code(&serde_json::from_value(page).unwrap())
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

    #[test]
    fn an_answer_is_a_letter_or_a_word_and_anything_else_goes_on() {
        assert_eq!(parse("d\n"), Answer::Detach);
        assert_eq!(parse(" Stop \n"), Answer::Stop);
        assert_eq!(parse("\n"), Answer::GoOn);
    }
}
