//! A deployment as an early release made it, brought to this one.

use serde_json::{Value, json};

use crate::{
    site::{ARCHITECTURE, Site},
    world::World,
};

/// The main template of that release, rendered for a deployment `acme`.
const OLD: &str = include_str!("old-release.yaml");

#[test]
fn an_old_release_becomes_this_one_and_loses_nothing() {
    let site = Site::new(World::get().sandbox(), "u-aged");
    site.install();
    site.run(&["--profile", "u-aged", "exec", "--lock", "aged", "echo kept"]).code(0);
    let ecs = if ARCHITECTURE == "arm64" { "ARM64" } else { "X86_64" };
    let old = OLD.replace("\"a@example.com\"", "\"admin@example.com\"");
    let old = old.replace("acme", "u-aged").replace("arm64", ARCHITECTURE).replace("ARM64", ecs);
    site.edit_template(|_| old.clone());
    let before = history(&site);
    let ids = tables(&site);
    assert!(before.iter().all(|rows| !rows.is_empty()), "{before:?}");

    let updated = site.init(&["--update", "--json"]).code(0);
    let events = updated.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let plan = events.filter(|event| event["type"] == "plan").map(|event| event["plan"].clone()).next().unwrap();
    let changes = plan["resources"].as_array().unwrap();
    assert!(changes.len() > 3, "there is something to change: {plan}");
    for change in changes.iter().filter(|change| change["holds_data"] == true) {
        assert!(change["replacement"] == "no" && change["action"] != "remove", "{change}");
    }
    // All of it is this release's now: there is nothing left to do.
    assert_ne!(site.template(), old);
    let mark = site.mark();
    site.init(&["--update"]).code(0);
    assert_eq!(site.mutations(mark), [""; 0]);
    assert_eq!(tables(&site), ids, "the same tables");
    assert_eq!(history(&site), before);
    assert_eq!(site.run(&["--profile", "u-aged", "exec", "echo on"]).code(0).stdout, "on\n");
}

/// What must not change: executions, locks and the audit trail.
fn history(site: &Site<'_>) -> [Vec<Value>; 3] {
    ["executions", "locks", "audit"].map(|table| {
        let mut rows = site.rows(table);
        rows.sort_by_key(Value::to_string);
        rows
    })
}

fn tables(site: &Site<'_>) -> Vec<Value> {
    let describe = |table: &&str| {
        let body = json!({ "TableName": format!("{}-{table}", site.name) });
        let table = site.aws("dynamodb", "DynamoDB_20120810.DescribeTable", &body)["Table"].take();
        json!([table["TableId"], table["CreationDateTime"]])
    };
    ["api-keys", "executions", "locks", "audit"].iter().map(describe).collect()
}
