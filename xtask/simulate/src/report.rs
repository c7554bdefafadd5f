//! What a run prints.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use anyhow::Result;

use crate::{
    faults::Fault,
    plant::Plant,
    schedule::{self, Outcome},
};

/// Each fault must have fired this often before a run counts, …
const OFTEN: u64 = 50;
/// … if the run is this long. Below it, chance alone leaves the rarest ones out.
const LONG: u64 = 3_000;
/// A planted bug must show within this many schedules.
const PATIENCE: u64 = 1_000;

/// The trace of a schedule, and what did not hold in it.
pub fn story(seed: u64, outcome: &Outcome) -> String {
    let mut text = String::new();
    for line in &outcome.trace {
        let _ = writeln!(text, "{line}");
    }
    for violation in &outcome.violations {
        let _ = writeln!(
            text,
            "seed {seed} breaks {:?} ({}): {}",
            violation.invariant,
            violation.invariant.words(),
            violation.what
        );
    }
    let _ = writeln!(text, "seed {seed}: {} violations", outcome.violations.len());
    text
}

/// How often each fault fired.
pub fn faults(fired: &BTreeMap<Fault, u64>) -> String {
    let mut text = String::new();
    for fault in Fault::ALL {
        let count = fired.get(fault).copied().unwrap_or_default();
        let _ = writeln!(text, "{:>3}  {count:>8}  {}", *fault as u8, fault.words());
    }
    text
}

/// The faults that a run as long as this should have shown more often.
pub fn rare(fired: &BTreeMap<Fault, u64>, seeds: u64) -> Vec<&'static str> {
    let often = |fault: &&Fault| fired.get(fault).copied().unwrap_or_default() >= OFTEN;
    if seeds < LONG {
        Vec::new()
    } else {
        Fault::ALL.iter().filter(|fault| !often(fault)).map(|fault| fault.words()).collect()
    }
}

/// The last line.
pub fn summary(seeds: u64, took: Duration, broken: &[u64]) -> String {
    let pace = seeds as f64 / took.as_secs_f64() * 60.0;
    let mut text = format!("{seeds} schedules in {:.0} s, {pace:.0} a minute: ", took.as_secs_f64());
    if broken.is_empty() {
        return text + "no violation";
    }
    let shown: Vec<_> = broken.iter().take(20).map(u64::to_string).collect();
    let _ = write!(text, "{} with violations, seeds {}", broken.len(), shown.join(", "));
    let _ = write!(text, "\nhint: look at one of them: `cargo xtask simulate --seed {}`", broken[0]);
    text
}

/// In which schedule this planted bug shows, counted from 1.
pub fn hunt(plant: Plant, from: u64) -> Result<Option<u64>> {
    for seed in from..from + PATIENCE {
        let outcome = schedule::run(seed, Some(plant), false)?;
        if outcome.violations.iter().any(|violation| violation.invariant == plant) {
            return Ok(Some(seed - from + 1));
        }
    }
    Ok(None)
}
