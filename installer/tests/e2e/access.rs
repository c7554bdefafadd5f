//! Who may do what.

use crate::{
    http,
    world::{ADMIN, World, until},
};

#[test]
fn users_come_and_go() {
    let world = World::get();
    let key = world.add_user("a@example.com", "member");
    assert_eq!(world.run_as(&key, &["whoami", "--json"]).code(0).json()["email"], "a@example.com");
    assert_eq!(world.run_as(&key, &["exec", "echo mine"]).code(0).stdout, "mine\n");
    world.run(&["admin", "add-user", "a@example.com"]).code(1).says("has a key already");
    let listed = world.run(&["admin", "list-users"]).code(0).stdout;
    assert!(listed.contains("a@example.com") && listed.contains(ADMIN), "{listed}");

    world.run(&["admin", "revoke-user", "a@example.com"]).code(0);
    for args in [&["whoami"] as &[&str], &["list"], &["admin", "list-users"]] {
        world.run_as(&key, args).code(1).says("runvoy configure");
    }
    world.run_as(&key, &["exec", "true"]).code(125).says("runvoy configure");
    // The address is free again, for another key.
    let again = world.add_user("a@example.com", "member");
    assert_ne!(again, key);
    world.run_as(&again, &["whoami"]).code(0);
    world.run_as(&key, &["whoami"]).code(1);
}

#[test]
fn roles_are_kept_apart() {
    let world = World::get();
    let (viewer, member) =
        (world.add_user("viewer@example.com", "viewer"), world.add_user("member@example.com", "member"));
    let id = world.run(&["exec", "--detach", "echo the admin\\'s own"]).code(0).stdout.trim().to_owned();
    world.ended(&id);

    world.run_as(&viewer, &["exec", "true"]).code(125).says("needs the role `member`");
    assert_eq!(world.run_as(&viewer, &["status", &id, "--json"]).code(0).json()["status"], "completed");
    for key in [&viewer, &member] {
        world.run_as(key, &["logs", &id]).code(1).says(ADMIN);
        world.run_as(key, &["open", "--print", &id]).code(1).says(ADMIN);
        world.run_as(key, &["admin", "list-users"]).code(1).says("needs the role `admin`");
        world.run_as(key, &["admin", "add-user", "x@example.com"]).code(1).says("needs the role `admin`");
    }
    world.run_as(&member, &["stop", &id]).code(1).says(ADMIN);
    // The admin reads everybody's.
    let theirs = world.run_as(&member, &["exec", "--detach", "echo theirs"]).code(0).stdout.trim().to_owned();
    world.ended(&theirs);
    assert_eq!(world.run(&["logs", &theirs]).code(0).stdout, "theirs\n");
    // Lists are one's own unless all are asked for.
    assert!(!world.run_as(&member, &["list"]).code(0).stdout.contains(&id));
    assert!(world.run_as(&member, &["list", "--all", "--limit", "500"]).code(0).stdout.contains(&id));
}

#[test]
fn every_route_asks_for_its_role() {
    let world = World::get();
    let (viewer, member) =
        (world.add_user("routes-v@example.com", "viewer"), world.add_user("routes-m@example.com", "member"));
    let routes = [
        ("POST", "/executions", "member"),
        ("DELETE", "/executions/exec_20200101000000_000000", "member"),
        ("DELETE", "/locks/x", "admin"),
        ("GET", "/users", "admin"),
        ("POST", "/users", "admin"),
        ("PATCH", "/users/x@example.com", "admin"),
        ("DELETE", "/users/x@example.com", "admin"),
        ("POST", "/users/x@example.com/rotate", "admin"),
        ("GET", "/audit", "admin"),
        ("GET", "/costs", "admin"),
        ("GET", "/config", "admin"),
        ("PATCH", "/config", "admin"),
    ];
    for (method, path, least) in routes {
        let weaker = if least == "admin" { &[&viewer, &member][..] } else { &[&viewer] };
        for key in weaker {
            let reply = http::send(&world.endpoint, method, path, &[("x-api-key", key)], r#"{"command":"true"}"#);
            assert_eq!((reply.status, reply.error().1.as_str()), (403, "forbidden"), "{method} {path}: {}", reply.body);
            assert!(reply.body.contains(&format!("the role `{least}`")), "{method} {path}: {}", reply.body);
        }
    }
}

#[test]
fn the_last_admin_stays() {
    World::get().run(&["admin", "revoke-user", ADMIN]).code(1).says("can't revoke your own key");
}

#[test]
fn use_of_a_key_is_noted() {
    let world = World::get();
    let key = world.add_user("used@example.com", "viewer");
    world.run_as(&key, &["whoami"]).code(0);
    until("last_used is set", || {
        let users = world.run(&["admin", "list-users", "--json"]).code(0).json();
        let user = users["users"].as_array().unwrap().iter().find(|user| user["email"] == "used@example.com").cloned();
        user.and_then(|user| user["last_used"].as_str().map(str::to_owned))
    });
}

#[test]
fn a_key_is_stored_as_its_hash_only() {
    let world = World::get();
    let key = world.add_user("hashed@example.com", "viewer");
    for table in ["runvoy-api-keys", "runvoy-audit", "runvoy-executions", "runvoy-locks"] {
        let rows = world.aws("dynamodb", "DynamoDB_20120810.Scan", &serde_json::json!({ "TableName": table }));
        let text = rows.to_string();
        assert!(!text.contains(&key[8..]) && !text.contains(&world.admin_key[8..]), "a key in {table}");
    }
}

#[test]
fn a_teammate_configures_and_works() {
    use std::io::Write as _;
    let world = World::get();
    let key = world.add_user("teammate@example.com", "member");
    let configure = |key: &str| -> crate::world::Ran {
        let mut command =
            world.command(&["configure", "--profile", "mine", "--endpoint", &world.endpoint, "--api-key-stdin"]);
        command.env("RUNVOY_CONFIG", world.file("teammate.yaml")).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(key.as_bytes()).unwrap();
        child.wait_with_output().unwrap().into()
    };
    // A key that the deployment does not know is not saved.
    let unknown = format!("sk_live_{}", "0".repeat(64));
    assert_ne!(configure(&unknown).code, 0);
    assert!(!world.file("teammate.yaml").exists());
    configure(&key).code(0);
    let mut whoami = world.command(&["whoami", "--json"]);
    let whoami = whoami.env("RUNVOY_CONFIG", world.file("teammate.yaml")).output().unwrap();
    assert_eq!(crate::world::Ran::from(whoami).code(0).json()["email"], "teammate@example.com");
}
