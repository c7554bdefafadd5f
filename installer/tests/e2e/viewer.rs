//! Log links and the feed behind them.

use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

use crate::{
    http,
    site::Site,
    world::{Running, World, until},
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
    until("the log is complete", || {
        let path = format!("/api/{page}?token={token}&limit=2{query}");
        let feed = http::send(&world.endpoint, "GET", &path, &[], "").json();
        seen.extend(feed["logs"].as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()));
        query = format!("&cursor={}", feed["cursor"].as_str().unwrap().replace('/', "%2F"));
        feed["completed"].as_bool().unwrap().then_some(())
    });
    assert_eq!(seen, ["one", "two", "three"]);
}

/// CloudWatch shows what was written in the end only after ECS has told that all is over.
#[test]
fn the_last_lines_come_before_the_end() {
    let world = World::get();
    // One of its own: others need not wait for late lines.
    let site = Site::new(world.sandbox(), "v-late");
    site.install();
    let run = |args: &[&str]| site.run(&[&["--profile", "v-late"], args].concat()).code(0);
    run(&["admin", "config", "log_grace=45"]);
    let started = run(&["exec", "--detach", "--json", "echo first"]).json();
    let id = started["execution_id"].as_str().unwrap();
    let record = until("it is over", || {
        Some(run(&["status", id, "--json"]).json()).filter(|record| record["completed_at"].is_string())
    });
    let follower = Running::new(site.command(&["--profile", "v-late", "logs", "-f", id]).spawn().unwrap());
    let endpoint = site.endpoint();
    let (page, token) = link(started["log_url"].as_str().unwrap(), &endpoint);
    let feed = |query: &str| {
        let path = format!("/api/{page}?token={token}{query}");
        http::send(&endpoint, "GET", &path, &[], "").json()
    };
    let first = feed("");
    assert_eq!((&first["status"], &first["completed"]), (&json!("completed"), &json!(false)));
    let stream = record["log_stream_name"].as_str().unwrap();
    put(world, "/runvoy/v-late/executions", stream, &["late\n", "\n", "last\n"]);
    let (mut seen, mut page) = (messages(&first), first);
    until("the log is complete", || {
        page = feed(&format!("&cursor={}", page["cursor"].as_str().unwrap()));
        seen.extend(messages(&page));
        page["completed"].as_bool().unwrap().then_some(())
    });
    assert_eq!(seen, ["first", "late", "", "last"]);
    assert_eq!(follower.end().code(0).stdout, "first\nlate\n\nlast\n");
}

/// What the container that fetches code says comes first, is marked, and is not the command's output.
#[test]
fn the_code_containers_lines_come_first_and_apart() {
    let world = World::get();
    let started = world.run(&["exec", "--detach", "--json", "echo output"]).code(0).json();
    let record = world.ended(started["execution_id"].as_str().unwrap());
    let stream = record["log_stream_name"].as_str().unwrap().replace("/executor/", "/prepare/");
    let body = json!({ "logGroupName": GROUP, "logStreamName": stream });
    world.aws("logs", "Logs_20140328.CreateLogStream", &body);
    put(world, GROUP, &stream, &["cloning"]);
    let (page, token) = link(started["log_url"].as_str().unwrap(), &world.endpoint);
    let first = http::send(&world.endpoint, "GET", &format!("/api/{page}?token={token}"), &[], "").json();
    assert_eq!(first["logs"][0]["source"], "prepare");
    assert_eq!(first["execution"]["command"], "echo output");
    assert!(!first.to_string().contains("arn:"), "{first}");
    let ran = world.run(&["logs", "-f", started["execution_id"].as_str().unwrap()]).code(0);
    assert_eq!(ran.stdout, "output\n");
    ran.says("cloning");
}

/// A page of escape codes would be 7 MB in Lambda's reply, which takes 6.
#[test]
fn a_page_fits_whatever_is_in_it() {
    let world = World::get();
    let command = r#"awk 'BEGIN { for (n = 0; n < 12; n++) { for (c = 0; c < 100000; c++) printf "\033"; print n } }'"#;
    let ran = world.run(&["exec", command]).code(0);
    let (page, token) = link(&ran.stderr, &world.endpoint);
    let (mut seen, mut query, mut largest) = (Vec::new(), String::new(), 0);
    until("the log is complete", || {
        let reply = http::send(&world.endpoint, "GET", &format!("/api/{page}?token={token}{query}"), &[], "");
        largest = largest.max(serde_json::to_string(&reply.body).unwrap().len());
        let feed = reply.json();
        seen.extend(messages(&feed));
        query = format!("&cursor={}", feed["cursor"].as_str().unwrap());
        feed["completed"].as_bool().unwrap().then_some(())
    });
    assert!((4_000_000..6_000_000).contains(&largest), "{largest}");
    let numbers: Vec<_> = seen.iter().map(|line| line.trim_start_matches('\u{1b}')).collect();
    assert_eq!(numbers, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
    assert_eq!(ran.stdout.len(), 12 * 100_000 + 10 * 2 + 2 * 3);
}

/// Many readers who wait at the end of a log cost one look at it a second.
#[test]
fn waiting_at_the_end_is_cheap() {
    let world = World::get();
    let go = world.file("cheap-go");
    let command = format!("echo there; while [ ! -e {} ]; do sleep 0.05; done", go.display());
    let started = world.run(&["exec", "--detach", "--json", &command]).code(0).json();
    let (page, token) = link(started["log_url"].as_str().unwrap(), &world.endpoint);
    // An instance keeps what it saw for a second; of the deployed function other tests may have made several.
    let server = world.serve(&world.function_credentials());
    let feed = |query: &str| {
        let path = format!("/api/{page}?token={token}{query}");
        http::send(&server.address, "GET", &path, &[], "").json()
    };
    let first = until("the line", || Some(feed("")).filter(|page| !messages(page).is_empty()));
    let query = format!("&cursor={}", first["cursor"].as_str().unwrap());
    let task = started["execution_id"].as_str().unwrap();
    let stream = world.run(&["status", task, "--json"]).code(0).json()["log_stream_name"].as_str().unwrap().to_owned();
    let (mark, begun) = (world.mark(), Instant::now());
    for _ in 0..30 {
        assert!(messages(&feed(&query)).is_empty());
    }
    let seconds = begun.elapsed().as_secs() as usize + 1;
    let calls = world.calls_since(mark).into_iter();
    let looks = calls.filter(|call| call.action == "GetLogEvents" && call.detail.contains(&stream)).count();
    assert!(looks <= seconds + 1, "{looks} looks in {seconds} s");
    std::fs::write(go, "").unwrap();
}

const GROUP: &str = "/runvoy/runvoy/executions";

/// Lines that come into a stream now.
fn put(world: &World, group: &str, stream: &str, lines: &[&str]) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let events: Vec<_> = lines.iter().map(|line| json!({ "timestamp": now as u64, "message": line })).collect();
    let body = json!({ "logGroupName": group, "logStreamName": stream, "logEvents": events });
    world.aws("logs", "Logs_20140328.PutLogEvents", &body);
}

fn messages(page: &Value) -> Vec<String> {
    page["logs"].as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}
