//! What only somebody at a terminal sees: the status line, what Ctrl-C asks, tables that fit, colours.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use runvoy_sandbox::Pty;
use serde_json::{Value, json};

use crate::{
    Machine,
    server::{Reply, Server, error, ok},
};

const ID: &str = "exec_20251026143210_a1b2c3";
const PATIENCE: Duration = Duration::from_secs(60);

fn shows(text: &str) -> impl Fn(&vt100::Screen) -> bool {
    move |screen| screen.contents().contains(text)
}

fn page(status: &str, lines: &[&str], exit_code: Option<i32>) -> Reply {
    let logs: Vec<_> = lines.iter().map(|line| json!({"timestamp": 1, "message": line})).collect();
    let completed = exit_code.is_some();
    ok(json!({"execution_id": ID, "status": status, "logs": logs, "completed": completed, "cursor": "c",
        "exit_code": exit_code}))
}

/// An execution that runs until it is stopped.
fn endless(status: &'static str) -> Server {
    endless_at(status, None)
}

/// The same, with a task that has come so far.
fn endless_at(status: &'static str, task: Option<&'static str>) -> Server {
    let stopped = Arc::new(AtomicBool::new(false));
    Server::start(move |request| match request.line.replacen("/api/v1", "", 1).as_str() {
        "POST /executions" => {
            Reply::Json(201, json!({"execution_id": ID, "status": "starting", "log_url": "https://x"}))
        }
        "DELETE /executions/exec_20251026143210_a1b2c3" => {
            stopped.store(true, Ordering::SeqCst);
            ok(json!({}))
        }
        "GET /executions/exec_20251026143210_a1b2c3/logs" => page(status, &["first line"], None),
        "GET /executions/exec_20251026143210_a1b2c3/logs?cursor=c" if stopped.load(Ordering::SeqCst) => {
            page("stopped", &["last line"], Some(143))
        }
        "GET /executions/exec_20251026143210_a1b2c3/logs?cursor=c" => {
            let Reply::Json(code, mut page) = page(status, &[], None) else { unreachable!() };
            page["task_status"] = json!(task);
            Reply::Json(code, page)
        }
        line => error(404, "not_found", line),
    })
}

fn exec(machine: &Machine, args: &[&str]) -> Pty {
    Pty::spawn(machine.command(&[&["exec"], args].concat()), 80, 24).unwrap()
}

#[test]
fn the_status_line_says_what_is_waited_for() {
    for (status, task, words) in [
        ("queued", None, "queued: waits for its lock `infra-prod`"),
        ("starting", None, "starting: AWS provides a container"),
        ("starting", Some("PROVISIONING"), "provisioning: AWS provides"),
        ("starting", Some("PENDING"), "pulling: the image"),
        ("running", None, "running"),
    ] {
        let server = endless_at(status, task);
        let mut pty = exec(&Machine::using(&server), &["--lock", "infra-prod", "x"]);
        pty.wait_for(shows(words), PATIENCE).unwrap();
    }
}

#[test]
fn ctrl_c_asks_and_stop_stops() {
    let server = endless("running");
    let mut pty = exec(&Machine::using(&server), &["x"]);
    pty.wait_for(shows("first line"), PATIENCE).unwrap();
    pty.type_text("\x03").unwrap();
    pty.wait_for(shows("Ctrl-C again leaves at once"), PATIENCE).unwrap();
    pty.type_text("s\r").unwrap();
    assert_eq!(pty.wait(PATIENCE).unwrap().code(), Some(143));
    assert!(pty.screen().contains("stopping;") && pty.screen().contains("\nlast line\n"), "{}", pty.screen());
    assert_eq!(server.lines().iter().filter(|line| line.starts_with("DELETE")).count(), 1);
}

#[test]
fn ctrl_c_asks_and_detach_leaves_it_running() {
    let server = endless("running");
    let mut pty = exec(&Machine::using(&server), &["x"]);
    pty.wait_for(shows("first line"), PATIENCE).unwrap();
    // The first time it was a slip.
    for answer in ["\r", "d\r"] {
        let asked = |screen: &vt100::Screen| screen.contents().matches("What now?").count();
        let before = if answer == "d\r" { 1 } else { 0 };
        pty.type_text("\x03").unwrap();
        pty.wait_for(|screen| asked(screen) > before && screen.contents().trim_end().ends_with("at once"), PATIENCE)
            .unwrap();
        pty.type_text(answer).unwrap();
        if answer == "\r" {
            pty.wait_for(|screen| screen.contents().trim_end().ends_with("running"), PATIENCE).unwrap();
        }
    }
    assert_eq!(pty.wait(PATIENCE).unwrap().code(), Some(130));
    assert!(pty.screen().contains(&format!("runvoy logs -f {ID}")), "{}", pty.screen());
    assert!(!server.lines().iter().any(|line| line.starts_with("DELETE")));
}

