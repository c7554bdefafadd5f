//! The first admin's key, and what a deployment has to show before it counts as done.

use std::path::Path;

use runvoy_sandbox::proxy::Caller;
use serde_json::{Value, json};

use crate::world::{Ran, World};

fn run(world: &World, config: &Path, args: &[&str]) -> Ran {
    world.command(args).env("RUNVOY_CONFIG", config).output().unwrap().into()
}

fn reissue(world: &World, stack: &str, config: &Path, more: &[&str]) -> Ran {
    run(world, config, &[&["init", "--yes", "--reissue-admin-key", "--stack-name", stack], more].concat())
}

/// The key that a run printed, and that it printed once.
#[track_caller]
fn shown(ran: &Ran) -> String {
    assert!(!ran.stderr.contains("sk_live_"), "{}", ran.stderr);
    let mut keys = ran.stdout.lines().filter_map(|line| line.strip_prefix("key       "));
    let key = keys.next().unwrap_or_else(|| panic!("no key in {}", ran.stdout)).to_owned();
    assert_eq!(ran.stdout.matches("sk_live_").count(), 1, "{}", ran.stdout);
    key
}

fn rows(world: &World, table: &str) -> Vec<Value> {
    let reply = world.aws("dynamodb", "DynamoDB_20120810.Scan", &json!({ "TableName": table }));
    reply["Items"].as_array().unwrap().clone()
}

/// The addresses of all keys that are good for something, in order.
fn active(world: &World, stack: &str) -> Vec<String> {
    let rows = rows(world, &format!("{stack}-api-keys"));
    let good = rows.iter().filter(|row| row["revoked"]["BOOL"] == false);
    let mut owners: Vec<_> = good.map(|row| row["user_email"]["S"].as_str().unwrap().to_owned()).collect();
    owners.sort();
    owners
}

/// A second `init`, on the same machine or another.
fn init(world: &World, stack: &str, config: &Path, email: &str) -> Ran {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let args = ["init", "--yes", "--stack-name", stack, "--admin-email", email, "--architecture", architecture];
    world.command(&args).current_dir(world.root()).env("RUNVOY_CONFIG", config).output().unwrap().into()
}

/// Takes the first admin's key out of the tables, as if nobody had been registered yet.
fn unregister(world: &World, stack: &str) {
    let table = format!("{stack}-api-keys");
    for row in rows(world, &table) {
        let key = json!({ "TableName": table, "Key": { "api_key_hash": row["api_key_hash"] } });
        world.aws("dynamodb", "DynamoDB_20120810.DeleteItem", &key);
    }
}

#[test]
fn a_lost_key_is_replaced_and_only_the_new_one_works() {
    let world = World::get();
    let _turn = world.turn();
    let (mine, theirs) = (world.file("lost.yaml"), world.file("lost-elsewhere.yaml"));
    let first = shown(&init(world, "lost", &mine, "one@example.com").code(0));
    let whoami = |config: &Path| run(world, config, &["--profile", "lost", "whoami", "--json"]);

    // Another machine, which has nothing but AWS credentials.
    init(world, "lost", &theirs, "two@example.com").code(0).says("one@example.com").says("--reissue-admin-key");
    let second = shown(&reissue(world, "lost", &theirs, &[]).code(0));
    assert_ne!(first, second);
    assert_eq!(whoami(&theirs).code(0).json()["email"], "one@example.com");
    whoami(&mine).code(1);
    assert_eq!(active(world, "lost"), ["one@example.com"]);
    // The first machine is told what to do when it looks.
    init(world, "lost", &mine, "one@example.com").code(0).says("--reissue-admin-key");

    // Once more, for somebody else, who takes the place of the first.
    let third = shown(&reissue(world, "lost", &mine, &["--admin-email", "two@example.com"]).code(0));
    assert_eq!(whoami(&mine).code(0).json()["email"], "two@example.com");
    whoami(&theirs).code(1);
    assert_eq!(active(world, "lost"), ["two@example.com"]);
    let saved = std::fs::read_to_string(&mine).unwrap();
    assert!(saved.contains(&third) && !saved.contains(&first) && !saved.contains("pending"), "{saved}");
    // The address that was freed can be used again.
    run(world, &mine, &["--profile", "lost", "admin", "add-user", "one@example.com"]).code(0);

    let audit = rows(world, "lost-audit");
    let reissued: Vec<_> = audit.iter().filter(|row| row["action"]["S"] == "user.reissue").collect();
    let mut targets: Vec<_> = reissued.iter().map(|row| row["target"]["S"].as_str().unwrap()).collect();
    targets.sort_unstable();
    assert_eq!(targets, ["one@example.com", "two@example.com"]);
    assert!(reissued.iter().all(|row| row["actor"]["S"].as_str().unwrap().starts_with("arn:aws:")), "{reissued:?}");
    // Both programs write records of one shape.
    let fields = |action: &str| {
        let row = audit.iter().find(|row| row["action"]["S"] == action).unwrap();
        row.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let add =
        |row: &&Value| row["action"]["S"] == "user.add" && !row["actor"]["S"].as_str().unwrap().starts_with("arn:");
    let theirs = audit.iter().find(add).unwrap().as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields("user.reissue"), theirs);
    world.run(&["destroy", "--stack-name", "lost", "--yes", "--delete-data"]).code(0);
}

