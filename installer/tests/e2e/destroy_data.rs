//! What becomes of history, audit trail and output when a deployment goes.

use std::os::unix::fs::PermissionsExt as _;

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    land::{Deployment, Land},
    world::Ran,
};

#[test]
fn an_export_restored_is_the_history_bit_for_bit() {
    let land = Land::get();
    let one = land.deployed("history");
    let id = one.run(&["exec", "--lock", "deploy", "echo first; echo second"]).code(0).stderr;
    assert!(id.contains("exec_"), "{id}");
    one.run(&["admin", "add-user", "two@example.com", "--role", "member"]).code(0);
    let config = one.config();
    let key = config.lines().find_map(|line| line.trim().strip_prefix("api_key: ")).unwrap();
    let odd = json!({
        "day": {"S": "2020-01-01"}, "entry": {"S": "odd ä\n\u{1f600}"}, "b": {"B": "AAEC/w=="}, "ns": {"NS": ["1", "2.5"]},
        "big": {"N": "12345678901234567890123456789012345678"}, "null": {"NULL": true}, "no": {"BOOL": false},
        "ss": {"SS": ["x", "y"]}, "l": {"L": [{"S": ""}, {"M": {"deep": {"L": []}}}]},
    });
    one.put("audit", &odd);
    // More than one page of writes.
    for n in 0..60 {
        one.put(
            "audit",
            &json!({ "day": {"S": "2020-01-02"}, "entry": {"S": n.to_string()}, "n": {"N": n.to_string()} }),
        );
    }
    let before = one.rows();
    assert_eq!(before.len(), 4);
    let ran = one.destroy(&["--export", "kept"]).code(0);
    assert_eq!(ran.stdout, "export  kept\n");
    one.is_gone();
    assert!(!one.config().contains("history"), "{}", one.config());
    for (table, rows) in &before {
        assert_eq!(&one.exported(&format!("kept/tables/{table}.jsonl")), rows, "{table}");
    }
    check_manifest(&one.directory.join("kept"));

    // A file that was changed is not taken, before anything is done.
    let file = one.directory.join("kept/tables/audit.jsonl");
    let text = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&text[..], b"\n"].concat()).unwrap();
    let mark = land.mark();
    one.init(&["--restore", "kept"]).code(3).says("audit.jsonl").says("changed");
    std::fs::write(&file, &text).unwrap();
    assert_eq!(land.changes(mark, "history").len(), 0);

    let restored = one.init(&["--restore", "kept"]).code(0).says("rows of `history`");
    assert_eq!(one.rows(), before);
    one.init(&["--restore", "kept"]).code(0).says("its rows are there already");
    assert_eq!(one.rows(), before);
    // The old keys open the new deployment, and the old history is there.
    let endpoint = restored.stdout.lines().find_map(|line| line.strip_prefix("endpoint  ")).unwrap();
    let list = || one.command(&["list"]).env("RUNVOY_ENDPOINT", endpoint).env("RUNVOY_API_KEY", key).output();
    let list = Ran::from(list().unwrap()).code(0).stdout;
    assert!(list.contains("echo first"), "{list}");
    // What has happened since is no reason to refuse: nothing is missing.
    one.init(&["--restore", "kept"]).code(0).says("its rows are there already");
    // Another history is.
    let gone = json!({ "TableName": "history-audit", "Key": { "day": odd["day"], "entry": odd["entry"] } });
    land.aws("dynamodb", "DynamoDB_20120810.DeleteItem", &gone);
    one.put("audit", &json!({ "day": {"S": "2020-01-01"}, "entry": {"S": "another"} }));
    let other = one.rows();
    one.init(&["--restore", "kept"]).code(5).says("history-audit").says("not those of the export");
    assert_eq!(one.rows(), other);
    // Nor does this deployment's data take the place of the other's.
    one.destroy(&["--export", "kept"]).code(5).says("an earlier table");
    assert_eq!(one.rows(), other);
    one.destroy(&["--delete-data"]).code(0);
    one.is_gone();
}

/// The manifest names every file, and knows it by its hash.
fn check_manifest(directory: &std::path::Path) {
    let manifest: Value = serde_json::from_slice(&std::fs::read(directory.join("manifest.json")).unwrap()).unwrap();
    assert!(manifest["sealed_at"].is_string(), "{manifest}");
    let streams = manifest["logs"][0]["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 1, "{manifest}");
    let files = manifest["tables"].as_array().unwrap().iter().chain(streams);
    for entry in files {
        let path = directory.join(entry["file"].as_str().unwrap());
        let bytes = std::fs::read(&path).unwrap();
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            (entry["sha256"].as_str(), entry["bytes"].as_u64()),
            (Some(hash.as_str()), Some(bytes.len() as u64))
        );
        assert_eq!(entry["lines"], bytes.iter().filter(|byte| **byte == b'\n').count());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let log = std::fs::read_to_string(directory.join(streams[0]["file"].as_str().unwrap())).unwrap();
    let messages: Vec<_> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().to_owned())
        .collect();
    // Then comes the mark at the log's end.
    assert_eq!(messages[..2], ["first\n", "second\n"]);
}

