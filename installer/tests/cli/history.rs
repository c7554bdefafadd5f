//! What has run and what runs: `status`, `logs`, `list`, `stop`, `locks list`.

use serde_json::{Value, json};

use crate::{
    Machine,
    server::{Server, error, ok},
};

const ID: &str = "exec_20251026143210_a1b2c3";
const ONE: &str = "GET /executions/exec_20251026143210_a1b2c3";
const LOGS: &str = "GET /executions/exec_20251026143210_a1b2c3/logs";

fn execution(id: &str, command: &str) -> Value {
    json!({"execution_id": id, "status": "failed", "user_email": "alice@example.com", "command": command,
        "image": "alpine:3", "lock_name": "infra-prod", "lock_fence": 7, "started_at": "2025-10-26T14:32:10Z",
        "completed_at": "2025-10-26T14:33:15Z", "exit_code": 3, "duration_seconds": 65, "cost_usd": 0.00123,
        "cost_basis": "us-east-1 2026-08", "cpu": 512, "memory": 1024, "timeout_seconds": 600, "added_later": [1]})
}

#[test]
fn status_tells_all_there_is() {
    let server = Server::script([(ONE, vec![ok(execution(ID, "printf 'a\nb'"))])]);
    let ran = Machine::using(&server).run(&["status", ID]).code(0);
    for line in [
        "status     failed\n",
        "exit code  3\n",
        "command    printf 'a\\nb'\n",
        "size       0.5 vCPU, 1024 MiB, at most 10m 00s\n",
        "lock       infra-prod (fence 7)\n",
        "cost       $0.0012 (us-east-1 2026-08)\n",
    ] {
        assert!(ran.stdout.contains(line), "no `{line}` in {}", ran.stdout);
    }
}

#[test]
fn json_is_the_apis_own_reply() {
    let server = Server::script([(ONE, vec![ok(execution(ID, "x"))])]);
    let ran = Machine::using(&server).run(&["status", ID, "--json"]).code(0);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), execution(ID, "x"));
}

#[test]
fn last_is_my_newest_one() {
    let list = json!({"executions": [execution(ID, "x")], "cursor": "more"});
    let server = Server::script([("GET /executions?limit=1", vec![ok(list)]), (ONE, vec![ok(execution(ID, "x"))])]);
    Machine::using(&server).run(&["status", "last"]).code(0);
    let server = Server::script([("GET /executions?limit=1", vec![ok(json!({"executions": []}))])]);
    Machine::using(&server).run(&["logs", "last"]).code(1).says("no executions yet").says("runvoy exec");
}

#[test]
fn an_id_may_be_shortened_while_it_is_the_only_one() {
    let ids = |ids: &[&str], cursor: Option<&str>| {
        let executions: Vec<_> = ids.iter().map(|id| execution(id, "x")).collect();
        ok(json!({"executions": executions, "cursor": cursor}))
    };
    let (newer, older) = ("exec_20251026143211_a1ffff", "exec_20240101000000_cccccc");
    let server = Server::script([
        ("GET /executions?limit=100", vec![ids(&[newer, ID], Some("p"))]),
        ("GET /executions?limit=100&cursor=p", vec![ids(&[older], None)]),
        ("GET /executions?limit=100&all=true", vec![ids(&["exec_20251026143212_dddddd"], None)]),
        (ONE, vec![ok(execution(ID, "mine"))]),
        ("GET /executions/exec_20240101000000_cccccc", vec![ok(execution(older, "old"))]),
        ("GET /executions/exec_20251026143212_dddddd", vec![ok(execution(ID, "theirs"))]),
    ]);
    let machine = Machine::using(&server);
    for (part, command) in [
        ("exec_20251026143210", "mine"),
        ("20251026143210_a", "mine"),
        ("a1b2c3", "mine"),
        ("a1b", "mine"),
        ("2024", "old"),
        ("dddddd", "theirs"),
    ] {
        let ran = machine.run(&["status", part]).code(0);
        assert!(ran.stdout.contains(&format!("command    {command}\n")), "{part}: {}", ran.stdout);
    }
    machine.run(&["status", "a1"]).code(1).says("`a1` may be 2 executions").says(newer).says(ID);
    machine.run(&["stop", "exec_2023"]).code(1).says("begins with `2023`").says("runvoy list --all");
}

