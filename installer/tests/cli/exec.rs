//! `runvoy exec`: what it sends, what it prints, what it exits with.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Command,
    sync::{Mutex, mpsc},
};

use serde_json::{Value, json};

use crate::{
    Machine, Ran,
    server::{Reply, Server, error, ok},
};

const ID: &str = "exec_20251026143210_a1b2c3";
const LOGS: &str = "GET /executions/exec_20251026143210_a1b2c3/logs";

fn after(cursor: &str) -> String {
    format!("{LOGS}?cursor={cursor}")
}

fn started() -> Reply {
    let link = format!("https://example.com/logs/{ID}#token=t");
    Reply::Json(201, json!({"execution_id": ID, "status": "starting", "log_url": link, "later": true}))
}

fn page(status: &str, lines: &[&str], cursor: &str) -> Value {
    let logs: Vec<_> = lines.iter().map(|line| json!({"timestamp": 1, "message": line})).collect();
    json!({"execution_id": ID, "status": status, "logs": logs, "completed": false, "cursor": cursor})
}

fn last_page(status: &str, lines: &[&str], exit_code: Option<i32>) -> Value {
    let mut page = page(status, lines, "end");
    page["completed"] = true.into();
    page["exit_code"] = exit_code.into();
    page
}

/// A server whose execution prints these lines and ends like this.
fn runs(status: &str, lines: &[&str], exit_code: Option<i32>) -> Server {
    Server::script([("POST /executions", vec![started()]), (LOGS, vec![ok(last_page(status, lines, exit_code))])])
}

fn sent(server: &Server) -> Value {
    serde_json::from_str(&server.requests()[0].body).unwrap()
}

#[test]
fn stdout_is_the_log_alone_and_the_exit_code_the_commands() {
    let server = Server::script([
        ("POST /executions", vec![started()]),
        (LOGS, vec![ok(page("starting", &[], "c0"))]),
        (&after("c0"), vec![ok(page("running", &["hello", "", "  \u{1b}[31mred\u{1b}[0m\t"], "c 1"))]),
        (&after("c%201"), vec![ok(last_page("failed", &["bye"], Some(3)))]),
        ("GET /executions/exec_20251026143210_a1b2c3", vec![ok(record())]),
    ]);
    let ran = Machine::using(&server).run(&["exec", "echo hello; exit 3"]).code(3);
    let ran = ran.stdout("hello\n\n  \u{1b}[31mred\u{1b}[0m\t\nbye\n");
    ran.says(ID).says("https://example.com/logs/").says("failed: exit code 3, 1m 05s, $0.0012");
    assert_eq!(sent(&server), json!({"command": "echo hello; exit 3"}));
}

fn record() -> Value {
    json!({"execution_id": ID, "status": "failed", "user_email": "a@example.com", "command": "x", "image": "i",
        "started_at": "2025-10-26T14:32:10Z", "exit_code": 3, "duration_seconds": 65, "cost_usd": 0.00123,
        "cpu": 1024, "memory": 2048, "timeout_seconds": 3600})
}

