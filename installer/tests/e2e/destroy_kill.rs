//! Ended for good before and after every call that changes something, then run again.

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::json;

use crate::land::Land;

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
