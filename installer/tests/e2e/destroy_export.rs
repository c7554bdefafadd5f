//! Exports that go wrong: nothing is deleted before one is whole, and none is taken for whole that is not.

use std::process::Command;

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::{Value, json};

use crate::{
    land::{Deployment, Land},
    world::Ran,
};

/// The export's own look at the table of audits: the first one only counts.
fn page(number: usize) -> Match {
    Match::client("dynamodb", "Scan").about("ripped-audit").nth(1 + number)
}

/// Makes that look take two pages.
fn in_two_pages(land: &Land) {
    let half = land.aws("dynamodb", "DynamoDB_20120810.Scan", &json!({ "TableName": "ripped-audit", "Limit": 30 }));
    assert!(half["LastEvaluatedKey"].is_object(), "{half}");
    let content_type = "application/x-amz-json-1.0".into();
    land.script().on(page(1), Effect::Reply { status: 200, content_type, body: half.to_string() });
}

/// That the removal has changed nothing but what it took back again, and that nobody takes the export for one.
#[track_caller]
fn nothing_was_deleted(one: &Deployment, mark: u64) {
    let land = Land::get();
    let changes = land.changes(mark, one.name);
    let deletes = changes.iter().filter(|call| call.action.contains("Delete") && call.action != "DeleteItem");
    assert_eq!(deletes.map(|call| &call.action).collect::<Vec<_>>(), [""; 0], "{changes:?}");
    let manifest = std::fs::read(one.directory.join("kept/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((&manifest["exported_at"], &manifest["sealed_at"]), (&Value::Null, &Value::Null), "{manifest}");
}

/// The tables that the manifest vouches for.
fn vouched(one: &Deployment) -> Vec<String> {
    let manifest = std::fs::read(one.directory.join("kept/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    manifest["tables"].as_array().unwrap().iter().map(|table| table["table"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_is_deleted_before_an_export_is_whole() {
    let land = Land::get();
    let one = land.deployed("ripped");
    one.run(&["exec", "echo first; echo second"]).code(0);
    for n in 0..60 {
        let entry =
            json!({ "day": {"S": "2020-01-02"}, "entry": {"S": n.to_string()}, "text": {"S": "x".repeat(200)} });
        one.put("audit", &entry);
    }
    let before = one.rows();
    let export = ["--export", "kept"];
    let refused = || {
        let mark = land.mark();
        one.init(&["--restore", "kept"]).code(3).says("was never finished");
        assert_eq!(land.changes(mark, one.name).len(), 0);
    };

    // AWS refuses in the middle of a table.
    let mark = land.mark();
    in_two_pages(land);
    let denied = land.script().on(page(2), Effect::error(400, "AccessDeniedException", "not that one"));
    one.destroy(&export).code(1).says("can't read the table `ripped-audit`").says("not that one");
    assert_eq!(denied.fired(), 1);
    nothing_was_deleted(&one, mark);
    assert!(!vouched(&one).contains(&"audit".to_owned()) && !one.is_drained());
    refused();

    // It is ended for good there.
    let mark = land.mark();
    in_two_pages(land);
    one.killed(&export, page(2), Effect::HoldBefore).expect("there is a second page");
    nothing_was_deleted(&one, mark);
    assert!(!vouched(&one).contains(&"audit".to_owned()));
    refused();

    // The disk takes no more: a limit on the size of files is as good as a full one.
    let mark = land.mark();
    let removal = one.command(&one.destroy_args(&export));
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(removal.get_program())
        .args(removal.get_args());
    like(&removal, &mut full);
    Ran::from(full.output().unwrap()).code(1).says("can't write");
    nothing_was_deleted(&one, mark);
    assert!(!vouched(&one).contains(&"audit".to_owned()) && !one.is_drained());
    refused();

    // What was written is not what is on the disk.
    let mark = land.mark();
    let streams = Match::client("logs", "DescribeLogStreams").about("/runvoy/ripped/executions");
    let held = land.script().on(streams.clone(), Effect::HoldBefore);
    let child = one.spawn(&export);
    Deployment::reached(&held);
    let audit = one.directory.join("kept/tables/audit.jsonl");
    let text = std::fs::read_to_string(&audit).unwrap();
    std::fs::write(&audit, &text[..text.len() / 2]).unwrap();
    held.release();
    let ran = Ran::from(child.wait_with_output().unwrap()).code(5);
    ran.says("audit.jsonl` is not what the manifest says").says("nothing of it was deleted in AWS");
    assert!(land.changes(mark, one.name).iter().all(|call| !call.action.contains("DeleteStack")));
    assert!(!one.is_drained());
    one.init(&["--restore", "kept"]).code(3).says("audit.jsonl");

    // A reply that is lost in the middle is asked for again; what is broken before the data goes is mended.
    in_two_pages(land);
    let lost = land.script().on(page(2), Effect::LoseReply);
    let main = Match::client("cloudformation", "DeleteStack").about("stack/ripped/");
    let held = land.script().on(main, Effect::HoldBefore);
    let child = one.spawn(&export);
    Deployment::reached(&held);
    assert_eq!((lost.fired(), &one.exported("kept/tables/audit.jsonl")), (1, &before["audit"]));
    let log = log_file(&one);
    let lines = std::fs::read_to_string(&log).unwrap();
    std::fs::write(&log, "").unwrap();
    held.release();
    Ran::from(child.wait_with_output().unwrap()).code(0);
    one.is_gone();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), lines);
    for (table, rows) in &before {
        assert_eq!(&one.exported(&format!("kept/tables/{table}.jsonl")), rows, "{table}");
    }
}

fn log_file(one: &Deployment) -> std::path::PathBuf {
    let manifest = std::fs::read(one.directory.join("kept/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    one.directory.join("kept").join(manifest["logs"][0]["streams"][0]["file"].as_str().unwrap())
}

/// Gives a command the surroundings of another.
fn like(model: &Command, command: &mut Command) {
    for (name, value) in model.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(model.get_current_dir().unwrap());
}
