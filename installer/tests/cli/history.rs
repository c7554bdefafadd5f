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
