//! Updates and the ways back: from any machine, in words, and never at the cost of data or of what runs.

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::{Value, json};

use crate::{
    site::{ARCHITECTURE, Site, SlowCargo, artifact, between},
    world::{self, Ran, World},
};

const SECOND: [&str; 3] = ["--update", "--artifact", ""];

/// An update to the other zip.
fn second() -> Vec<String> {
    let artifact = artifact(2).display().to_string();
    SECOND.iter().map(|arg| if arg.is_empty() { artifact.clone() } else { (*arg).to_owned() }).collect()
}

/// The plans of a run with `--json`.
fn plans(ran: &Ran) -> Vec<Value> {
    let events = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["type"] == "plan").map(|event| event["plan"].clone()).collect()
}

/// What is the stack's apart from its template: its parameters.
fn parameters(site: &Site<'_>) -> String {
    let stack = site.cloudformation("DescribeStacks", &[("StackName", site.name)]);
    between(&stack, "<Parameters>", "</Parameters>").to_owned()
}

#[test]
fn an_update_of_nothing_makes_nothing() {
    let site = Site::new(World::get().sandbox(), "u-none");
    let mark = site.mark();
    let email = ["--update", "--admin-email", "admin@example.com"];
    site.init(&email).code(3).says("there is no deployment `u-none`").says("--stack-name");
    site.init(&["--rollback"]).code(3).says("there is no deployment `u-none`");
    site.init(&["--reissue-admin-key"]).code(3).says("there is no deployment `u-none`");
    assert_eq!(site.mutations(mark), [""; 0]);
    assert_eq!(site.files(), [""; 0]);
    // A deployment is one of its region.
    let elsewhere =
        ["init", "--yes", "--update", "--region", "eu-west-1", "--artifact", &artifact(1).display().to_string()];
    World::get().run(&elsewhere).code(3).says("there is no deployment `runvoy`").says("eu-west-1");
}

#[test]
fn code_and_choices_change_in_place_and_go_back() {
    let site = Site::new(World::get().sandbox(), "u-life");
    site.install();
    let release = || (site.template(), parameters(&site), site.code());
    let first = release();

    // New code under a command that runs.
    let go = World::get().file("u-life-go");
    let command = format!("until [ -e {} ]; do sleep 0.05; done; echo undisturbed", go.display());
    let exec = site.run(&["--profile", "u-life", "exec", "--detach", &command]).code(0);
    let id = exec.stdout.trim();
    let status = || site.run(&["--profile", "u-life", "status", id, "--json"]).code(0).json();
    world::until("it runs", || (status()["status"] == "running").then_some(()));
    let args = second();
    let mut args: Vec<_> = args.iter().map(String::as_str).collect();
    args.push("--json");
    let updated = site.init(&args).code(0);
    let plan = &plans(&updated)[0];
    assert_eq!(plan["code_only"], true, "{plan}");
    let changes = plan["resources"].as_array().unwrap();
    assert!(changes.iter().all(|change| change["action"] == "modify" && change["replacement"] == "no"), "{plan}");
    let second = release();
    assert_eq!(second.0, first.0);
    assert!(second.1 != first.1 && second.2 != first.2);
    std::fs::write(go, "").unwrap();
    let ended = world::until("it is over", || Some(status()).filter(|record| record["status"] != "running"));
    assert_eq!((&ended["status"], &ended["exit_code"]), (&"completed".into(), &0.into()), "{ended}");

    // Another choice, from a machine that knows nothing but AWS credentials.
    let elsewhere = site.elsewhere();
    let choice = ["--update", "--log-retention-days", "30", "--artifact", args[2]];
    let updated = elsewhere.init(&choice).code(0).says("execution history:").says("`RetentionInDays`, in place");
    assert!(!updated.stderr.contains("replaced"), "{}", updated.stderr);
    assert!(!updated.stdout.contains("sk_live_"), "{}", updated.stdout);
    updated.says("admin@example.com is it already");
    assert_eq!(elsewhere.files(), [""; 0]);
    let third = release();
    assert!(third.0 != second.0 && third.1 == second.1 && third.2 == second.2);

    // Back, once and twice; answers are the template's.
    let back = site.init(&["--rollback"]).code(0).says("Going back to version").says("`RetentionInDays`, in place");
    assert!(!back.stdout.contains("sk_live_"), "{}", back.stdout);
    assert_eq!(release(), second);
    site.init(&["--rollback"]).code(0).says("API: new code, in place; nothing else changes");
    assert_eq!(release(), first);
    site.init(&["--rollback"]).code(3).says("no earlier release");
    site.run(&["--profile", "u-life", "whoami"]).code(0);
    // What was gone back to is what runs: there is nothing to do.
    let mark = site.mark();
    site.init(&["--update"]).code(0);
    assert_eq!(site.mutations(mark), [""; 0]);
}

