//! What `init` finds out before it changes anything.

use runvoy_sandbox::proxy::Caller;
use serde_json::json;

use crate::world::World;

#[test]
fn a_leftover_in_the_way_stops_init_before_it_changes_anything() {
    let world = World::get();
    let _turn = world.turn();
    let group = "/aws/lambda/blocked-api";
    world.aws("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": group }));
    let mark = world.mark();
    let init = world.init("blocked", "blocked@example.com").code(3);
    let init = init.says("✗ names").says(&format!("aws logs delete-log-group --log-group-name {group}"));
    assert_eq!(init.stdout, "");
    let calls = world.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client);
    let calls: Vec<_> = calls.filter(|call| call.detail.contains("blocked")).collect();
    assert!(!calls.is_empty() && !calls.iter().any(|call| call.is_mutation()), "{calls:?}");
}

#[test]
fn the_service_linked_role_comes_first_and_once() {
    let world = World::get();
    let calls: Vec<_> = world.calls_since(0).into_iter().filter(|call| call.caller == Caller::Client).collect();
    let place = |action: &str| calls.iter().position(|call| call.action == action).unwrap();
    assert!(place("CreateServiceLinkedRole") < place("CreateChangeSet"));
    assert_eq!(calls.iter().filter(|call| call.action == "CreateServiceLinkedRole").count(), 1);
    // The sandbox signs in as root, which nobody can simulate.
    world.first_init.clone().says("? permissions");
}
