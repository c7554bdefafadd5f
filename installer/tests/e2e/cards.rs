//! The cards of what failed.

use runvoy_sandbox::proxy::script::{Effect, Event, Match, Validation};
use serde_json::Value;

use crate::account::{Account, Deployment};

/// A creation of the main stack that fails for one cause, before and after which others are given up, and then deletes itself.
fn fails(deployment: &Deployment<'_>) {
    let kind = "AWS::IAM::Role";
    let given_up = |id| Event::failed(&format!("Other{id}"), kind, "CREATE_FAILED", "Resource creation cancelled");
    let reason = "User: arn:aws:iam::1:user/ann is not authorized to perform: iam:CreateRole on resource: x";
    let cause = Event::failed("ApiFunctionRole", kind, "CREATE_FAILED", reason);
    let events: Vec<_> = (0..5).map(given_up).chain([cause]).chain((5..10).map(given_up)).collect();
    let story = deployment.story(&deployment.name).own().until("ExecuteChangeSet");
    let story = story.then("CREATE_IN_PROGRESS", "").events(events).until("DescribeStackEvents");
    let reason = "The following resource(s) failed to create: [Other0, ApiFunctionRole]. ";
    let story = story.then("ROLLBACK_IN_PROGRESS", reason).until("DescribeStackEvents");
    story.then("DELETE_IN_PROGRESS", "").until("DescribeStackEvents").then("DELETE_COMPLETE", "");
}

#[test]
fn one_cause_among_ten_cancellations_is_what_the_card_tells() {
    let deployment = Account::shared().deployment("s-ca");
    fails(&deployment);
    let ran = deployment.init(&[]).code(1);
    let card = ran.stderr.split_once("✗ stack `s-ca` failed").unwrap().1;
    let row = |label: &str| card.lines().find_map(|line| line.strip_prefix(&format!("  {label:<8}"))).unwrap();
    assert!(card.starts_with(" and is now `DELETE_COMPLETE`\n"), "{card}");
    assert!(row("what").contains("(`AWS::IAM::Role`, `ApiFunctionRole`)"), "{card}");
    assert!(row("reason").contains("not authorized to perform: iam:CreateRole"), "{card}");
    assert!(row("means").ends_with("may not call `iam:CreateRole`"), "{card}");
    assert!(row("exists").starts_with("nothing"), "{card}");
    assert!(card.contains("`runvoy init --stack-name s-ca --region us-east-1`"), "{card}");
    assert!(!card.contains("Other"), "{card}");
    // The stack that deleted itself was found by its id.
    let read = deployment.calls().into_iter().rfind(|call| call.action == "DescribeStackEvents").unwrap();
    assert!(read.detail.contains(":stack/s-ca/"), "{read:?}");
    deployment.init(&[]).code(0);
}

#[test]
fn programs_are_given_the_card_as_an_event() {
    let deployment = Account::shared().deployment("s-cj");
    fails(&deployment);
    let ran = deployment.init(&["--json"]).code(1);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cards: Vec<_> = events.iter().filter(|event| event["type"] == "failure").collect();
    let [card] = cards[..] else { panic!("{}", ran.stdout) };
    let card = &card["failure"];
    assert_eq!((&card["logical"], &card["status"]), (&"ApiFunctionRole".into(), &"DELETE_COMPLETE".into()));
    assert_eq!(card["exists"], Value::Array(vec![]));
    let result = events.last().unwrap();
    assert_eq!((&result["type"], &result["exit_code"]), (&"result".into(), &1.into()));
}

#[test]
fn what_aws_finds_before_it_makes_anything_is_told_by_its_own_card() {
    let deployment = Account::shared().deployment("s-ev");
    let validation = Validation {
        logical: "ApiKeysTable".into(),
        kind: "AWS::DynamoDB::Table".into(),
        name: "NAME_CONFLICT_VALIDATION".into(),
        path: "/Resources/ApiKeysTable/Properties/TableName".into(),
        reason: "Resource of type 'AWS::DynamoDB::Table' with identifier 's-ev-api-keys' already exists.".into(),
    };
    deployment.story(&deployment.name).own().validation(validation);
    let ran = deployment.init(&[]).code(1).says("AWS refused the changes to stack `s-ev`, and nothing was changed");
    let ran =
        ran.says("(`AWS::DynamoDB::Table`, `ApiKeysTable`)").says("with identifier 's-ev-api-keys' already exists");
    ran.says("/Resources/ApiKeysTable/Properties/TableName");
    assert_eq!(deployment.changes(&deployment.name), ["CreateChangeSet"]);
    deployment.story(&deployment.name).own();
    deployment.init(&[]).code(0);
}

#[test]
fn a_change_set_that_fails_is_told_by_its_own_reason() {
    let account = Account::shared();
    let deployment = account.deployment("s-cs");
    let stack = deployment.bucket_stack();
    let id = |what: &str| format!("arn:aws:cloudformation:us-east-1:000000000000:{what}/s-cs-bucket/1");
    let body = format!(
        "<DescribeChangeSetResponse><DescribeChangeSetResult><ChangeSetId>{}</ChangeSetId><StackId>{}</StackId>\
         <Status>FAILED</Status><ExecutionStatus>UNAVAILABLE</ExecutionStatus>\
         <StatusReason>Limit exceeded for the number of stacks</StatusReason></DescribeChangeSetResult>\
         </DescribeChangeSetResponse>",
        id("changeSet"),
        id("stack")
    );
    let described = Match::client("cloudformation", "DescribeChangeSet").about(&stack);
    let reply = Effect::Reply { status: 200, content_type: "text/xml".into(), body };
    let described = account.script().on(described, reply);
    let ran = deployment.init(&[]).code(1).says("AWS refused the changes to stack `s-cs-bucket`");
    ran.says("Limit exceeded for the number of stacks").says("one of AWS's limits");
    assert_eq!((described.fired(), deployment.changes(&stack)), (1, vec!["CreateChangeSet".to_owned()]));
    deployment.init(&[]).code(0);
}
