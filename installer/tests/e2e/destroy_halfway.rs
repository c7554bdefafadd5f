//! A removal that was ended halfway: what people are told meanwhile, and how it is taken back.

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::Value;

use crate::{
    land::{Deployment, Land},
    screen::Screen,
    world::until,
};

fn last(stdout: &str) -> Value {
    serde_json::from_str(stdout.lines().last().unwrap()).unwrap()
}

#[test]
fn a_removal_that_was_ended_is_told_and_init_takes_it_back() {
    let land = Land::get();
    let one = land.deployed("half");
    one.run(&["exec", "echo before"]).code(0);
    let health = one.run(&["health", "--json"]).code(0).json();
    assert_eq!(health["destroyed_since"], Value::Null, "{health}");
    let first = Match::client("ecs", "DeregisterTaskDefinition").about("half-");
    one.killed(&["--delete-data"], first, Effect::HoldBefore).expect("there is one");

    // Whoever meets it is told what it is.
    let refused = one.run(&["exec", "echo no"]).says("being destroyed since 20").says("takes no new executions");
    assert_ne!(refused.code, 0);
    refused.says("hint: ").says("`runvoy init --update --stack-name half --region us-east-1`");
    // It answers without what it can't look up within a second.
    let health = until("health tells of it", || {
        Some(one.run(&["health"]).code(0)).filter(|ran| ran.stderr.contains("being destroyed since 20"))
    });
    assert_eq!(health.says("runvoy destroy").stdout, "ok\n");
    until("and tells programs", || {
        let since = one.run(&["health", "--json"]).code(0).json()["destroyed_since"].clone();
        since.as_str().is_some_and(|since| since.starts_with("20")).then_some(())
    });

    // A look, and a no, change nothing.
    let mark = land.mark();
    one.init(&["--dry-run"]).code(0).says("`half` is being destroyed since 20");
    let mut screen = Screen::new(one.init_command(&["--region", "us-east-1"]), 100, 60);
    screen.answer("Take it back?", "n").ends(5);
    assert!(
        screen.text().contains("`runvoy destroy --stack-name half --region us-east-1` goes on"),
        "{}",
        screen.text()
    );
    assert_eq!(land.changes(mark, one.name).len(), 0);
    assert!(one.is_drained());

    let taken_back = one.init(&["--json"]).code(0);
    assert_eq!(last(&taken_back.stdout)["outcome"], "done");
    assert!(taken_back.stdout.contains("let executions start again"), "{}", taken_back.stdout);
    assert_eq!(one.run(&["exec", "echo after"]).code(0).stdout, "after\n");
    assert_eq!(last(&one.init(&["--json"]).code(0).stdout)["outcome"], "nothing-to-do");

    // It had come far: the main stack is gone, and so the tables are adopted.
    let bucket = Match::client("s3", "DeleteObjects").about(one.name);
    one.killed(&["--delete-data"], bucket, Effect::HoldBefore).expect("there is a bucket");
    let stacks = land.query("cloudformation", "Action=DescribeStacks&Version=2010-05-15");
    assert!(!stacks.contains("<StackName>half<"), "the main stack is still there");
    one.init(&[]).code(0).says("is being destroyed since").says("let executions start again");
    assert_eq!(one.run(&["exec", "echo again"]).code(0).stdout, "again\n");
    let list = one.run(&["list"]).code(0).stdout;
    assert!(["echo before", "echo after", "echo again"].iter().all(|command| list.contains(command)), "{list}");
    finished(&one);
}

/// Nor is it forgotten by the removal itself.
fn finished(one: &Deployment) {
    let tables = Match::client("dynamodb", "DeleteTable").about("half-executions");
    one.killed(&["--delete-data"], tables, Effect::HoldBefore).expect("there is a table");
    one.destroy(&["--delete-data"]).code(0).says("This goes on with a removal that began 20");
    one.is_gone();
}
