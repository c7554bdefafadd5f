//! `runvoy open`: the browser gets the link, and nobody else.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
};

use serde_json::{Value, json};

use crate::{
    Machine,
    replies::ID,
    server::{Server, ok},
};

const LINK: &str = "https://example.com/logs/exec_20251026143210_a1b2c3#token=t";

fn server(link: Option<&str>) -> Server {
    let mut execution = json!({"execution_id": ID, "status": "running", "user_email": "a@example.com",
        "command": "x", "image": "i", "started_at": "2025-10-26T14:32:10Z", "cpu": 512, "memory": 1024, "timeout_seconds": 600});
    let list = json!({"executions": [execution]});
    execution["log_url"] = link.map_or(Value::Null, Value::from);
    let path = "GET /executions/exec_20251026143210_a1b2c3";
    Server::script([(path, vec![ok(execution)]), ("GET /executions?limit=1", vec![ok(list)])])
}

fn host(url: &str) -> &str {
    url.trim().strip_prefix("http://").unwrap().split('/').next().unwrap()
}

/// What a browser gets from this address.
fn visit(url: &str) -> String {
    let (host, path) = (host(url), url.trim().rsplit('/').next().unwrap());
    let mut stream = TcpStream::connect(host).unwrap();
    // In pieces: the reply waits for the last one.
    stream.set_nodelay(true).unwrap();
    for piece in [format!("GET /{path} HTTP/1.1\r\n"), format!("host: {host}\r\n"), "\r\n".to_owned()] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

#[test]
fn the_browser_is_led_to_the_link_and_its_argument_does_not_tell_it() {
    let machine = Machine::using(&server(Some(LINK))).file("bin/xdg-open", "#!/bin/sh\necho \"$1\" > \"$HOME/pipe\"\n");
    let opener = machine.home.path().join("bin/xdg-open");
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let pipe = machine.home.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let machine = machine.env("PATH", opener.parent().unwrap().to_str().unwrap());
    let running = machine.spawn(&["open", "last"]);
    let address = fs::read_to_string(&pipe).unwrap();
    assert!(!address.contains("token") && address.starts_with("http://127.0.0.1:"), "{address}");
    // A connection that a browser opens in advance holds nothing up.
    let _unused = TcpStream::connect(host(&address)).unwrap();
    assert!(visit(&address.replace('\n', "0")).starts_with("HTTP/1.1 404"));
    let reply = visit(&address);
    assert!(reply.starts_with("HTTP/1.1 302 ") && reply.contains(&format!("location: {LINK}\r\n")), "{reply}");
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty());
    // It leads there once.
    assert!(TcpStream::connect(host(&address)).is_err());
}

#[test]
fn the_link_is_printed_where_it_is_asked_for_or_there_is_no_browser() {
    let machine = Machine::using(&server(Some(LINK))).env("PATH", "/nonexistent");
    machine.run(&["open", ID, "--print"]).code(0).stdout(&format!("{LINK}\n"));
    machine.run(&["open", ID]).code(0).says("no browser could be opened").stdout(&format!("{LINK}\n"));
}

#[test]
fn who_may_not_read_the_log_is_told_whose_it_is() {
    Machine::using(&server(None)).run(&["open", ID]).code(1).says("is for a@example.com and admins");
}
