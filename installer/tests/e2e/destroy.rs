//! Removing a deployment: what is asked for, in which order, and what is left alone.

use serde_json::{Value, json};

use crate::{
    land::{Deployment, Land},
    world::until,
};
use runvoy_sandbox::proxy::script::{Effect, Match};

/// Fills a bucket with 2,500 versions and delete markers.
fn fill(land: &Land, bucket: &str) {
    let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    land.s3("PUT", &format!("/{bucket}?versioning"), versioning);
    std::thread::scope(|scope| {
        for part in 0..5 {
            scope.spawn(move || {
                for n in 0..250 {
                    // Two versions of each; half of them deleted, which takes a marker.
                    let key = format!("/{bucket}/uploads/{part}/{}", n / 2);
                    land.s3("PUT", &key, "x");
                    match n % 2 {
                        0 => drop(land.s3("PUT", &key, "xx")),
                        _ => drop(land.s3("DELETE", &key, "")),
                    }
                }
            });
        }
    });
}

fn secret(land: &Land, name: &str) {
    land.aws("secretsmanager", "secretsmanager.CreateSecret", &json!({ "Name": name, "SecretString": "s" }));
}

fn secrets(land: &Land) -> Vec<String> {
    let all = land.aws("secretsmanager", "secretsmanager.ListSecrets", &json!({ "IncludePlannedDeletion": true }));
    all["SecretList"].as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap().to_owned()).collect()
}

fn protect(land: &Land, stack: &str) {
    let form = "Action=UpdateTerminationProtection&Version=2010-05-15&EnableTerminationProtection=true";
    land.query("cloudformation", &format!("{form}&StackName={stack}"));
}

/// Makes what somebody else has in the same account, under names that begin like ours.
fn neighbours(land: &'static Land) -> Deployment {
    let staging = land.deployed("whole-staging");
    let queue = "Resources%3A%20%7B%20Queue%3A%20%7B%20Type%3A%20AWS%3A%3ASQS%3A%3AQueue%20%7D%20%7D";
    land.query(
        "cloudformation",
        &format!("Action=CreateStack&Version=2010-05-15&StackName=whole-clone&TemplateBody={queue}"),
    );
    secret(land, "whole-staging/user/token");
    secret(land, "whole-clone/user/token");
    staging
}