#[test]
fn what_is_no_id_is_a_usage_error() {
    let server = Server::script([]);
    Machine::using(&server).run(&["status", "../users"]).code(2).says("is not an execution id");
    assert!(server.requests().is_empty());
    Machine::using(&server).run(&["stop", ID]).code(1).says("not in the script: DELETE");
}

#[test]
fn logs_prints_all_pages_there_are() {
    let page = |lines: &[&str], cursor: &str| {
        let logs: Vec<_> = lines.iter().map(|line| json!({"timestamp": 1, "message": line})).collect();
        ok(json!({"execution_id": ID, "status": "running", "logs": logs, "completed": false, "cursor": cursor}))
    };
    let (second, third) = (format!("{LOGS}?cursor=a%2F1"), format!("{LOGS}?cursor=b"));
    // An empty page is not yet the end; one that leaves the cursor where it was is.
    let server = Server::script([
        (LOGS, vec![page(&["1", "2"], "a/1")]),
        (&second, vec![page(&[], "b")]),
        (&third, vec![page(&["3"], "b"), page(&[], "b")]),
    ]);
    Machine::using(&server).run(&["logs", ID]).code(0).stdout("1\n2\n3\n");
    let server = Server::script([(LOGS, vec![page(&["1"], "b")]), (&third, vec![page(&["2"], "b"), page(&[], "b")])]);
    let ran = Machine::using(&server).run(&["logs", ID, "--json"]).code(0);
    let reply: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(reply["logs"].as_array().unwrap().len(), 2);
}

#[test]
fn logs_follows_to_the_end() {
    let end = json!({"execution_id": ID, "status": "failed", "logs": [{"timestamp": 1, "message": "x"}],
        "completed": true, "exit_code": 3, "cursor": "c"});
    let server = Server::script([(LOGS, vec![ok(end)])]);
    Machine::using(&server).run(&["logs", "-f", ID]).code(0).stdout("x\n").says("failed: exit code 3");
}

fn lines(timestamps: &[i64], cursor: &str, completed: bool) -> Value {
    let logs: Vec<_> = timestamps.iter().map(|at| json!({"timestamp": at, "message": format!("at {at}")})).collect();
    json!({"execution_id": ID, "status": "completed", "logs": logs, "completed": completed, "cursor": cursor, "exit_code": 0})
}

#[test]
fn logs_can_be_cut_to_the_last_lines_and_to_a_time_and_stamped() {
    let second = format!("{LOGS}?cursor=a");
    let server = || {
        Server::script([
            (LOGS, vec![ok(lines(&[1_000, 2_000, 3_000], "a", false))]),
            (&second, vec![ok(lines(&[4_000, 5_001], "b", true))]),
        ])
    };
    let run = |args: &[&str]| Machine::using(&server()).run(&[&["logs", ID], args].concat()).code(0);
    run(&["--tail", "3"]).stdout("at 3000\nat 4000\nat 5001\n");
    run(&["--tail", "0"]).stdout("");
    run(&["--tail", "99"]).stdout("at 1000\nat 2000\nat 3000\nat 4000\nat 5001\n");
    run(&["--since", "1970-01-01T00:00:03Z"]).stdout("at 3000\nat 4000\nat 5001\n");
    run(&["--since", "1970-01-01T00:00:03Z", "--tail", "1", "--timestamps"])
        .stdout("1970-01-01T00:00:05.001Z at 5001\n");
    run(&["-f", "--tail", "1"]).stdout("at 5001\n").says("completed: exit code 0");
    run(&["-f", "--since", "1970-01-01T00:00:05Z"]).stdout("at 5001\n");
    let reply: Value = serde_json::from_str(&run(&["--json", "--tail", "2"]).stdout).unwrap();
    assert_eq!(
        reply["logs"],
        json!([{"timestamp": 4000, "message": "at 4000"}, {"timestamp": 5001, "message": "at 5001"}])
    );
    Machine::new().run(&["logs", ID, "--since", "yesterday"]).code(2).says("is not a time such as");
}

#[test]
fn a_followed_tail_goes_on_with_what_comes() {
    let second = format!("{LOGS}?cursor=a");
    let server = Server::script([
        (LOGS, vec![ok(lines(&[1_000, 2_000], "a", false))]),
        (&second, vec![ok(lines(&[], "a", false)), ok(lines(&[3_000], "b", true))]),
    ]);
    Machine::using(&server).run(&["logs", ID, "-f", "--tail", "1"]).code(0).stdout("at 2000\nat 3000\n");
}