#[test]
fn lines_are_printed_as_they_come() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let server = Server::start(move |request| match request.line.replacen("/api/v1", "", 1) {
        line if line == "POST /executions" => started(),
        line if line == LOGS => ok(page("running", &["first"], "c1")),
        line if line == after("c1") => {
            gate.lock().unwrap().recv().unwrap();
            ok(last_page("completed", &["second"], Some(0)))
        }
        _ => error(404, "not_found", "no"),
    });
    let mut child = Machine::using(&server).spawn(&["exec", "x"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    // Only now does the command write more.
    go.send(()).unwrap();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "second\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn without_an_exit_code_the_status_decides() {
    for (status, code) in [("timed_out", 124), ("stopped", 143), ("lost", 125), ("failed", 125)] {
        let mut end = last_page(status, &[], None);
        end["reason"] = "because of this".into();
        let server = Server::script([("POST /executions", vec![started()]), (LOGS, vec![ok(end)])]);
        Machine::using(&server).run(&["exec", "x"]).code(code).stdout("").says(status).says("because of this");
    }
    let server = runs("stopped", &[], Some(137));
    Machine::using(&server).run(&["exec", "x"]).code(137);
}

#[test]
fn options_go_into_the_request_and_words_into_the_command() {
    let server = runs("completed", &[], Some(0));
    let options = [
        "exec",
        "--lock",
        "infra-prod",
        "--image",
        "alpine:3",
        "--env",
        "A=1",
        "--env",
        "B=x=y",
        "--timeout",
        "10m",
        "--cpu",
        "512",
        "--memory",
        "1024",
        "--spot",
        "terraform",
        "plan",
        "-out",
        "x",
    ];
    Machine::using(&server).run(&options).code(0);
    let expected = json!({"command": "terraform plan -out x", "lock": "infra-prod", "image": "alpine:3",
        "env": {"A": "1", "B": "x=y"}, "timeout": 600, "cpu": 512, "memory": 1024, "spot": true});
    assert_eq!(sent(&server), expected);
}

#[test]
fn options_after_a_quoted_command_are_ours() {
    let server = runs("completed", &[], Some(0));
    Machine::using(&server).run(&["exec", "terraform apply", "--lock", "infra-prod"]).code(0);
    assert_eq!(sent(&server), json!({"command": "terraform apply", "lock": "infra-prod"}));
    // A typo must not run unlocked.
    Machine::using(&server).run(&["exec", "terraform apply", "--lokc", "infra-prod"]).code(2).says("--lokc");
}

#[test]
fn a_lock_that_may_be_ours_or_the_commands_runs_nothing() {
    let server = runs("completed", &[], Some(0));
    let machine = Machine::using(&server);
    machine.run(&["exec", "make", "--lock", "prod"]).code(2).says("`--lock` stands after the command");
    machine.run(&["exec", "echo hi", "there", "--lock=prod"]).code(2).says("`--lock=prod`");
    assert!(server.requests().is_empty());
    machine.run(&["exec", "--", "make", "--lock", "prod"]).code(0);
    assert_eq!(sent(&server), json!({"command": "make --lock prod"}));
}

#[test]
fn a_held_lock_names_its_holder() {
    let held = json!({"error": {"code": "lock_held", "message": "lock `infra-prod` is held", "request_id": "r",
        "lock_name": "infra-prod", "held_by": "bob@example.com", "since": "2025-10-26T14:32:10Z",
        "execution_id": ID, "log_url": "https://example.com/logs/x"}});
    let server = Server::script([("POST /executions", vec![Reply::Json(409, held)])]);
    let ran = Machine::using(&server).run(&["exec", "--lock", "infra-prod", "x"]).code(125).stdout("");
    let ran = ran.says("lock `infra-prod` is held by `bob@example.com` since 2025-10-26T14:32:10Z (").says("d ago)");
    ran.says(ID).says("https://example.com/logs/x").says("hint:");
}

#[test]
fn the_apis_own_words_are_shown() {
    let reply = json!({"error": {"code": "invalid_request", "message": "`command` is required", "field": "command",
        "hint": "give one", "request_id": "r"}});
    let server = Server::script([("POST /executions", vec![Reply::Json(400, reply)])]);
    Machine::using(&server).run(&["exec", ""]).code(125).says("error: `command` is required").says("hint: give one");
}

#[test]
fn the_network_may_go_and_come_without_a_line_lost_or_repeated() {
    let middle = ok(page("running", &["3", "4"], "c2"));
    let gone = vec![Reply::HangUp; 6];
    let away = [vec![Reply::Text(502, "text/html", "bad gateway")], gone, vec![middle]].concat();
    let server = Server::script([
        ("POST /executions", vec![started()]),
        (LOGS, vec![ok(page("running", &["1", "2"], "c1"))]),
        (&after("c1"), away),
        (&after("c2"), vec![Reply::HangUp, ok(last_page("completed", &["5"], Some(0)))]),
    ]);
    let ran = Machine::using(&server).run(&["exec", "x"]).code(0).stdout("1\n2\n3\n4\n5\n");
    ran.says("trying again").says("the connection is back");
}

#[test]
fn a_reply_cut_in_the_middle_costs_no_line() {
    let middle = page("running", &["3", "4"], "c2");
    let server = Server::script([
        ("POST /executions", vec![started()]),
        (LOGS, vec![Reply::Cut(page("running", &["1", "2"], "c1")), ok(page("running", &["1", "2"], "c1"))]),
        (&after("c1"), vec![Reply::Cut(middle.clone()), Reply::Cut(middle.clone()), ok(middle)]),
        (
            &after("c2"),
            vec![Reply::Cut(last_page("completed", &["5"], Some(0))), ok(last_page("completed", &["5"], Some(0)))],
        ),
    ]);
    Machine::using(&server).run(&["exec", "x"]).code(0).stdout("1\n2\n3\n4\n5\n");
}

#[test]
fn json_is_one_object_a_line_from_start_to_end() {
    let server = Server::script([
        ("POST /executions", vec![started()]),
        (LOGS, vec![ok(page("running", &["a \"b\""], "c1"))]),
        (&after("c1"), vec![ok(last_page("failed", &["c"], Some(3)))]),
        ("GET /executions/exec_20251026143210_a1b2c3", vec![ok(record())]),
    ]);
    let ran = Machine::using(&server).run(&["exec", "--json", "x"]).code(3).says("failed: exit code 3");
    let lines: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["started", "log", "log", "end"]);
    assert_eq!((&lines[0]["execution_id"], &lines[0]["later"]), (&ID.into(), &true.into()));
    assert_eq!(lines[1], json!({"type": "log", "timestamp": 1, "message": "a \"b\""}));
    let end = json!({"type": "end", "execution_id": ID, "status": "failed", "exit_code": 3, "reason": null, "execution": record()});
    assert_eq!(lines[3], end);
}

