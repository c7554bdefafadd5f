//! `runvoy logs`.

use std::collections::VecDeque;

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::logs::LogEvent;
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{Which, since::Since};
use crate::{
    client::Client,
    complete,
    error::Result,
    follow::{self, Follower},
    ui,
};

const STAMP: &[BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

const EXAMPLES: &str = "\
Examples:
  runvoy logs last
  runvoy logs last --tail 20 --timestamps
  runvoy logs -f exec_20251026143210_a1b2c3 > build.log";

/// Arguments of `runvoy logs`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The execution: its id, a unique part of it, or `last` for your newest one
    #[arg(add = ArgValueCandidates::new(complete::executions))]
    id: Which,
    /// Go on until the execution has ended
    #[arg(short, long)]
    follow: bool,
    /// Only what was written since then: `10m`, `2h`, `2026-01-31`, or a time as RFC 3339 writes it
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Only the last lines that there are by now
    #[arg(long, value_name = "LINES")]
    tail: Option<usize>,
    /// Begin each line with the time when it was written
    #[arg(long)]
    timestamps: bool,
    /// Print the log so far as one JSON reply
    #[arg(long, conflicts_with_all = ["follow", "timestamps"])]
    json: bool,
}

/// Prints a log, exactly as the command wrote it.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let id = args.id.clone().resolve(&client).await?;
    let mut follower = Follower::new(&client, &id);
    // What is kept back until the end of what there is by now.
    let mut kept = VecDeque::new();
    let mut page = None;
    if args.json || args.tail.is_some() || !args.follow {
        let last = follower.read(|lines| if args.keeps() { args.keep(lines, &mut kept) } else { args.print(&lines) });
        page = Some(last.await?);
    }
    match page {
        Some(mut page) if args.json => {
            page.logs = kept.into();
            return ui::json(&page);
        }
        _ => args.print(kept.make_contiguous())?,
    }
    if !args.follow {
        return Ok(());
    }
    follower.show_status(None);
    let end = match page.filter(|page| page.completed) {
        Some(page) => page,
        None => follower.follow(&|lines| args.print(lines)).await?,
    };
    let code = end.exit_code.map(|code| format!(": exit code {code}")).unwrap_or_default();
    ui::note(format_args!("{}{code}", end.status));
    Ok(())
}

impl Args {
    fn keeps(&self) -> bool {
        self.json || self.tail.is_some()
    }

    fn keep(&self, lines: Vec<LogEvent>, kept: &mut VecDeque<LogEvent>) -> Result<()> {
        kept.extend(lines.into_iter().filter(|line| self.wants(line)));
        let surplus = kept.len().saturating_sub(self.tail.unwrap_or(usize::MAX));
        kept.drain(..surplus);
        Ok(())
    }

    fn wants(&self, line: &LogEvent) -> bool {
        self.since.is_none_or(|since| i128::from(line.timestamp) >= since.milliseconds())
    }

    fn print(&self, lines: &[LogEvent]) -> Result<()> {
        if self.since.is_none() && !self.timestamps {
            return follow::print(lines);
        }
        let wanted = lines.iter().filter(|line| self.wants(line)).cloned();
        let stamped = wanted.map(|line| if self.timestamps { stamped(line) } else { line });
        follow::print(&stamped.collect::<Vec<_>>())
    }
}

fn stamped(line: LogEvent) -> LogEvent {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(line.timestamp) * 1_000_000).ok();
    let stamp = at.and_then(|at| at.format(STAMP).ok()).unwrap_or_else(|| "-".into());
    LogEvent { message: format!("{stamp} {}", line.message), ..line }
}
