//! Which endpoint, which key; and what is said when they don't work.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    Machine, key,
    server::{Reply, Server, error, ok},
};

fn alice() -> Server {
    let user = json!({"email": "alice@example.com", "role": "member", "created_at": "2025-10-26T14:32:10Z", "new": 1});
    Server::script([("GET /whoami", vec![ok(user)])])
}

fn profile(endpoint: &str, key: &str) -> String {
    format!("profiles:\n  default:\n    api_endpoint: {endpoint}\n    api_key: {key}\n")
}

#[test]
fn without_a_config_it_says_which_file_and_what_to_run() {
    Machine::new()
        .run(&["whoami"])
        .code(1)
        .stdout("")
        .says(".runvoy/config.yaml` does not exist")
        .says("`runvoy configure`");
    Machine::new()
        .env("RUNVOY_CONFIG", "elsewhere.yaml")
        .run(&["list"])
        .code(1)
        .says("`elsewhere.yaml` does not exist");
}

#[test]
fn broken_yaml_is_named_with_its_line() {
    let broken = "profiles:\n  default:\n    api_key: [sk_live_aaaa\n";
    Machine::new().config(broken).run(&["whoami"]).code(1).says("config.yaml` is not YAML").says("line").says("hint:");
    Machine::new().config("just text\n").run(&["whoami"]).code(1).says("holds no settings").never_says("just text");
}

#[test]
fn a_key_of_the_wrong_shape_is_named_with_its_line_and_not_repeated() {
    let config = "profiles:\n  prod:\n    api_endpoint: https://x\n    api_key: [hush]\n";
    let ran = Machine::new().config(config).run(&["whoami"]).code(1);
    ran.says("line 4").says("`profiles.prod.api_key` must be text").never_says("hush");
    let config = "profiles: hush\n";
    Machine::new().config(config).run(&["whoami"]).code(1).says("`profiles` must be a mapping").never_says("hush");
}

#[test]
fn missing_and_malformed_keys_are_named() {
    let server = alice();
    let config = format!("profiles:\n  prod:\n    api_endpoint: {}\n", server.url);
    let ran = Machine::new().config(&config).run(&["whoami"]).code(1);
    ran.says("`profiles.prod.api_key` in").says("is missing").says("`runvoy configure --profile prod`");
    let ran = Machine::new().config(&profile(&server.url, "hush")).run(&["whoami"]).code(1);
    ran.says("`profiles.default.api_key`").says("not an API key").never_says("hush");
    let ran = Machine::using(&server).env("RUNVOY_API_KEY", "hush").run(&["whoami"]).code(1);
    ran.says("`RUNVOY_API_KEY` is not an API key").never_says("hush");
    assert!(server.requests().is_empty());
}