#[test]
fn rerun_runs_the_same_with_what_the_flags_change() {
    let mut earlier = record();
    earlier["lock_name"] = "infra".into();
    earlier["command"] = "make \"a b\"".into();
    let list = ok(json!({"executions": [earlier]}));
    let server = Server::script([
        ("GET /executions?limit=100", vec![list]),
        ("GET /executions?limit=100&all=true", vec![ok(json!({"executions": []}))]),
        ("GET /executions/exec_20251026143210_a1b2c3", vec![ok(earlier)]),
        ("POST /executions", vec![started()]),
    ]);
    // Neither the project nor the environment changes what ran.
    let machine = Machine::using(&server).file(".runvoy.yaml", "image: other\n").env("RUNVOY_LOCK", "other");
    let args = ["rerun", "a1b2", "-d", "--memory", "4096", "--env", "A=1"];
    machine.run(&args).code(0).stdout(&format!("{ID}\n")).says("running   make");
    let request = server.requests().pop().unwrap();
    let expected = json!({"command": "make \"a b\"", "image": "i", "lock": "infra", "timeout": 3600, "cpu": 1024,
        "memory": 4096, "spot": false, "env": {"A": "1"}});
    assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), expected);
    machine.run(&["rerun", "ffff"]).code(125).says("no execution's id begins with `ffff`");
}

#[test]
fn rerun_asks_for_the_variables_that_the_record_names() {
    let mut earlier = record();
    earlier["env_names"] = json!(["REGION", "STAGE", "TOKEN"]);
    let one = "GET /executions/exec_20251026143210_a1b2c3";
    let server = Server::script([(one, vec![ok(earlier)]), ("POST /executions", vec![started()])]);
    let machine = Machine::using(&server);
    let ran = machine.run(&["rerun", ID, "--env", "STAGE=dev"]).code(2).stdout("");
    ran.says("had `REGION`, `TOKEN` in its environment")
        .says("hint: nothing was run")
        .says("`--env REGION=… --env TOKEN=…`");
    assert_eq!(server.lines(), [one]);
    // An empty value is one, and a secret may be in a variable's place.
    let all = ["rerun", ID, "-d", "--env", "STAGE=dev", "--env", "REGION=", "--secret", "TOKEN=t"];
    machine.run(&all).code(0);
    let request: Value = serde_json::from_str(&server.requests().pop().unwrap().body).unwrap();
    assert_eq!(request["env"], json!({"STAGE": "dev", "REGION": ""}));
    assert_eq!(request["secrets"], json!({"TOKEN": "t"}));
}

#[test]
fn a_start_without_a_reply_is_not_sent_again() {
    // An API of before its idempotency keys.
    let health = || ("GET /health", vec![ok(json!({"status": "ok", "version": "0.1.0", "contract": 1}))]);
    let server = Server::script([("POST /executions", vec![Reply::HangUp]), health()]);
    let ran = Machine::using(&server).run(&["exec", "x"]).code(125).stdout("");
    ran.says("may have been started all the same").says("`runvoy list`");
    assert_eq!(server.lines(), ["POST /executions", "GET /health"]);
    let server = Server::script([("POST /executions", vec![error(503, "unavailable", "AWS is busy")]), health()]);
    Machine::using(&server).run(&["exec", "x"]).code(125).says("AWS is busy (request `req-1`)");
    assert_eq!(server.lines(), ["POST /executions", "GET /health"]);
}