#[test]
fn a_second_ctrl_c_leaves_at_once() {
    let server = endless("running");
    let mut pty = exec(&Machine::using(&server), &["x"]);
    pty.wait_for(shows("first line"), PATIENCE).unwrap();
    pty.type_text("\x03").unwrap();
    pty.wait_for(shows("Ctrl-C again leaves at once"), PATIENCE).unwrap();
    pty.type_text("\x03").unwrap();
    assert_eq!(pty.wait(PATIENCE).unwrap().code(), Some(130));
    assert!(!server.lines().iter().any(|line| line.starts_with("DELETE")));
}

fn history() -> Server {
    let one = |status: &str, command: &str| -> Value {
        json!({"execution_id": ID, "status": status, "user_email": "alice.the.admin@example.com", "command": command,
            "image": "i", "started_at": "2025-10-26T14:32:10Z", "cpu": 512, "memory": 1024, "timeout_seconds": 600})
    };
    let list = json!({"executions": [one("completed", "terraform apply -auto-approve -var-file=prod.tfvars"), one("failed", "é")]});
    Server::script([("GET /executions?limit=20&all=true", vec![ok(list)])])
}

#[test]
fn tables_fit_the_terminal_and_have_colours_by_status() {
    for columns in [60, 80, 200] {
        let mut pty = Pty::spawn(Machine::using(&history()).command(&["list", "--all"]), columns, 24).unwrap();
        assert!(pty.wait(PATIENCE).unwrap().success());
        let screen = pty.screen();
        // Three rows: none was too long for its line.
        assert_eq!(screen.trim_end().lines().count(), 3, "{columns}:\n{screen}");
        assert!(screen.contains(ID), "{columns}:\n{screen}");
        assert_eq!(screen.contains('…'), columns < 200, "{columns}:\n{screen}");
        let bytes: Vec<u8> = pty.output().iter().flat_map(|chunk| chunk.bytes.clone()).collect();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("\x1b[32mcompleted") && text.contains("\x1b[31mfailed"), "{text:?}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_who_want_them() {
    let server = history();
    let colourful = |names: &[(&str, &str)]| {
        let machine = names.iter().fold(Machine::using(&server), |machine, (name, value)| machine.env(name, value));
        machine.run(&["list", "--all"]).code(0).stdout.contains('\x1b')
    };
    assert!(!colourful(&[]));
    assert!(colourful(&[("CLICOLOR_FORCE", "1")]));
    for name in ["NO_COLOR", "CLICOLOR"] {
        let value = if name == "NO_COLOR" { "1" } else { "0" };
        let machine = Machine::using(&server).env(name, value);
        let mut pty = Pty::spawn(machine.command(&["list", "--all"]), 200, 24).unwrap();
        assert!(pty.wait(PATIENCE).unwrap().success());
        assert!(pty.output().iter().all(|chunk| !chunk.bytes.contains(&0x1b)), "{name}");
    }
}

/// It is folded between words, and what is to be copied stays whole.
#[test]
fn an_error_fits_the_terminal() {
    let machine = Machine::new().config("profiles: {}\n");
    let mut pty = Pty::spawn(machine.command(&["profile", "use", "a-deployment-of-elsewhere"]), 40, 24).unwrap();
    assert!(!pty.wait(PATIENCE).unwrap().success());
    let screen = pty.screen();
    assert!(screen.lines().count() > 2 && screen.lines().all(|line| line.chars().count() < 40), "{screen}");
    assert!(screen.contains("error:") && screen.contains("hint:"), "{screen}");
}

#[test]
fn a_watched_list_stays_in_its_place() {
    let list = |status: &str| {
        ok(
            json!({"executions": [{"execution_id": ID, "status": status, "user_email": "a@example.com", "command": "make",
            "image": "i", "started_at": "2025-10-26T14:32:10Z", "cpu": 512, "memory": 1024, "timeout_seconds": 600}]}),
        )
    };
    let seen = Arc::new(AtomicBool::new(false));
    let is_seen = seen.clone();
    let server = Server::start(move |_| list(if is_seen.load(Ordering::SeqCst) { "completed" } else { "running" }));
    let mut pty = Pty::spawn(Machine::using(&server).command(&["list", "--watch"]), 100, 10).unwrap();
    pty.wait_for(shows("running"), PATIENCE).unwrap();
    seen.store(true, Ordering::SeqCst);
    pty.wait_for(shows("completed"), PATIENCE).unwrap();
    let screen = pty.screen();
    assert!(!screen.contains("running") && screen.matches("EXECUTION").count() == 1, "{screen}");
}