#[test]
fn two_variables_are_enough() {
    let server = alice();
    Machine::using(&server).run(&["whoami"]).code(0).stdout("alice@example.com (member)\n");
    // Not even a broken file matters then.
    Machine::using(&server).config("{").run(&["whoami"]).code(0);
    let [request, _] = &server.requests()[..] else { panic!("two requests") };
    assert_eq!(request.headers["x-api-key"], key('a'));
    assert_eq!(request.headers["user-agent"], format!("runvoy/{}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_flat_file_of_the_first_releases_is_read() {
    let server = alice();
    let config = format!("api_endpoint: {}\napi_key: {}\nregion: us-east-1\n", server.url, key('b'));
    Machine::new().config(&config).run(&["whoami"]).code(0);
    assert_eq!(server.requests()[0].headers["x-api-key"], key('b'));
}

#[test]
fn the_flag_beats_the_variables_and_they_beat_the_file() {
    let server = alice();
    let config = format!(
        "current: one\nprofiles:\n  one: {{api_endpoint: {0}, api_key: {1}}}\n  two: {{api_endpoint: {0}, api_key: {2}}}\n",
        server.url,
        key('1'),
        key('2')
    );
    let machine = Machine::new().config(&config);
    machine.run(&["whoami"]).code(0);
    machine.run(&["--profile", "two", "whoami"]).code(0);
    machine.run(&["whoami", "--profile", "three"]).code(1).says("no profile `three`").says("`one`, `two`");
    let machine = machine.env("RUNVOY_PROFILE", "two");
    machine.run(&["whoami"]).code(0);
    let machine = machine.env("RUNVOY_API_KEY", &key('a'));
    machine.run(&["whoami"]).code(0);
    machine.run(&["whoami", "--profile", "one"]).code(0);
    let used: Vec<_> = server.requests().iter().map(|request| request.headers["x-api-key"].clone()).collect();
    assert_eq!(used, ['1', '2', '2', 'a', '1'].map(key));
}

#[test]
fn a_file_that_others_can_read_is_warned_about() {
    let server = alice();
    let machine = Machine::new().config(&profile(&server.url, &key('a')));
    machine.run(&["whoami"]).code(0).never_says("warning");
    machine.config_mode(0o644).run(&["whoami"]).code(0).says("warning:").says("mode 0644").says("chmod 600");
}

#[test]
fn a_refused_key_says_what_to_run() {
    let server = Server::script([("GET /whoami", vec![error(401, "unauthorized", "no such key")])]);
    let ran = Machine::using(&server).run(&["whoami"]).code(1).stdout("");
    ran.says("the key was refused").says("cause: no such key").says("`runvoy configure`");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_endpoint_that_can_not_be_reached_is_named_soon() {
    let url = "http://127.0.0.1:1";
    let machine = Machine::new().env("RUNVOY_ENDPOINT", url).env("RUNVOY_API_KEY", &key('a'));
    let started = Instant::now();
    machine.run(&["list"]).code(1).says(&format!("`{url}` can't be reached")).says("cause:").says("hint:");
    machine.run(&["exec", "true"]).code(125).says(&format!("`{url}` can't be reached"));
    // Where nobody answers at all: the limit is far below any that the system has.
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn what_is_not_the_api_is_told_apart() {
    let portal = Reply::Text(200, "text/html", "<h1>Log in to the hotel's network</h1>");
    let server = Server::script([("GET /whoami", vec![portal])]);
    Machine::using(&server).run(&["whoami"]).code(1).says("not as runvoy's API does").says("login page");
    let server = Server::script([("GET /whoami", vec![Reply::Text(403, "application/json", r#"{"Message":null}"#)])]);
    Machine::using(&server).run(&["whoami"]).code(1).says("403 Forbidden").says("`api_endpoint`");
}

#[test]
fn reads_are_tried_again() {
    let user = json!({"email": "a@example.com", "role": "admin", "created_at": "2025-10-26T14:32:10Z"});
    let busy = error(503, "unavailable", "AWS is busy");
    let third = |_| {
        let replies = vec![Reply::HangUp, busy.clone(), ok(user.clone())];
        let server = Server::script([("GET /whoami", replies)]);
        let ran = Machine::using(&server).run(&["whoami"]);
        ran.code == 0 && ran.stdout == "a@example.com (admin)\n" && server.requests().len() == 3
    };
    // For four seconds, all of which a busy machine may spend on the first attempt.
    assert!((0..10).any(third));
}

#[test]
fn the_key_does_not_travel_in_the_clear() {
    let machine = Machine::new().env("RUNVOY_ENDPOINT", "http://example.com/").env("RUNVOY_API_KEY", &key('a'));
    machine.run(&["whoami"]).code(1).says("unencrypted").says("https://");
    let machine = Machine::new().env("RUNVOY_ENDPOINT", "example.com").env("RUNVOY_API_KEY", &key('a'));
    machine.run(&["whoami"]).code(1).says("`example.com` is not an endpoint");
}

#[test]
fn health_needs_no_key() {
    let health = json!({"status": "ok", "version": "9.9.9", "contract": 99});
    let server = Server::script([("GET /health", vec![ok(health)])]);
    let machine = Machine::new().env("RUNVOY_ENDPOINT", &server.url);
    machine.run(&["health"]).code(0).stdout("ok\n").says("9.9.9").says("warning:");
    assert!(!server.requests()[0].headers.contains_key("x-api-key"));
}