#[test]
fn any_machine_knows_the_way_back() {
    let site = Site::new(World::get().sandbox(), "u-back");
    site.install();
    let days = |days: &str| site.init(&["--update", "--log-retention-days", days]).code(0);
    days("14");
    let second = site.template();
    days("30");
    let third = site.template();

    // Cut short on one machine, it goes on from another, and leads no further.
    let elsewhere = site.elsewhere();
    let executed = Match::client("cloudformation", "ExecuteChangeSet").about(site.name);
    let held = site.sandbox.script().on(executed, Effect::HoldAfter);
    let mut first = site.init_command(&["--rollback"]).spawn().unwrap();
    world::wait(held.reached());
    first.kill().unwrap();
    first.wait().unwrap();
    world::wait(held.gone());
    assert_eq!(site.files(), ["config.yaml"]);
    elsewhere.init(&["--rollback"]).code(0).says("Going back to version");
    assert_eq!(site.template(), second);

    // What ran before the next one is what was gone back to, not what was made last.
    days("60");
    assert_ne!(site.template(), third);
    elsewhere.init(&["--rollback"]).code(0);
    assert_eq!(site.template(), second);
    site.init(&["--rollback"]).code(0);
    assert!(site.template().contains("RetentionInDays: 7"), "{}", site.template());
    elsewhere.init(&["--rollback"]).code(3).says("no earlier release");
}

#[test]
fn nothing_that_holds_data_goes_unless_it_is_named() {
    let site = Site::new(World::get().sandbox(), "u-data");
    site.install();
    site.init(&["--update", "--log-retention-days", "30"]).code(0);
    let made = site.template();
    let table = "  ExtraTable:\n    Type: AWS::DynamoDB::Table\n    Properties:\n      TableName: u-data-extra\n      \
                 BillingMode: PAY_PER_REQUEST\n      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]\n      \
                 KeySchema: [{ AttributeName: id, KeyType: HASH }]\n";
    site.edit_template(|template| template.replacen("\nResources:\n", &format!("\nResources:\n{table}"), 1));
    let edited = site.template();
    let refused = |args: &[&str]| {
        let mark = site.mark();
        let ran = site.init(args).code(5).says("data would be lost").says("nothing was changed");
        assert_eq!(site.mutations(mark).last().map(String::as_str), Some("DeleteChangeSet"));
        assert!(!site.mutations(mark).contains(&"ExecuteChangeSet".to_owned()));
        assert_eq!(site.template(), edited);
        let left = site.cloudformation("ListChangeSets", &[("StackName", site.name)]);
        assert!(!left.contains("CREATE_COMPLETE") || left.contains("EXECUTE_COMPLETE"), "{left}");
        ran
    };
    refused(&["--update"]).says("--allow-replacing ExtraTable");
    refused(&["--rollback"]).says("--allow-replacing ExtraTable");
    refused(&["--update", "--allow-replacing", "ExecutionsTable"]).says("--allow-replacing ExtraTable");
    site.init(&["--update", "--allow-replacing", "ExtraTable"]).code(0).says("removed: ");
    assert_eq!(site.template(), made);

    // What AWS says of a change is what counts.
    let reply = "<DescribeChangeSetResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeChangeSetResult>\
                 <ChangeSetName>c</ChangeSetName><ChangeSetId>arn:aws:cloudformation:us-east-1:000000000000:changeSet/c/1</ChangeSetId>\
                 <StackId>arn:aws:cloudformation:us-east-1:000000000000:stack/u-data/1</StackId><StackName>u-data</StackName>\
                 <Status>CREATE_COMPLETE</Status><ExecutionStatus>AVAILABLE</ExecutionStatus><Changes><member><Type>Resource</Type>\
                 <ResourceChange><Action>Modify</Action><LogicalResourceId>ExecutionsTable</LogicalResourceId>\
                 <ResourceType>AWS::DynamoDB::Table</ResourceType><Replacement>True</Replacement><Details><member><Target>\
                 <Attribute>Properties</Attribute><Name>KeySchema</Name></Target><ChangeSource>DirectModification</ChangeSource>\
                 </member></Details></ResourceChange></member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>";
    let effect = Effect::Reply { status: 200, content_type: "text/xml".into(), body: reply.into() };
    let script = site.sandbox.script();
    let replaced = script.on(Match::client("cloudformation", "DescribeChangeSet").about("u-data"), effect);
    let deletes = Match::client("cloudformation", "DeleteChangeSet").about("changeSet/c/1");
    let delete = script.on(deletes, Effect::error(404, "ChangeSetNotFound", "it does not exist"));
    let mark = site.mark();
    let refused = site.init(&["--update", "--log-retention-days", "60"]).code(5);
    refused
        .says("is replaced by an empty one")
        .says("--allow-replacing ExecutionsTable")
        .says("table: execution history");
    assert_eq!((replaced.fired(), delete.fired()), (1, 1));
    assert!(!site.mutations(mark).contains(&"ExecuteChangeSet".to_owned()));
    assert_eq!(site.template(), made);
}