#[test]
fn a_lost_reply_is_asked_for_again_by_the_same_key() {
    let server = Server::script([
        ("POST /executions", vec![Reply::HangUp, error(503, "unavailable", "AWS is busy"), started()]),
        ("GET /health", vec![ok(json!({"status": "ok", "version": "0.2.0", "contract": 2}))]),
        (LOGS, vec![ok(last_page("completed", &["once"], Some(0)))]),
    ]);
    let machine = Machine::using(&server);
    machine.run(&["exec", "x"]).code(0).stdout("once\n");
    machine.run(&["exec", "x"]).code(0);
    let requests = server.requests();
    let keys: Vec<_> = requests.iter().filter_map(|request| request.headers.get("idempotency-key")).collect();
    assert_eq!(keys.len(), 4);
    assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
    assert_eq!(keys[0].len(), 32);
}

#[test]
fn a_failure_on_record_is_not_asked_for_again() {
    let mut refusal = error(503, "unavailable", "ECS was too busy");
    if let Reply::Json(_, body) = &mut refusal {
        body["error"]["execution_id"] = ID.into();
    }
    let server = Server::script([("POST /executions", vec![refusal])]);
    Machine::using(&server).run(&["exec", "x"]).code(125).says("ECS was too busy");
    assert_eq!(server.lines(), ["POST /executions"]);
}

#[test]
fn a_place_in_the_queue_is_told() {
    let mut queued = page("queued", &[], "c0");
    queued["queue_position"] = 2.into();
    let link = format!("https://example.com/logs/{ID}#token=t");
    let reply = json!({"execution_id": ID, "status": "queued", "log_url": link, "queue_position": 2});
    let server = Server::script([
        ("POST /executions", vec![Reply::Json(201, reply)]),
        (LOGS, vec![ok(queued)]),
        (&after("c0"), vec![ok(last_page("completed", &["done"], Some(0)))]),
    ]);
    let ran = Machine::using(&server).run(&["exec", "--lock", "prod", "--wait-lock", "10m", "x"]).code(0);
    ran.stdout("done\n").says("waits for its lock, place 2");
    assert_eq!(sent(&server), json!({"command": "x", "lock": "prod", "wait_lock": 600}));
    Machine::using(&server).run(&["exec", "--wait-lock", "10m", "x"]).code(2).says("--lock");
}

#[test]
fn a_key_revoked_meanwhile_ends_the_following_only() {
    let refused = error(401, "unauthorized", "this key is revoked");
    let server = Server::script([("POST /executions", vec![started()]), (LOGS, vec![refused])]);
    let ran = Machine::using(&server).run(&["exec", "x"]).code(125);
    ran.says("can't follow").says("this key is revoked").says(&format!("runvoy logs -f {ID}"));
}

#[test]
fn detached_stdout_is_the_id_or_the_reply() {
    let server = runs("completed", &["never read"], Some(0));
    let machine = Machine::using(&server);
    machine.run(&["exec", "--detach", "x"]).code(0).stdout(&format!("{ID}\n")).says("https://example.com/logs/");
    let ran = machine.run(&["exec", "--detach", "--json", "x"]).code(0);
    let reply: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&reply["execution_id"], &reply["later"]), (&ID.into(), &true.into()));
    assert_eq!(server.lines(), ["POST /executions", "POST /executions"]);
}

#[test]
fn ctrl_c_says_how_to_go_on() {
    let server = Server::script([
        ("POST /executions", vec![started()]),
        (LOGS, vec![ok(page("running", &["first"], "c1"))]),
        (&after("c1"), vec![ok(page("running", &[], "c1"))]),
    ]);
    let mut child = Machine::using(&server).spawn(&["exec", "x"]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let signal = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let ran = Ran::from(child.wait_with_output().unwrap()).code(130);
    ran.says("goes on").says(&format!("runvoy logs -f {ID}")).says(&format!("runvoy stop {ID}"));
}

#[test]
fn a_closed_stdout_is_no_reason_to_panic() {
    let server = runs("completed", &["nobody", "reads this"], Some(0));
    let unread = |machine: &Machine, args: &[&str]| {
        let (_, unread) = std::io::pipe().unwrap();
        Ran::from(machine.command(args).stdout(unread).output().unwrap()).code(141)
    };
    unread(&Machine::using(&server), &["exec", "x"]).says(&format!("runvoy logs -f {ID}"));
    let ran = unread(&Machine::new(), &["config", "schema"]);
    assert_eq!(ran.stderr, "");
}