#[test]
fn everything_goes_and_nothing_of_anybody_else() {
    let land = Land::get();
    let one = land.deployed("whole");
    let staging = neighbours(land);
    staging.run(&["exec", "echo theirs"]).code(0);
    fill(land, &one.bucket());
    for name in ["whole/user/token", "whole/git/github.com", "whole/registry/ghcr.io"] {
        secret(land, name);
    }
    one.run(&["exec", "echo done"]).code(0);
    let id = one.run(&["exec", "--detach", "--lock", "deploy", "sleep 600"]).code(0).stdout.trim().to_owned();
    protect(land, "whole");

    // `--yes` is no flag for what needs its own.
    let mark = land.mark();
    one.destroy(&[]).code(5).says("protected from termination").says("--disable-protection");
    one.destroy(&["--disable-protection"]).code(5).says(&id).says("--stop-running");
    assert_eq!(land.changes(mark, one.name).len(), 0);
    assert_eq!(one.destroy(&["--delete-data", "--keep-data"]).code, 2);

    let ran = one.destroy(&["--disable-protection", "--stop-running", "--json"]).code(0);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let plan = &events.iter().find(|event| event["type"] == "plan").unwrap()["plan"];
    let buckets = &plan["buckets"][0];
    assert_eq!(buckets["versions"].as_u64().unwrap() + buckets["delete_markers"].as_u64().unwrap(), 2503, "{buckets}");
    assert_eq!((&plan["keys"], &plan["running"][0]["execution"]), (&json!(1), &json!(id)));
    assert_eq!(plan["secrets"], json!(["whole/user/token", "whole/git/github.com", "whole/registry/ghcr.io"]));
    assert_eq!(plan["task_definitions"]["active"].as_array().unwrap().len(), 1, "{plan}");
    let result = events.last().unwrap();
    assert_eq!((&result["type"], &result["outcome"]), (&json!("result"), &json!("done")), "{result}");
    assert_eq!(result["leftovers"], json!({ "leftovers": [], "unseen": [] }));
    one.is_gone();

    // The running one is on record as stopped, by whom, and its lock is free; the fence is kept.
    let directory = result["export"].as_str().unwrap();
    let rows = |table: &str| one.exported(&format!("{directory}/tables/{table}.jsonl"));
    // The row that keeps its start from being repeated names it too.
    let is_it = |row: &&String| row.contains(&id) && !row.contains("idempotency#");
    let row: Value = serde_json::from_str(rows("executions").iter().find(is_it).unwrap()).unwrap();
    assert_eq!(row["status"]["S"], "stopped", "{row}");
    assert!(row["stop_requested_by"]["S"].as_str().unwrap().starts_with("arn:aws:"), "{row}");
    let lock: Value = serde_json::from_str(&rows("locks")[0]).unwrap();
    assert_eq!(lock["holder"], Value::Null);
    assert!(lock["fence"]["N"].is_string());

    // First nothing may start, last goes what tells that a removal is under way.
    let changes: Vec<_> =
        land.changes(mark, one.name).iter().map(|call| format!("{} {}", call.action, call.detail)).collect();
    let at = |text: &str| {
        changes.iter().position(|change| change.starts_with(text)).unwrap_or_else(|| panic!("{text}: {changes:#?}"))
    };
    let order = [
        "UpdateItem whole-api-keys",
        "UpdateItem whole-executions",
        "StopTask",
        "DeregisterTaskDefinition",
        "DeleteTaskDefinitions",
        "DeleteSecret whole/",
        "UpdateTerminationProtection",
        "DeleteStack",
        "DeleteObjects",
        "DeleteLogGroup",
        "UpdateTable",
        "DeleteTable whole-executions",
        "DeleteTable whole-api-keys",
    ];
    let places = order.map(at);
    assert!(places.is_sorted(), "{order:?} at {places:?} of {changes:#?}");
    assert_eq!(changes.iter().filter(|change| change.starts_with("DeleteObjects")).count(), 3, "{changes:#?}");

    // The others never noticed.
    assert_eq!(staging.run(&["exec", "echo still there"]).code(0).stdout, "still there\n");
    assert!(staging.run(&["list"]).code(0).stdout.contains("echo theirs"));
    let left = secrets(land);
    assert!(
        ["whole-staging/user/token", "whole-clone/user/token"].iter().all(|name| left.contains(&(*name).to_owned())),
        "{left:?}"
    );
    assert!(!left.iter().any(|name| name.starts_with("whole/")), "{left:?}");
    let stacks = land.query("cloudformation", "Action=DescribeStacks&Version=2010-05-15&StackName=whole-clone");
    assert!(stacks.contains("CREATE_COMPLETE"), "{stacks}");

    let mark = land.mark();
    one.destroy(&[]).code(0).says("There is no deployment `whole`").says("Nothing of it is left");
    assert_eq!(land.changes(mark, one.name).len(), 0);
    leftovers(land, &one);
    staging.destroy(&["--delete-data"]).code(0);
    staging.is_gone();
}

/// What somebody has planted is found, and named with the command that removes it.
fn leftovers(land: &Land, one: &Deployment) {
    land.aws("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": "/aws/lambda/whole-api" }));
    land.aws("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": "/aws/lambda/whole-staging-old" }));
    let tag = "Tag.1.Key=runvoy%3Astack&Tag.1.Value=whole";
    land.query("sqs", &format!("Action=CreateQueue&Version=2012-11-05&QueueName=elsewhere&{tag}"));
    let role = "Action=CreateRole&Version=2010-05-08&AssumeRolePolicyDocument=%7B%7D&RoleName=whole-TaskRole-X1";
    land.query("iam", role);
    let group = "TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=runvoy%3Astack&TagSpecification.1.Tag.1.Value=whole";
    let vpc = land.query("ec2", &format!("Action=CreateVpc&Version=2016-11-15&CidrBlock=10.9.0.0%2F16&{group}"));
    let vpc = vpc.split("<vpcId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    secret(land, "whole/internal/jwt");
    let found = one.destroy(&[]).code(4).says("5 of its resources left").says("5 of");
    for (name, command) in [
        (
            "/aws/lambda/whole-api",
            "aws logs delete-log-group --log-group-name /aws/lambda/whole-api --region us-east-1",
        ),
        ("elsewhere", "untag-resources"),
        ("whole-TaskRole-X1", "aws iam delete-role --role-name whole-TaskRole-X1"),
        (&vpc, &format!("aws ec2 delete-vpc --vpc-id {vpc} --region us-east-1")),
        ("whole/internal/jwt", "delete-secret --force-delete-without-recovery --secret-id whole/internal/jwt"),
    ] {
        let line = found.stderr.lines().find(|line| line.starts_with("left:") && line.contains(name));
        assert!(line.is_some_and(|line| line.contains(command)), "{name}: {}", found.stderr);
    }
    land.aws("logs", "Logs_20140328.DeleteLogGroup", &json!({ "logGroupName": "/aws/lambda/whole-api" }));
    land.aws("logs", "Logs_20140328.DeleteLogGroup", &json!({ "logGroupName": "/aws/lambda/whole-staging-old" }));
    land.query("iam", "Action=DeleteRole&Version=2010-05-08&RoleName=whole-TaskRole-X1");
    land.query("ec2", &format!("Action=DeleteVpc&Version=2016-11-15&VpcId={vpc}"));
    let url = format!("{}/{}/elsewhere", land.endpoint(), land.account()).replace(':', "%3A").replace('/', "%2F");
    land.query("sqs", &format!("Action=DeleteQueue&Version=2012-11-05&QueueUrl={url}"));
    land.aws(
        "secretsmanager",
        "secretsmanager.DeleteSecret",
        &json!({ "SecretId": "whole/internal/jwt", "ForceDeleteWithoutRecovery": true }),
    );
    // What can't be looked at is not proven, and is said so.
    let looks = Match::client("sqs", "ListQueues").about("whole-");
    let denied = land.script().on(looks, Effect::error(403, "AccessDenied", "no"));
    one.destroy(&[]).code(4).says("could not be looked at: SQS");
    assert_eq!(denied.fired(), 1);
    one.destroy(&[]).code(0);
}

