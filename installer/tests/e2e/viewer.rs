//! Log links.

use std::time::Duration;

use crate::{
    http,
    world::{World, until},
};

/// The link that `exec` printed, in its parts: path and token.
fn link(stderr: &str, endpoint: &str) -> (String, String) {
    let link = stderr.split_whitespace().find(|word| word.starts_with(endpoint)).unwrap();
    let (page, token) = link.split_once("#token=").unwrap();
    (page.trim_start_matches(endpoint).to_owned(), token.to_owned())
}

#[test]
fn a_link_shows_its_own_log_and_no_other() {
    let world = World::get();
    let ran = world.run(&["exec", "echo shown; exit 4"]).code(4);
    let other = world.run(&["exec", "echo hidden"]).code(0);
    let (page, token) = link(&ran.stderr, &world.endpoint);
    let (other_page, _) = link(&other.stderr, &world.endpoint);
    let feed = |page: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        http::send(&world.endpoint, "GET", &format!("/api/{page}"), &[("authorization", &bearer)], "")
    };
    let shown = feed(&page, &token).json();
    assert_eq!(shown["logs"][0]["message"], "shown");
    assert_eq!((shown["status"].as_str(), shown["exit_code"].as_i64()), (Some("failed"), Some(4)));
    assert_eq!(http::send(&world.endpoint, "GET", &format!("/api/{page}?token={token}"), &[], "").status, 200);
    for (page, token) in
        [(&other_page, token.as_str()), (&page, "nonsense"), (&page, ""), (&page, &token[..token.len() - 4])]
    {
        let (status, code, message, _) = feed(page, token).error();
        assert_eq!((status, code.as_str()), (401, "unauthorized"), "{message}");
    }
    assert_eq!(http::send(&world.endpoint, "GET", &format!("/api/{page}"), &[], "").status, 401);
}

#[test]
fn the_page_loads_nothing_and_holds_nothing() {
    let world = World::get();
    let reply = http::send(&world.endpoint, "GET", "/logs/exec_20200101000000_000000", &[], "");
    assert_eq!(reply.status, 200);
    let policy = reply.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(reply.header("referrer-policy"), "no-referrer");
    assert!(!reply.body.contains("http://") && !reply.body.contains("https://"));
}

#[test]
fn the_cursor_goes_on_where_it_was() {
    let world = World::get();
    let ran = world.run(&["exec", "echo one; echo two; echo three"]).code(0);
    let (page, token) = link(&ran.stderr, &world.endpoint);
    let (mut seen, mut query) = (Vec::new(), String::new());
    let start = std::time::Instant::now();
    until("the log is complete", || {
        let path = format!("/api/{page}?token={token}&limit=2{query}");
        let feed = http::send(&world.endpoint, "GET", &path, &[], "").json();
        seen.extend(feed["logs"].as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()));
        query = format!("&cursor={}", feed["cursor"].as_str().unwrap().replace('/', "%2F"));
        feed["completed"].as_bool().unwrap().then_some(())
    });
    assert_eq!(seen, ["one", "two", "three"]);
    assert!(start.elapsed() < Duration::from_secs(10));
}