#[test]
fn deployments_of_other_releases_are_understood_or_refused() {
    let site = Site::new(World::get().sandbox(), "u-other");
    site.install();
    let ours = site.template();
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));

    // Answers that change nothing that runs are remembered all the same.
    let changed = site.init(&["--update", "--admin-email", "other@example.com"]).code(0);
    changed.says("only what is remembered of it changes").says("execution history: no change");
    assert!(site.template().contains("\"admin_email\":\"other@example.com\""), "{}", site.template());
    let mark = site.mark();
    site.elsewhere().init(&["--update"]).code(0);
    site.init(&["--update", "--admin-email", "other@example.com"]).code(0);
    assert_eq!(site.mutations(mark), [""; 0]);
    site.init(&["--update", "--admin-email", "admin@example.com"]).code(0);
    assert_eq!(site.template(), ours);

    // An older release knew less.
    site.edit_template(|template| {
        let mut older =
            template.replace(&version, "\"version\":\"0.0.9\"").replace("RetentionInDays: 7", "RetentionInDays: 14");
        for field in
            ["\"viewer\":\"function-url\"", "\"public_ip\":false", "\"subnet_ids\":[]", "\"task_policy_arns\":[]"]
        {
            assert!(older.contains(field), "no {field} in {template}");
            older = older.replace(&format!(",{field}"), "").replace(&format!("{field},"), "");
        }
        older
    });
    site.init(&["--update"]).code(0).says("in place");
    assert_eq!(site.template(), ours);

    // A newer one may know what we would undo.
    site.edit_template(|template| {
        template.replace(&version, "\"version\":\"99.0.0\"").replace("RetentionInDays: 7", "RetentionInDays: 14")
    });
    let mark = site.mark();
    site.init(&["--update"]).code(5).says("made by runvoy 99.0.0").says("--rollback");
    site.init(&[]).code(5).says("made by runvoy 99.0.0");
    assert_eq!(site.mutations(mark), [""; 0]);
    site.init(&["--rollback"]).code(0);
    assert_eq!(site.template(), ours);
}

/// The table of executions with other indexes than this release gives it.
fn with_indexes(template: &str, indexes: &str, attributes: &str) -> String {
    let (before, table) = template.split_once("  ExecutionsTable:\n").unwrap();
    let (head, rest) = table.split_once("      AttributeDefinitions:\n").unwrap();
    let (_, key) = rest.split_once("      KeySchema:\n").unwrap();
    let (key, rest) = key.split_once("      GlobalSecondaryIndexes:\n").unwrap();
    // All lines of the list are set in further than the next resource.
    let end = rest.split_inclusive('\n').take_while(|line| line.starts_with("       ")).map(str::len).sum::<usize>();
    format!(
        "{before}  ExecutionsTable:\n{head}      AttributeDefinitions:\n{attributes}      KeySchema:\n{key}{indexes}{}",
        &rest[end..]
    )
}

