//! Installing, again, elsewhere, and removing.

use std::os::unix::fs::PermissionsExt as _;

use runvoy_sandbox::proxy::Caller;
use serde_json::json;

use crate::{
    http,
    world::{ADMIN, World},
};

/// Calls that change something.
fn mutating(action: &str) -> bool {
    !["Get", "Head", "List", "Describe", "Query", "Scan", "BatchGet", "Validate"]
        .iter()
        .any(|read| action.starts_with(read))
}

#[test]
fn the_first_init_shows_the_key_once_and_keeps_it_private() {
    let world = World::get();
    let (stdout, stderr) = (&world.first_init.stdout, &world.first_init.stderr);
    assert_eq!(stdout.matches(&world.admin_key).count(), 1, "{stdout}");
    assert!(!stderr.contains("sk_live_"), "{stderr}");
    let mode = std::fs::metadata(world.config()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A pipe gets plain lines.
    assert!(!stderr.contains('\u{1b}') && !stderr.contains('\r'), "{stderr:?}");
}

#[test]
fn a_second_init_changes_nothing() {
    let world = World::get();
    let _turn = world.turn();
    let mark = world.mark();
    let again = world.init("runvoy", ADMIN).code(0);
    assert!(!again.stdout.contains("sk_live_"), "{}", again.stdout);
    let calls = world.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client);
    // Other tests' calls are about other deployments.
    let calls = calls.filter(|call| call.detail == "runvoy" || call.detail.starts_with("runvoy-"));
    let changes: Vec<_> = calls.map(|call| call.action).filter(|action| mutating(action)).collect();
    assert_eq!(changes, Vec::<String>::new());
}

#[test]
fn another_deployment_lives_beside_it_and_goes() {
    let world = World::get();
    let _turn = world.turn();
    let init = world.init("second", "second@example.com").code(0);
    assert!(init.stdout.contains("sk_live_"), "{}", init.stdout);
    assert_eq!(world.run(&["--profile", "second", "exec", "echo there"]).code(0).stdout, "there\n");
    world.run(&["destroy", "--stack-name", "second", "--yes", "--delete-data"]).code(0);
    let tables = world.aws("dynamodb", "DynamoDB_20120810.ListTables", &json!({})).to_string();
    assert!(!tables.contains("second-"), "{tables}");
    world.run(&["--profile", "second", "whoami"]).code(1).says("second");
    world.run(&["destroy", "--stack-name", "second", "--yes"]).code(0);
    // The first one never noticed.
    world.run(&["whoami"]).code(0);
}

#[test]
fn history_survives_a_removal_and_is_adopted() {
    let world = World::get();
    let _turn = world.turn();
    world.init("third", "third@example.com").code(0);
    let id = world.run(&["--profile", "third", "exec", "--detach", "echo kept"]).code(0).stdout.trim().to_owned();
    crate::world::until("it is over", || {
        let record = world.run(&["--profile", "third", "status", &id, "--json"]).code(0).json();
        (record["status"] == "completed").then_some(())
    });
    let destroyed = world.run(&["destroy", "--stack-name", "third", "--yes"]).code(0);
    assert!(
        destroyed.stdout.contains("third-executions") || destroyed.stderr.contains("third-executions"),
        "{destroyed:?}"
    );
    let tables = world.aws("dynamodb", "DynamoDB_20120810.ListTables", &json!({})).to_string();
    assert!(tables.contains("third-executions"), "{tables}");
}

#[test]
fn without_a_terminal_or_a_yes_nothing_happens() {
    let world = World::get();
    let _turn = world.turn();
    let mark = world.mark();
    world.run(&["init", "--stack-name", "fourth"]).code(2).says("--yes");
    world.run(&["destroy"]).code(2).says("--yes");
    let changes: Vec<_> = world.calls_since(mark).into_iter().filter(|call| call.detail.contains("fourth")).collect();
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn the_same_router_serves_by_itself() {
    let world = World::get();
    let server = world.serve(&world.function_credentials());
    let whoami = http::send(&server.address, "GET", "/api/v1/whoami", &[("x-api-key", &world.admin_key)], "");
    assert_eq!((whoami.status, whoami.json()["email"].as_str()), (200, Some(ADMIN)), "{}", whoami.body);
}