#[test]
fn list_takes_filters_and_times_as_people_write_them() {
    let path = "GET /executions?limit=20&status=failed&lock=a%2Fb&since=2026-01-31T00%3A00%3A00Z";
    let server = Server::script([(path, vec![ok(json!({"executions": []}))])]);
    let args = ["list", "--status", "failed", "--lock", "a/b", "--since", "2026-01-31"];
    Machine::using(&server).run(&args).code(0).says("no executions");
    Machine::using(&server).run(&["list", "--since", "soon"]).code(2).says("is not a time such as");
}

#[test]
fn a_watched_list_prints_what_is_new_or_changed() {
    use std::io::{BufRead as _, BufReader};
    let at = |status: &str| {
        let mut execution = execution(ID, "make");
        execution["status"] = status.into();
        execution["exit_code"] = Value::Null;
        ok(json!({"executions": [execution]}))
    };
    let replies = vec![at("running"), at("running"), error(503, "unavailable", "busy"), at("completed")];
    let server = Server::script([("GET /executions?limit=20", replies)]);
    let mut child = Machine::using(&server).spawn(&["list", "--watch"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), format!("{ID} running      make"));
    assert_eq!(lines.next().unwrap().unwrap(), format!("{ID} completed    make"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn list_follows_cursors_up_to_its_limit() {
    let other = "exec_20251026143211_ffffff";
    let server = Server::script([
        (
            "GET /executions?limit=3&status=failed&all=true",
            vec![ok(json!({
            "executions": [execution(ID, "printf '\u{1b}[2J'"), execution(other, "y")], "cursor": "p=2"}))],
        ),
        (
            "GET /executions?limit=1&status=failed&cursor=p%3D2&all=true",
            vec![ok(json!({
            "executions": [execution(other, "z")], "cursor": "p=3"}))],
        ),
    ]);
    let args = ["list", "--all", "--status", "failed", "--limit", "3"];
    let ran = Machine::using(&server).run(&args).code(0).says("--limit 15");
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", ran.stdout);
    assert!(lines[0].starts_with("EXECUTION                   STATUS      STARTED"), "{}", lines[0]);
    assert!(lines[1].contains("  failed (3)  "), "{}", lines[1]);
    assert!(lines[1].contains("alice@example.com  printf '\\u{1b}[2J'"), "{}", lines[1]);
    assert_eq!(lines[0].find("COMMAND"), lines[3].find('z'));

    let ran = Machine::using(&server).run(&[&args[..], &["--json"]].concat()).code(0);
    let reply: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((reply["executions"].as_array().unwrap().len(), &reply["cursor"]), (3, &"p=3".into()));
    assert_eq!(reply["executions"][0]["added_later"], json!([1]));
}

#[test]
fn an_empty_list_says_so_on_stderr() {
    let server =
        Server::script([("GET /executions?limit=20&user=a%2Bb%40example.com", vec![ok(json!({"executions": []}))])]);
    Machine::using(&server).run(&["list", "--user", "a+b@example.com"]).code(0).stdout("").says("no executions");
}

#[test]
fn stop_says_where_it_stands() {
    let mut stopping = execution(ID, "x");
    stopping["status"] = "stopping".into();
    let server = Server::script([("DELETE /executions/exec_20251026143210_a1b2c3", vec![ok(stopping)])]);
    Machine::using(&server).run(&["stop", ID]).code(0).stdout("").says("is stopping").says("logs -f");
    let forbidden = error(403, "forbidden", "it is bob's");
    let server = Server::script([("DELETE /executions/exec_20251026143210_a1b2c3", vec![forbidden])]);
    Machine::using(&server).run(&["stop", ID]).code(1).says("error: it is bob's");
}

#[test]
fn held_locks_are_listed() {
    let locks = json!({"locks": [{"lock_name": "infra-prod", "execution_id": ID, "user_email": "bob@example.com",
        "acquired_at": "2025-10-26T14:32:10Z", "expires_at": "2999-10-26T15:32:10Z", "fence": 4}]});
    let server = Server::script([("GET /locks", vec![ok(locks), ok(json!({"locks": []}))])]);
    let ran = Machine::using(&server).run(&["locks", "list"]).code(0);
    assert!(ran.stdout.starts_with("LOCK        HELD BY          SINCE"), "{}", ran.stdout);
    assert!(ran.stdout.contains("infra-prod  bob@example.com"), "{}", ran.stdout);
    Machine::using(&server).run(&["locks", "list"]).code(0).stdout("").says("no lock is held");
}