#[test]
fn indexes_change_one_update_after_the_other() {
    let site = Site::new(World::get().sandbox(), "u-index");
    site.install();
    let ours = site.template();
    let indexes = || {
        let table =
            site.aws("dynamodb", "DynamoDB_20120810.DescribeTable", &json!({ "TableName": "u-index-executions" }));
        let list = table["Table"]["GlobalSecondaryIndexes"].as_array().cloned().unwrap_or_default();
        let mut names: Vec<_> = list.iter().map(|index| index["IndexName"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let wanted = indexes();
    assert_eq!(wanted.len(), 2, "{wanted:?}");

    // An older release had another index, and none of these.
    let definition = |name: &str| format!("        - {{ AttributeName: {name}, AttributeType: S }}\n");
    let attributes = ["execution_id", "started_at", "lock_name"].map(definition).concat();
    let index = "      GlobalSecondaryIndexes:\n        - IndexName: by-lock\n          KeySchema: [{ AttributeName: lock_name, \
                 KeyType: HASH }]\n          Projection: { ProjectionType: KEYS_ONLY }\n";
    site.edit_template(|template| with_indexes(template, index, &attributes));
    assert_eq!(indexes(), ["by-lock"]);
    let planned = site.init(&["--update", "--dry-run", "--json"]).code(0);
    assert_eq!(crate::json::problems(planned.stdout.lines()), [""; 0]);
    let stages = plans(&planned)[1]["stages"].as_array().unwrap().clone();
    assert_eq!(stages.len(), 3, "{stages:?}");
    assert!(stages[1].as_str().unwrap().ends_with("everything else"), "{stages:?}");

    // Killed between two of them; nobody is asked for what was done already.
    let held = site
        .sandbox
        .script()
        .on(Match::client("cloudformation", "ExecuteChangeSet").about(site.name).nth(2), Effect::HoldBefore);
    let mut first = site.init_command(&["--update"]).spawn().unwrap();
    world::wait(held.reached());
    first.kill().unwrap();
    let first = first.wait_with_output().unwrap();
    let said = String::from_utf8(first.stderr).unwrap();
    assert!(said.contains("takes 3 updates") && said.contains("✓ 1 of 3: new index"), "{said}");
    world::wait(held.gone());
    assert_eq!(indexes().len(), 2, "{:?}", indexes());

    let mark = site.mark();
    let second = site.init(&["--update"]).code(0).says("takes 2 updates").says("✓ 1 of 2: new index");
    let executed = site.mutations(mark).into_iter().filter(|action| action == "ExecuteChangeSet").count();
    assert_eq!((executed, indexes()), (2, wanted), "{}", second.stderr);
    assert_eq!(site.template(), ours);
    let mark = site.mark();
    site.init(&["--update"]).code(0);
    assert_eq!(site.mutations(mark), [""; 0]);
}

#[test]
fn the_build_and_the_bucket_go_side_by_side() {
    let world = World::get();
    let site = Site::new(world.sandbox(), "u-side");
    let cargo = SlowCargo::new("slow-cargo");
    let held = Match::client("cloudformation", "CreateChangeSet").about("u-side-bucket");
    let held = world.sandbox().script().on(held, Effect::HoldBefore);

    let args = ["init", "--yes", "--json", "--no-probe", "--stack-name", site.name, "--architecture", ARCHITECTURE];
    let mut init = site.command(&[&args[..], &["--admin-email", "admin@example.com"]].concat());
    cargo.apply(&mut init);
    let init = init.spawn().unwrap();
    // Neither has ended when both have begun.
    world::wait(held.reached());
    cargo.until_begun();
    held.release();
    world::until("the bucket is there", || {
        let calls = site.sandbox.calls_about("u-side-bucket");
        calls.iter().any(|call| call.action == "ExecuteChangeSet" && call.status == Some(200)).then_some(())
    });
    cargo.go();
    let ran = Ran::from(init.wait_with_output().unwrap()).code(0);
    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let place =
        |id: &str, state: &str| events.iter().position(|event| event["id"] == id && event["state"] == state).unwrap();
    for (one, other) in [("bucket-stack", "build"), ("build", "bucket-stack"), ("template-checks", "build")] {
        assert!(place(one, "start") < place(other, "done"), "{one} {other}");
    }
    assert!(
        place("bucket-stack", "done") < place("upload", "start") && place("build", "done") < place("upload", "start")
    );
}
