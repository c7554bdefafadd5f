//! Ended for good before and after every call that changes something, then run again.

use std::collections::{BTreeMap, BTreeSet};

use runvoy_sandbox::proxy::{
    Call,
    script::{Effect, Match},
};
use serde_json::json;

use crate::land::{Deployment, Land};

/// One deployment is enough: each run goes on where the one before it was ended. Its first change is let happen or not,
/// in turn, so that all changes there are have been the first, once before and once after.
#[test]
fn a_removal_that_is_ended_anywhere_is_finished_by_the_next() {
    let land = Land::get();
    let one = land.deployed("killed");
    one.run(&["exec", "--lock", "deploy", "echo kept"]).code(0);
    land.aws(
        "secretsmanager",
        "secretsmanager.CreateSecret",
        &json!({ "Name": "killed/user/token", "SecretString": "s" }),
    );
    one.run(&["exec", "--detach", "sleep 600"]).code(0);
    let before = one.rows();
    let mark = land.mark();
    let mut ended = Vec::new();
    loop {
        let place = land.mark();
        let Some(_) = one.killed(&["--stop-running"], Match::mutation().about(one.name), Effect::HoldBefore) else {
            break;
        };
        let never: Vec<_> = land.changes(place, one.name);
        assert_eq!((never.len(), never[0].status), (1, None), "{never:?}");
        let place = land.mark();
        one.killed(&["--stop-running"], Match::mutation().about(one.name), Effect::HoldAfter)
            .expect("it is still to do");
        let done: Vec<_> = land.changes(place, one.name);
        assert_eq!(done[0].action, never[0].action);
        ended.push(format!("{} {}", done[0].action, done[0].detail));
        assert!(ended.len() < 60, "no end: {ended:#?}");
    }
    one.is_gone();
    assert!(!one.config().contains("killed"));
    let kinds = [
        "UpdateItem",
        "StopTask",
        "DeregisterTaskDefinition",
        "DeleteTaskDefinitions",
        "DeleteSecret",
        "DeleteStack",
        "DeleteObjects",
        "DeleteLogGroup",
        "UpdateTable",
        "DeleteTable",
    ];
    for kind in kinds {
        assert!(ended.iter().any(|change| change.starts_with(kind)), "never ended at {kind}: {ended:#?}");
    }
    // No change was left out: all that ever took effect was one at which a run was ended.
    let all = land.changes(mark, one.name).into_iter().filter(|call| call.status == Some(200));
    let missed: Vec<_> =
        all.map(|call| format!("{} {}", call.action, call.detail)).filter(|change| !ended.contains(change)).collect();
    assert_eq!(missed, [""; 0]);
    // One export was gone on with all the time, and it is whole.
    let exports: Vec<_> = std::fs::read_dir(&one.directory).unwrap().flatten().map(|entry| entry.file_name()).collect();
    let exports: Vec<_> =
        exports.iter().filter_map(|name| name.to_str()).filter(|name| name.starts_with("runvoy-export-")).collect();
    let [directory] = exports[..] else { panic!("{exports:?}") };
    assert_eq!(one.exported(&format!("{directory}/tables/audit.jsonl")), before["audit"]);
    let mark = land.mark();
    one.destroy(&[]).code(0).says("There is no deployment");
    assert_eq!(land.changes(mark, one.name).len(), 0);
}

/// The same of what puts the data back: the rows that come back are those of the export, and none is written twice.
#[test]
fn a_restoration_that_is_ended_anywhere_is_finished_by_the_next() {
    let land = Land::get();
    let one = land.deployed("restored");
    one.run(&["exec", "--lock", "deploy", "echo kept"]).code(0);
    // Several writes of each of two tables, of which one may be ended between.
    for n in 0..60 {
        let n = n.to_string();
        one.put("audit", &json!({ "day": {"S": "2020-01-02"}, "entry": {"S": n}, "n": {"N": n} }));
        one.put("locks", &json!({ "lock_name": {"S": n}, "fence": {"N": n} }));
    }
    let before = one.rows();
    one.destroy(&["--export", "kept"]).code(0);
    one.is_gone();
    let mark = land.mark();
    let command = || one.init_command(&["--yes", "--restore", "kept"]);
    // The change at which a run was ended, and whether it took effect; none if the run came to its end before.
    let end_at = |number: usize, effect: Effect| {
        let place = land.mark();
        Deployment::killed_at(command(), Match::mutation().about(one.name).nth(number), effect)?;
        let call = land.changes(place, one.name).into_iter().find(|call| call.fault.is_some()).unwrap();
        Some((named(&call), call.status == Some(200)))
    };
    let (mut never, mut done) = (BTreeSet::new(), Vec::new());
    // What AWS refuses since it was done before changes nothing: then it is the next one's turn.
    let mut number = 1;
    while let Some((change, _)) = end_at(number, Effect::HoldBefore) {
        never.insert(change);
        let (change, took_effect) = end_at(number, Effect::HoldAfter).expect("it is still to do");
        number = if took_effect { 1 } else { number + 1 };
        done.push(change);
        assert!(done.len() < 80, "no end: {done:#?}");
    }
    assert_eq!(one.rows(), before);
    let mut effects = BTreeMap::new();
    for call in land.changes(mark, one.name).into_iter().filter(|call| call.status == Some(200)) {
        *effects.entry(named(&call)).or_insert(0) += 1;
    }
    // Several at a time: that some took effect is known to nobody if the one who asked is gone.
    effects.retain(|change, _| !change.starts_with("UpdateTable"));
    let missed: Vec<_> = effects.keys().filter(|change| !(never.contains(*change) && done.contains(change))).collect();
    assert!(missed.is_empty(), "never ended at {missed:#?}");
    for (table, rows) in &before {
        let written = effects.get(&format!("BatchWriteItem restored-{table}")).copied().unwrap_or_default();
        assert_eq!(written, rows.len().div_ceil(25), "{table}: {effects:#?}");
        let ended = done.iter().filter(|change| **change == format!("BatchWriteItem restored-{table}")).count();
        assert_eq!(ended, written, "ended at each write: {done:#?}");
    }
    let stacks = effects.iter().filter(|(change, _)| change.starts_with("ExecuteChangeSet")).collect::<Vec<_>>();
    assert!(stacks.len() == 2 && stacks.iter().all(|(_, times)| **times == 1), "{stacks:?}");
    one.init(&["--restore", "kept"]).code(0).says("its rows are there already");
    assert_eq!(one.rows(), before);
    one.destroy(&["--delete-data"]).code(0);
    one.is_gone();
}

/// A change, without what each run makes up anew.
fn named(call: &Call) -> String {
    let about = match call.detail.rsplit_once("/releases/") {
        Some((bucket, _)) => format!("{bucket}/releases"),
        None => call.detail.clone(),
    };
    format!("{} {about}", call.action)
}