#[test]
fn kept_data_is_adopted_and_takes_executions_again() {
    let land = Land::get();
    let one = land.deployed("kept");
    one.run(&["exec", "echo kept"]).code(0);
    let before = one.rows();
    one.destroy(&["--keep-data"]).code(0).says("kept-executions").says("profile `kept` stays");
    assert_eq!(one.rows().keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert_eq!(one.rows()["executions"], before["executions"]);
    // Nothing but data is there: without a word about it, it stays.
    let mark = land.mark();
    one.destroy(&[]).code(0).says("There is no deployment").says("kept-executions");
    assert_eq!(land.changes(mark, "kept").len(), 0);
    one.init(&[]).code(0);
    assert_eq!(one.rows()["executions"], before["executions"]);
    assert_eq!(one.run(&["exec", "echo again"]).code(0).stdout, "again\n");
    assert!(one.run(&["list"]).code(0).stdout.contains("echo kept"));
    // By default, it is exported to a directory of its own.
    let ran = one.destroy(&[]).code(0);
    let directory = ran.stdout.trim().strip_prefix("export  ").unwrap();
    assert!(directory.starts_with("./runvoy-export-kept-2"), "{directory}");
    // Beside them are the rows that keep a start from being repeated.
    let rows = one.exported(&format!("{directory}/tables/executions.jsonl"));
    assert_eq!(rows.iter().filter(|row| !row.contains("idempotency#")).count(), 2, "{rows:?}");
    one.is_gone();
    assert!(!one.config().contains("kept"));
}

/// `--yes` answers questions, and nothing else: what is refused without a flag is refused with all the others.
#[test]
fn each_flag_opens_its_own_door_only() {
    let land = Land::get();
    let one = land.deployed("doors");
    let mark = land.mark();
    let protection = |stack: &str, on: bool| {
        let form = "Action=UpdateTerminationProtection&Version=2010-05-15";
        land.query("cloudformation", &format!("{form}&EnableTerminationProtection={on}&StackName={stack}"));
    };
    for stack in ["doors", "doors-bucket"] {
        protection(stack, true);
        for others in
            [&[][..], &["--delete-data"], &["--keep-data", "--force"], &["--export", "kept", "--stop-running"]]
        {
            let ran = one.destroy(others).code(5).says(&format!("stack `{stack}` is protected from termination"));
            ran.says("--disable-protection");
        }
        protection(stack, false);
    }
    let id = one.run(&["exec", "--detach", "--lock", "deploy", "sleep 600"]).code(0).stdout.trim().to_owned();
    for others in
        [&[][..], &["--delete-data"], &["--keep-data", "--force"], &["--export", "kept", "--disable-protection"]]
    {
        one.destroy(others).code(5).says(&id).says("--stop-running");
    }
    assert_eq!(one.run(&["destroy", "--stack-name", "doors", "--delete-data"]).code(2).stdout, "");
    assert_eq!(land.changes(mark, one.name).len(), 0);
    assert_eq!(one.run(&["locks", "list"]).code(0).stdout.matches("deploy").count(), 1);

    // Without a word about the data it is exported: all of it is on this machine before anything is deleted in AWS.
    let profiles = format!("{}\n", one.config());
    let other = "  other:\n    api_endpoint: https://other.example.com\n    api_key: sk_live_other\n";
    std::fs::write(
        one.directory.join("config.yaml"),
        profiles.replacen("profiles:\n", &format!("profiles:\n{other}"), 1),
    )
    .unwrap();
    let held = land.script().on(Match::client("dynamodb", "DeleteTable").about("doors-"), Effect::HoldBefore);
    let child = one.spawn(&["--stop-running", "--keep-config"]);
    Deployment::reached(&held);
    let rows = one.rows();
    let directory =
        std::fs::read_dir(&one.directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let directory = directory.into_iter().find(|name| name.starts_with("runvoy-export-doors-")).unwrap();
    assert!(one.exported(&format!("{directory}/tables/executions.jsonl")).iter().any(|row| row.contains(&id)));
    for table in ["executions", "audit", "locks"] {
        assert_eq!(one.exported(&format!("{directory}/tables/{table}.jsonl")), rows[table], "{table}");
    }
    held.release();
    Ran::from(child.wait_with_output().unwrap()).code(0);
    one.is_gone();
    // The profile was to stay, and others always do.
    assert!(one.config().contains("doors") && one.config().contains("sk_live_other"), "{}", one.config());
}
