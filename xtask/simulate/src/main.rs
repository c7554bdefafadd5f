//! `cargo xtask simulate`: runs many schedules, or one again.

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::Result;
use clap::Parser;
use runvoy_simulate::{
    faults::Fault,
    invariant::Invariant,
    report,
    schedule::{self, Outcome},
    sim::lock,
};

/// Runs the protocol against AWS as it can be, by seeded schedules
#[derive(Parser)]
#[command(name = "cargo xtask simulate", bin_name = "cargo xtask simulate", disable_version_flag = true)]
#[command(after_help = "Examples:
  cargo xtask simulate                        a short run
  cargo xtask simulate --seeds 10000          a long one
  cargo xtask simulate --seed 4711            one schedule, with all that happens in it
  cargo xtask simulate --planted              does the checker find the bugs that are planted?")]
struct Args {
    /// How many schedules
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first of them
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// Only this one, with its trace
    #[arg(long, value_name = "S", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Plants a bug for each invariant in turn, and fails unless each is found within 1,000 schedules
    #[arg(long, conflicts_with_all = ["seeds", "seed"])]
    planted: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.seed {
        Some(seed) => replay(seed),
        None if args.planted => planted(args.from),
        None => many(args.from, args.seeds),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: the simulation itself failed\n  cause: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One schedule, with its trace.
fn replay(seed: u64) -> Result<bool> {
    let outcome = schedule::run(seed, None, true)?;
    print!("{}", report::story(seed, &outcome));
    Ok(outcome.violations.is_empty())
}

fn many(from: u64, seeds: u64) -> Result<bool> {
    let start = Instant::now();
    let results = run(from, seeds, |seed| schedule::run(seed, None, false))?;
    let mut fired: BTreeMap<Fault, u64> = BTreeMap::new();
    for (fault, count) in results.values().flat_map(|outcome| &outcome.fired) {
        *fired.entry(*fault).or_default() += count;
    }
    print!("{}", report::faults(&fired));
    let broken: Vec<u64> =
        results.iter().filter(|(_, outcome)| !outcome.violations.is_empty()).map(|(seed, _)| *seed).collect();
    if let Some(seed) = broken.first() {
        print!("{}", report::story(*seed, &schedule::run(*seed, None, true)?));
    }
    println!("{}", report::summary(seeds, start.elapsed(), &broken));
    let rare = report::rare(&fired, seeds);
    if !rare.is_empty() {
        println!("too rare, so that this run shows little of them: {}", rare.join(", "));
    }
    Ok(broken.is_empty() && rare.is_empty())
}

/// Runs so many schedules on all processors. The results do not depend on which one ran what.
fn run(from: u64, seeds: u64, schedule: impl Fn(u64) -> Result<Outcome> + Sync) -> Result<BTreeMap<u64, Outcome>> {
    let (next, results) = (AtomicU64::new(from), Mutex::new(BTreeMap::new()));
    let work = || -> Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from.saturating_add(seeds) {
                return Ok(());
            }
            let outcome = schedule(seed)?;
            lock(&results).insert(seed, outcome);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| anyhow::bail!("a schedule panicked")))
    })?;
    Ok(results.into_inner().unwrap_or_default())
}

/// Whether each planted bug is found.
fn planted(from: u64) -> Result<bool> {
    let mut all = true;
    for plant in Invariant::ALL {
        let found = report::hunt(*plant, from)?;
        all &= found.is_some();
        let how = found.map_or_else(|| "NOT FOUND".to_owned(), |seeds| format!("found in schedule {seeds}"));
        println!("{how:<24} {plant:?}: {}", plant.words());
    }
    Ok(all)
}
