//! `runvoy open`: the link that was given out when an execution began.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;
use time::OffsetDateTime;

use crate::{
    Machine, key,
    server::{Reply, Server, ok},
};

/// An id of an execution that begins now.
fn fresh(tail: &str) -> String {
    let now = OffsetDateTime::now_utc();
    let (date, time) = (now.date(), now.time());
    let (hour, minute, second) = time.as_hms();
    format!("exec_{}{:02}{:02}{hour:02}{minute:02}{second:02}_{tail}", date.year(), u8::from(date.month()), date.day())
}

fn server(id: &str) -> Server {
    let link = format!("https://example.com/logs/{id}#token=t");
    let started = json!({"execution_id": id, "status": "starting", "log_url": link});
    let list = json!({"executions": [{"execution_id": id, "status": "running", "user_email": "a@example.com",
        "command": "x", "image": "i", "started_at": "2025-10-26T14:32:10Z", "cpu": 512, "memory": 1024, "timeout_seconds": 600}]});
    Server::script([("POST /executions", vec![Reply::Json(201, started)]), ("GET /executions?limit=1", vec![ok(list)])])
}

fn configured(server: &Server) -> Machine {
    let config = format!("profiles:\n  default: {{api_endpoint: '{}', api_key: {}}}\n", server.url, key('a'));
    Machine::new().config(&config)
}

#[test]
fn the_browser_is_opened_at_the_link() {
    let id = fresh("a1b2c3");
    let server = server(&id);
    let machine = configured(&server).file("bin/xdg-open", "#!/bin/sh\necho \"$1\" > \"$HOME/opened\"\n");
    let opener = machine.home.path().join("bin/xdg-open");
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let machine = machine.env("PATH", opener.parent().unwrap().to_str().unwrap());
    machine.run(&["exec", "-d", "x"]).code(0);
    machine.run(&["open", "last"]).code(0).stdout("");
    let link = format!("https://example.com/logs/{id}#token=t\n");
    assert_eq!(fs::read_to_string(machine.home.path().join("opened")).unwrap(), link);
    machine.run(&["open", &id, "--print"]).code(0).stdout(&link);
    let kept = machine.home.path().join(".runvoy/config.links");
    assert_eq!(fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn without_a_browser_the_link_is_printed() {
    let id = fresh("a1b2c3");
    let server = server(&id);
    let machine = configured(&server).env("PATH", "/nonexistent");
    machine.run(&["exec", "-d", "x"]).code(0);
    let ran = machine.run(&["open", &id]).code(0).says("no browser could be opened");
    ran.stdout(&format!("https://example.com/logs/{id}#token=t\n"));
}

#[test]
fn a_link_that_is_not_here_or_has_expired_is_not_opened() {
    let id = fresh("a1b2c3");
    let server = server(&id);
    configured(&server).run(&["open", &id]).code(1).says("no link of `").says("runvoy logs -f");
    configured(&server)
        .run(&["open", "exec_20251026143210_a1b2c3"])
        .code(1)
        .says("has expired")
        .says("runvoy logs exec_");
    // Where nothing is configured, as in CI, nothing is kept.
    let machine = Machine::using(&server);
    machine.run(&["exec", "-d", "x"]).code(0);
    assert!(!machine.home.path().join(".runvoy").exists());
}
