//! Random schedules: some of them with every test run, and the proof that a seed is all that a run depends on.

use std::thread;

use runvoy_simulate::{
    invariant::Invariant,
    plant::Plant,
    report,
    schedule::{self, Outcome},
};

fn run(seed: u64, plant: Option<Plant>) -> Outcome {
    schedule::run(seed, plant, true).unwrap()
}

#[test]
fn a_seed_is_all_that_a_run_depends_on() {
    for seed in 1000..1005 {
        let elsewhere = thread::spawn(move || run(seed, None)).join().unwrap();
        // What ran before on the same thread makes no difference.
        assert_eq!(run(seed, None), elsewhere);
        assert_ne!(run(seed + 1, None).trace, elsewhere.trace);
    }
}

#[test]
fn schedules_hold_whatever_goes_wrong() {
    let workers: Vec<_> = (0..2)
        .map(|worker| {
            thread::spawn(move || {
                for seed in (worker..100).step_by(2) {
                    let outcome = schedule::run(seed, None, false).unwrap();
                    assert!(outcome.violations.is_empty(), "{}", report::story(seed, &run(seed, None)));
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

/// The bug is found, in a schedule that replays.
fn found(plants: &[Plant]) {
    for plant in plants {
        let seed = report::hunt(*plant, 0).unwrap().unwrap_or_else(|| panic!("{plant:?} is not found")) - 1;
        assert!(run(seed, Some(*plant)).violations.iter().any(|violation| violation.invariant == *plant));
        assert_eq!(run(seed, None).violations, [], "without the bug, schedule {seed} holds");
    }
}

#[test]
fn planted_bugs_in_locks_are_found() {
    use Invariant::{EndedHoldsNoLock, FenceGrows, FirstComeFirstServed, MutualExclusion, RunsUnderItsLock};
    found(&[MutualExclusion, RunsUnderItsLock, FenceGrows, FirstComeFirstServed, EndedHoldsNoLock]);
}

#[test]
fn planted_bugs_in_endings_are_found() {
    use Invariant::{EveryExecutionEnds, ExitCodeTrue, NoOrphan, OnceOnly, OneEnd};
    found(&[OneEnd, EveryExecutionEnds, NoOrphan, ExitCodeTrue, OnceOnly]);
}

#[test]
fn planted_bugs_in_records_are_found() {
    use Invariant::{Audited, RefusedStaysOut, SecretsStay};
    found(&[Audited, RefusedStaysOut, SecretsStay]);
}