#[test]
fn a_key_that_nobody_has_seen_is_shown_by_the_next_run_and_registered_once() {
    let world = World::get();
    let _turn = world.turn();
    let config = world.file("unseen.yaml");
    let key = shown(&init(world, "unseen", &config, "one@example.com").code(0));
    let settled = std::fs::read_to_string(&config).unwrap();
    let endpoint = settled.lines().find_map(|line| line.trim().strip_prefix("api_endpoint: ")).unwrap().to_owned();
    let pending = format!("pending: {{ api_endpoint: '{endpoint}', api_key: {key} }}");

    // As after a crash between the registration and the moment when the key is shown.
    std::fs::write(&config, format!("profiles:\n  unseen:\n    {pending}\n")).unwrap();
    assert_eq!(shown(&init(world, "unseen", &config, "one@example.com").code(0)), key);
    assert_eq!(std::fs::read_to_string(&config).unwrap().matches("sk_live_").count(), 1);
    assert!(!init(world, "unseen", &config, "one@example.com").code(0).stdout.contains("sk_live_"));

    // As after a crash between saving and registering.
    unregister(world, "unseen");
    std::fs::write(&config, format!("profiles:\n  unseen:\n    {pending}\n")).unwrap();
    assert_eq!(shown(&init(world, "unseen", &config, "one@example.com").code(0)), key);
    assert_eq!(active(world, "unseen"), ["one@example.com"]);

    // A key that was never registered, because somebody else's was, is not left behind.
    let late = world.file("late.yaml");
    let unknown = format!("sk_live_{}", "0".repeat(64));
    std::fs::write(&late, format!("profiles:\n  unseen:\n    {}\n", pending.replace(&key, &unknown))).unwrap();
    assert!(!init(world, "unseen", &late, "two@example.com").code(0).says("one@example.com").stdout.contains("key  "));
    assert!(!std::fs::read_to_string(&late).unwrap().contains(&unknown));
    world.run(&["destroy", "--stack-name", "unseen", "--yes", "--delete-data"]).code(0);
}

#[test]
fn of_two_at_the_same_time_one_becomes_the_first_admin_and_the_other_is_told() {
    let world = World::get();
    let _turn = world.turn();
    init(world, "race", &world.file("race.yaml"), "zero@example.com").code(0);
    unregister(world, "race");
    let configs = [world.file("race-one.yaml"), world.file("race-two.yaml")];
    let emails = ["one@example.com", "two@example.com"];
    let ran = std::thread::scope(|scope| {
        let runs = [0, 1].map(|index| {
            let config = &configs[index];
            scope.spawn(move || init(world, "race", config, emails[index]).code(0))
        });
        runs.map(|run| run.join().unwrap())
    });
    let winners: Vec<_> = [0, 1].into_iter().filter(|index| ran[*index].stdout.contains("sk_live_")).collect();
    assert_eq!(winners.len(), 1, "{ran:?}");
    let (winner, loser) = (winners[0], 1 - winners[0]);
    assert_eq!(active(world, "race"), [emails[winner]]);
    ran[loser].clone().says(emails[winner]);
    run(world, &configs[winner], &["--profile", "race", "whoami"]).code(0);
    let left = std::fs::read_to_string(&configs[loser]).unwrap_or_default();
    assert!(!left.contains("sk_live_"), "{left}");
    world.run(&["destroy", "--stack-name", "race", "--yes", "--delete-data"]).code(0);
}

#[test]
fn done_means_seen_to_work_and_a_release_is_gone_back_to() {
    let world = World::get();
    let _turn = world.turn();
    let config = world.file("verified.yaml");
    let mark = world.mark();
    init(world, "verified", &config, "one@example.com").code(0).says("and ran exec_");
    let called = |mark: u64, action: &str| {
        let calls = world.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client);
        calls.filter(|call| call.action == action && call.detail.contains("verified")).count()
    };
    assert_eq!(called(mark, "UpdateTable"), 4, "every table is protected");
    let history = run(world, &config, &["--profile", "verified", "list"]).code(0).stdout;
    assert!(history.contains("runvoy works"), "{history}");
    let table = json!({ "TableName": "verified-audit" });
    let table = world.aws("dynamodb", "DynamoDB_20120810.DescribeTable", &table);
    assert_eq!(table["Table"]["DeletionProtectionEnabled"], true);
    run(world, &config, &["init", "--yes", "--stack-name", "verified", "--rollback"])
        .code(3)
        .says("no earlier release");

    // Another release: the same code with another template.
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let update =
        ["init", "--yes", "--stack-name", "verified", "--log-retention-days", "30", "--architecture", architecture];
    let update = || -> Ran {
        let mut command = world.command(&update);
        command.current_dir(world.root()).env("RUNVOY_CONFIG", &config).output().unwrap().into()
    };
    let before = template(world);
    update().code(0).says("and ran exec_");
    let after = template(world);
    assert_ne!(before, after);
    run(world, &config, &["init", "--yes", "--stack-name", "verified", "--rollback"]).code(0);
    assert_eq!(template(world), before);
    // And forward again: the way back is still the same.
    update().code(0);
    assert_eq!(template(world), after);
    run(world, &config, &["init", "--yes", "--stack-name", "verified", "--rollback"]).code(0);
    assert_eq!(template(world), before);
    world.run(&["destroy", "--stack-name", "verified", "--yes", "--delete-data"]).code(0);
}

/// What the stack is made from.
fn template(world: &World) -> String {
    let reply = world.aws_query("cloudformation", "Action=GetTemplate&Version=2010-05-15&StackName=verified");
    reply.split("<TemplateBody>").nth(1).unwrap().split("</TemplateBody>").next().unwrap().to_owned()
}
