//! Who changed what.

use serde_json::{Value, json};

use crate::{
    http,
    world::{ADMIN, World},
};

fn trail(world: &World, args: &[&str]) -> Vec<Value> {
    let list = world.run(&[&["audit", "--json", "--limit", "500"], args].concat()).code(0).json();
    list["entries"].as_array().unwrap().clone()
}

#[test]
fn every_kind_of_change_is_told_with_who_when_and_from_where() {
    let world = World::get();
    let email = "trail@example.com";
    let key = world.add_user(email, "member");
    world.run(&["admin", "set-role", email, "viewer"]).code(0);
    world.run(&["admin", "set-role", email, "member"]).code(0);
    let id = world.run_as(&key, &["exec", "--detach", "--env", "TOKEN=hunter2", "sleep 600"]).code(0).stdout;
    world.run_as(&key, &["stop", id.trim()]).code(0);
    world.run(&["admin", "rotate-key", email]).code(0);
    world.run(&["admin", "revoke-user", email]).code(0);
    let all = trail(world, &["--since", "1h"]);
    let about: Vec<&Value> =
        all.iter().filter(|entry| entry["target"] == email || entry["target"] == id.trim()).collect();
    let mut actions: Vec<_> = about.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    actions.sort_unstable();
    let expected =
        ["execution.start", "execution.stop", "user.add", "user.change", "user.change", "user.revoke", "user.rotate"];
    assert_eq!(actions, expected);
    for entry in &about {
        let actor = if entry["action"].as_str().unwrap().starts_with("execution") { email } else { ADMIN };
        assert_eq!(entry["actor"], actor, "{entry}");
        assert!(entry["at"].is_string() && !entry["source_ip"].as_str().unwrap().is_empty(), "{entry}");
        assert!(["done", "accepted"].contains(&entry["result"].as_str().unwrap()), "{entry}");
    }
    assert!(!json!(all).to_string().contains("hunter2"), "values of variables are not for the trail");
    assert!(all.is_sorted_by(|a, b| a["at"].as_str() >= b["at"].as_str()), "newest first");
    let theirs = trail(world, &["--user", email]);
    assert!(theirs.len() == 2 && theirs.iter().all(|entry| entry["actor"] == email), "{theirs:?}");
    world.run_as(&world.add_user("trail-member@example.com", "member"), &["audit"]).code(1).says("role `admin`");
}

#[test]
fn pages_have_no_gap_and_no_repeat() {
    let world = World::get();
    let key = world.add_user("paged-trail@example.com", "admin");
    for n in 0..5 {
        world.run_as(&key, &["admin", "add-user", &format!("paged-{n}@example.com")]).code(0);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/audit?user=paged-trail@example.com&limit=2{cursor}");
        let page = http::send(&world.endpoint, "GET", &path, &[("x-api-key", &world.admin_key)], "").json();
        seen.extend(
            page["entries"].as_array().unwrap().iter().map(|entry| entry["target"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["cursor"].as_str() else { break };
        cursor = format!("&cursor={}", next.replace('#', "%23"));
    }
    seen.sort();
    assert_eq!(seen, (0..5).map(|n| format!("paged-{n}@example.com")).collect::<Vec<_>>());
    for query in ["cursor=nonsense", "since=soon", "limit=0", "usre=a"] {
        let reply =
            http::send(&world.endpoint, "GET", &format!("/audit?{query}"), &[("x-api-key", &world.admin_key)], "");
        assert_eq!(reply.status, 400, "{query}");
    }
}