#[test]
fn a_removal_that_does_not_take_place_lets_executions_start_again() {
    let land = Land::get();
    let one = land.deployed("held");
    // One that starts in the very moment between the look and the end of all launches.
    let held = land.script().on(Match::client("dynamodb", "UpdateItem").about("held-api-keys"), Effect::HoldBefore);
    let child = one.spawn(&["--delete-data"]);
    Deployment::reached(&held);
    let id = one.run(&["exec", "--detach", "sleep 600"]).code(0).stdout.trim().to_owned();
    held.release();
    let ran = crate::world::Ran::from(child.wait_with_output().unwrap());
    ran.code(5).says(&id).says("--stop-running");
    let settings = one.table("api-keys").into_iter().find(|row| row["api_key_hash"]["S"] == "meta#config");
    assert_eq!(settings.map(|row| row["draining"].clone()).unwrap_or_default(), Value::Null);
    one.run(&["stop", &id]).code(0);
    until("it has ended", || one.run(&["status", &id, "--json"]).json()["completed_at"].is_string().then_some(()));
    assert_eq!(one.run(&["exec", "echo on"]).code(0).stdout, "on\n");

    // One that was let in just before, and is on record only after the first look.
    let drain = land.script().on(Match::client("dynamodb", "UpdateItem").about("held-api-keys"), Effect::HoldBefore);
    let child = one.spawn(&["--delete-data"]);
    Deployment::reached(&drain);
    // A function asks again after six seconds: that is held as well.
    let late = Match::function("dynamodb", "TransactWriteItems").about("held-").always();
    let late = land.script().on(late, Effect::HoldBefore);
    let exec = one.command(&["exec", "--detach", "sleep 600"]).spawn().unwrap();
    Deployment::reached(&late);
    // Two looks after the end of all launches, and then again.
    let again = land.script().on(Match::client("ecs", "ListTasks").about("held").nth(3), Effect::HoldBefore);
    drain.release();
    Deployment::reached(&again);
    late.release();
    let id = crate::world::Ran::from(exec.wait_with_output().unwrap()).code(0).stdout.trim().to_owned();
    again.release();
    crate::world::Ran::from(child.wait_with_output().unwrap()).code(5).says(&id).says("--stop-running");
    one.run(&["stop", &id]).code(0);
    until("it has ended", || one.run(&["status", &id, "--json"]).json()["completed_at"].is_string().then_some(()));

    // A place that nothing can be written to is told before anything is changed.
    std::fs::write(one.directory.join("file"), "").unwrap();
    let mark = land.mark();
    one.destroy(&["--export", "file/under"]).code(1).says("file/under");
    let changes: Vec<_> = land.changes(mark, one.name).into_iter().map(|call| call.action).collect();
    assert_eq!(changes, [""; 0]);
    one.run(&["exec", "echo on"]).code(0);

    // While it takes place, nothing starts.
    let held = land.script().on(Match::client("ecs", "DeregisterTaskDefinition").about("held-"), Effect::HoldBefore);
    let child = one.spawn(&["--delete-data"]);
    Deployment::reached(&held);
    one.run(&["exec", "echo too late"]).says("takes no new executions");
    held.release();
    crate::world::Ran::from(child.wait_with_output().unwrap()).code(0);
    one.is_gone();
}
