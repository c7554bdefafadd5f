//! What a user's commands may be.

use std::{fs, io::Write as _, process::Stdio};

use serde_json::{Value, json};

use crate::{
    http,
    world::{Ran, World, line},
};

fn set(world: &World, email: &str, policy: &Value) -> Ran {
    let mut command = world.command(&["admin", "set-policy", email, "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(policy.to_string().as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_policy_binds_the_next_request_and_its_refusals_name_the_rule() {
    let world = World::get();
    let email = "bound@example.com";
    let key = world.add_user(email, "member");
    world.run_as(&key, &["exec", "true"]).code(0);
    let rules = json!({"images": ["alpine*"], "locks": ["staging*"], "require_lock": true, "max_timeout": "10m"});
    set(world, email, &rules).code(0);
    let exec = |args: &[&str]| world.run_as(&key, &[&["exec"], args].concat());
    exec(&["--lock", "staging-a", "--timeout", "1m", "--image", "alpine:3", "echo fine"]).code(0);
    exec(&["--lock", "staging-a", "--timeout", "1m", "true"]).code(125).says("`images` does not allow the image");
    exec(&["--image", "alpine", "--timeout", "1m", "true"]).code(125).says("`require_lock`");
    exec(&["--image", "alpine", "--lock", "prod", "--timeout", "1m", "true"]).code(125).says("the lock `prod`");
    exec(&["--image", "alpine", "--lock", "staging", "true"])
        .code(125)
        .says("`max_timeout` does not allow 3600 seconds");
    let me = world.run_as(&key, &["whoami", "--json"]).code(0).json();
    assert_eq!(me["policy"]["locks"], json!(["staging*"]));
    // It stays with the user, whatever their key.
    let key = world.run(&["admin", "rotate-key", email]).code(0).stdout.trim().to_owned();
    world.run_as(&key, &["exec", "true"]).code(125).says("your policy's");
    world.run(&["admin", "set-policy", email, "--none"]).code(0);
    world.run_as(&key, &["exec", "true"]).code(0);
}

#[test]
fn commands_of_a_policy_run_without_a_shell() {
    let world = World::get();
    let email = "argv@example.com";
    let key = world.add_user(email, "member");
    set(world, email, &json!({"commands": ["echo **"]})).code(2).says("needs `images`");
    set(world, email, &json!({"images": ["*"], "commands": ["printf **"], "env": ["STAGE"]})).code(0);
    let marker = world.file("escaped");
    let ran = world
        .run_as(&key, &["exec", "--env", "STAGE=x", "--", "printf '%s|' 'a  b' '$HOME' '`id`' '; exit 3'"])
        .code(0);
    assert_eq!(ran.stdout, "a  b|$HOME|`id`|; exit 3|\n");
    for escape in [
        format!("printf x; touch {}", marker.display()),
        format!("printf $(touch {})", marker.display()),
        format!("printf x\ntouch {}", marker.display()),
        format!("touch {}", marker.display()),
    ] {
        world.run_as(&key, &["exec", "--", &escape]).code(125).says("your policy's `commands`");
    }
    world
        .run_as(&key, &["exec", "--env", "LD_PRELOAD=/x", "--", "printf x"])
        .code(125)
        .says("the variable `LD_PRELOAD`");
    assert!(fs::metadata(marker).is_err());
}

#[test]
fn roles_and_keys_change_at_once() {
    let world = World::get();
    let email = "changing@example.com";
    let key = world.add_user(email, "viewer");
    world.run_as(&key, &["exec", "true"]).code(125).says("needs the role `member`");
    world.run(&["admin", "set-role", email, "member"]).code(0);
    world.run_as(&key, &["exec", "true"]).code(0);
    let new = world.run(&["admin", "rotate-key", email]).code(0).stdout.trim().to_owned();
    world.run_as(&key, &["whoami"]).code(1);
    assert_eq!(world.run_as(&new, &["whoami", "--json"]).code(0).json()["role"], "member");
    world.run(&["admin", "set-role", crate::world::ADMIN, "viewer"]).code(1).says("can't take your own role away");
    world.run(&["admin", "set-role", "nobody@example.com", "viewer"]).code(1).says("there is no user");
    let headers = [("x-api-key", world.admin_key.as_str())];
    for body in [json!({}), json!({"role": "root"}), json!({"policy": {"image": ["a"]}}), json!({"rol": "member"})] {
        let reply = http::send(&world.endpoint, "PATCH", &format!("/users/{email}"), &headers, &body.to_string());
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
    }
}

#[test]
fn a_user_has_no_more_under_way_than_their_share() {
    let world = World::get();
    let email = "busy@example.com";
    let key = world.add_user(email, "member");
    set(world, email, &json!({"max_running": 1})).code(0);
    let go_on = world.file("busy-go-on");
    let mut first =
        world.command(&["exec", &format!("echo on; until [ -e {} ]; do sleep 0.05; done", go_on.display())]);
    first.env_remove("RUNVOY_CONFIG").env("HOME", world.root()).env("RUNVOY_ENDPOINT", &world.endpoint);
    let mut first = first.env("RUNVOY_API_KEY", &key).spawn().unwrap();
    let mut stdout = std::io::BufReader::new(first.stdout.take().unwrap());
    assert_eq!(line(&mut stdout), "on\n");
    let body = json!({"command": "true"}).to_string();
    let second = http::send(&world.endpoint, "POST", "/executions", &[("x-api-key", &key)], &body);
    assert_eq!((second.status, second.error().1.as_str()), (429, "too_many_requests"), "{}", second.body);
    fs::write(go_on, "").unwrap();
    assert!(first.wait().unwrap().success());
    world.run_as(&key, &["exec", "true"]).code(0);
}

#[test]
fn larger_requests_than_any_of_ours_are_refused() {
    let world = World::get();
    let long = "x".repeat(5000);
    assert_eq!(http::send(&world.endpoint, "GET", &format!("/health?{long}"), &[], "").error().0, 413);
    let many: Vec<(String, String)> = (0..20).map(|n| (format!("x-filler-{n}"), "x".repeat(1000))).collect();
    let many: Vec<_> = many.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(http::send(&world.endpoint, "GET", "/health", &many, "").error().0, 413);
}
