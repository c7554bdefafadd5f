//! Which code a command runs with: git, flags, the environment and the file, and what is sent.

use std::{fs, path::Path, process::Command, time::Duration};

use runvoy_sandbox::Pty;
use serde_json::{Value, json};

use crate::{
    Machine,
    server::{Reply, Server, ok},
};

const ID: &str = "exec_20251026143210_a1b2c3";
const PATIENCE: Duration = Duration::from_secs(60);
const REMOTE: &str = "https://git.example.com/acme/app.git";

fn git(folder: &Path, line: &str) -> String {
    let who = "-c user.name=n -c user.email=e@example.com -c init.defaultBranch=main";
    let args = format!("{who} {line}");
    let output =
        Command::new("git").env("HOME", folder).arg("-C").arg(folder).args(args.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Makes a clone of the machine's home whose one commit is pushed, and tells the commit.
fn clone(machine: &Machine) -> String {
    let home = machine.home.path();
    git(home, "init --quiet");
    git(home, &format!("remote add origin {REMOTE}"));
    fs::create_dir_all(home.join("prod")).unwrap();
    fs::write(home.join("prod/main.tf"), "x").unwrap();
    git(home, "add -A");
    git(home, "commit --quiet -m one");
    let commit = git(home, "rev-parse HEAD");
    git(home, "update-ref refs/remotes/origin/main HEAD");
    commit
}

fn explained(machine: &Machine, folder: &str, args: &[&str]) -> Vec<(String, Value, String)> {
    let mut command = machine.command(&[&["config", "explain", "--json"], args].concat());
    let output = command.current_dir(machine.home.path().join(folder)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reply: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = reply["settings"].as_array().unwrap().iter();
    lines.map(|line| (text(line, "name"), line["value"].clone(), text(line, "origin"))).collect()
}

/// With git?, with which file, variables, folder, flags; then what each setting is and where it comes from.
#[test]
fn flags_win_over_the_environment_over_the_file_over_git() {
    type Case<'a> =
        (bool, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a [&'a str], &'a [(&'a str, &'a str, &'a str)]);
    let other = "https://git.example.com/other/x";
    let repo_file = "repo: https://git.example.com/file/y\nref: v1\npath: sub\n";
    let task = "tasks: {t: {command: make, path: tasks}, u: make}\n";
    let none = "";
    let cases: [Case<'_>; 23] = [
        (false, none, &[], ".", &[], &[("repo", "null", "not set")]),
        (
            true,
            none,
            &[],
            ".",
            &[],
            &[("repo", REMOTE, "git: branch `main`"), ("ref", "HEAD", "git"), ("path", "absent", "")],
        ),
        (true, none, &[], "prod", &[], &[("repo", REMOTE, "git"), ("path", "prod", "git")]),
        (true, none, &[], "prod", &["--path", "x"], &[("repo", REMOTE, "git"), ("path", "x", "command line")]),
        (true, none, &[], ".", &["--ref", "v2"], &[("repo", REMOTE, "git"), ("ref", "v2", "command line")]),
        (true, none, &[], ".", &["--branch", "v2"], &[("ref", "v2", "command line")]),
        (true, none, &[("RUNVOY_REF", "v3")], ".", &[], &[("repo", REMOTE, "git"), ("ref", "v3", "`RUNVOY_REF`")]),
        (true, none, &[("RUNVOY_BRANCH", "v3")], ".", &[], &[("ref", "v3", "`RUNVOY_BRANCH`")]),
        (true, none, &[("RUNVOY_REF", "v3")], ".", &["--ref", "v2"], &[("ref", "v2", "command line")]),
        (
            true,
            none,
            &[],
            "prod",
            &["--repo", other],
            &[("repo", other, "command line"), ("ref", "absent", ""), ("path", "absent", "")],
        ),
        (
            true,
            none,
            &[],
            "prod",
            &["--no-repo"],
            &[("repo", "", "command line"), ("ref", "absent", ""), ("path", "absent", "")],
        ),
        (
            true,
            repo_file,
            &[],
            "prod",
            &[],
            &[
                ("repo", "https://git.example.com/file/y", ".runvoy.yaml"),
                ("ref", "v1", ".runvoy.yaml"),
                ("path", "sub", ".runvoy.yaml"),
            ],
        ),
        (
            true,
            repo_file,
            &[("RUNVOY_REPO", other)],
            ".",
            &[],
            &[("repo", other, "`RUNVOY_REPO`"), ("ref", "v1", ".runvoy.yaml")],
        ),
        (true, repo_file, &[("RUNVOY_REPO", other)], ".", &["--repo", REMOTE], &[("repo", REMOTE, "command line")]),
        (
            true,
            repo_file,
            &[],
            ".",
            &["--no-repo"],
            &[("repo", "", "command line"), ("ref", "absent", ""), ("path", "absent", "")],
        ),
        (true, "ref: main\n", &[], ".", &[], &[("repo", REMOTE, "git"), ("ref", "main", ".runvoy.yaml")]),
        (true, "repo: ''\n", &[], "prod", &[], &[("repo", "", ".runvoy.yaml"), ("ref", "absent", "")]),
        (true, task, &[], "prod", &["@u"], &[("repo", REMOTE, "git"), ("path", "absent", "")]),
        (true, task, &[], "prod", &["@t"], &[("path", "tasks", "task `t`")]),
        (
            true,
            none,
            &[],
            "prod",
            &["--upload"],
            &[("upload", "true", "command line"), ("repo", "null", "not set"), ("ref", "absent", "")],
        ),
        (true, "upload: true\n", &[], ".", &[], &[("upload", "true", ".runvoy.yaml"), ("repo", "null", "not set")]),
        (
            true,
            "upload: true\n",
            &[],
            ".",
            &["--repo", other],
            &[("repo", other, "command line"), ("upload", "absent", "")],
        ),
        (
            true,
            "secrets: {A: file, B: file}\n",
            &[],
            ".",
            &["--secret", "A=flag"],
            &[("secrets.A", "flag", "command line"), ("secrets.B", "file", ".runvoy.yaml")],
        ),
    ];
    for (index, (in_git, file, variables, folder, args, expected)) in cases.into_iter().enumerate() {
        let mut machine = Machine::new();
        for (name, value) in variables {
            machine = machine.env(name, value);
        }
        let head = if in_git { clone(&machine) } else { String::new() };
        if !file.is_empty() {
            machine = machine.file(".runvoy.yaml", file);
        }
        let lines = explained(&machine, folder, args);
        for (name, value, origin) in expected {
            let found = lines.iter().find(|line| line.0 == *name);
            let shown = found
                .map_or("absent".to_owned(), |line| line.1.as_str().map_or_else(|| line.1.to_string(), str::to_owned));
            let value = if *value == "HEAD" { head.as_str() } else { value };
            assert_eq!(shown, value, "case {index}: {name} {lines:?}");
            let from = found.map(|line| line.2.as_str()).unwrap_or_default();
            assert!(from.contains(origin), "case {index}: {name} from {from}");
        }
    }
}

fn runs() -> Server {
    let started = json!({"execution_id": ID, "status": "starting", "log_url": "https://x/logs/1#token=t"});
    Server::script([("POST /executions", vec![Reply::Json(201, started)])])
}

fn sent(server: &Server) -> Value {
    serde_json::from_str(&server.requests().last().unwrap().body).unwrap()
}

#[test]
fn a_command_runs_in_what_is_pushed_and_says_so() {
    let server = runs();
    let machine = Machine::using(&server);
    let head = clone(&machine);
    let prod = machine.home.path().join("prod");
    let exec = |args: &[&str]| {
        crate::Ran::from(machine.command(&[&["exec", "-d"], args].concat()).current_dir(&prod).output().unwrap())
    };
    exec(&["make"]).code(0).says(&format!("code      {REMOTE} at {}, in `prod`", &head[..10])).never_says("warning");
    assert_eq!(sent(&server), json!({"command": "make", "repo": REMOTE, "ref": head, "path": "prod"}));
    exec(&["--no-repo", "make"]).code(0).never_says("code ");
    assert_eq!(sent(&server), json!({"command": "make"}));
    fs::write(prod.join("new.tf"), "x").unwrap();
    exec(&["make"]).code(0).says("warning: 1 file here is not committed").says("`--upload` sends this folder");
    exec(&["--ref", "main", "make"]).code(0).never_says("warning");
    git(&prod, "add -A");
    git(&prod, "commit --quiet -m two");
    let before = server.requests().len();
    // The branch has no upstream, and no remote has the commit.
    exec(&["make"]).code(125).says("nothing of this branch is pushed").says("nothing was run");
    assert_eq!(server.requests().len(), before);
    git(&prod, "branch --quiet --set-upstream-to origin/main");
    exec(&["make"]).code(0).says("the newest commits are not pushed");
    assert_eq!(sent(&server)["ref"], head.as_str());
}

#[test]
fn somebody_at_a_terminal_is_asked_which_code_is_meant() {
    let server = Server::script([
        ("POST /uploads", vec![ok(json!({"present": true}))]),
        ("POST /executions", vec![Reply::Json(201, json!({"execution_id": ID, "status": "starting", "log_url": "x"}))]),
    ]);
    let machine = Machine::using(&server);
    let head = clone(&machine);
    fs::write(machine.home.path().join("prod/new.tf"), "x").unwrap();
    let answer = |answer: &str| {
        let mut pty = Pty::spawn(machine.command(&["exec", "-d", "make"]), 80, 24).unwrap();
        pty.wait_for(|screen| screen.contents().contains("Enter runs nothing"), PATIENCE).unwrap();
        pty.type_text(answer).unwrap();
        (pty.wait(PATIENCE).unwrap().code().unwrap(), pty.screen())
    };
    let (code, screen) = answer("\r");
    assert!(code == 130 && screen.contains("1 file here is not committed. What is to run?"), "{code} {screen}");
    assert!(screen.contains("nothing was run") && server.requests().is_empty(), "{screen}");
    assert_eq!(answer("p\r").0, 0);
    assert_eq!(sent(&server), json!({"command": "make", "repo": REMOTE, "ref": head}));
    assert_eq!(answer("u\r").0, 0);
    let sent = sent(&server);
    assert!(sent["repo"].is_null() && sent["ref"].is_null() && sent["upload"]["size"].is_u64(), "{sent}");
}

#[test]
fn credentials_of_a_clone_stay_at_home() {
    let server = runs();
    let machine = Machine::using(&server);
    clone(&machine);
    git(machine.home.path(), "remote set-url origin https://me:t0ken@git.example.com/acme/app.git");
    let ran = machine.run(&["exec", "-d", "make"]).code(0);
    assert_eq!(sent(&server)["repo"], REMOTE);
    assert!(!ran.stderr.contains("t0ken"));
}

#[test]
fn files_go_to_the_bucket_without_the_key_and_only_once() {
    let address = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let url = address.clone();
    let server = Server::start(move |request| match request.line.as_str() {
        "POST /api/v1/uploads" => {
            let headers = json!({"x-amz-checksum-sha256": "sum"});
            let place = json!({"present": false, "url": format!("{}bucket/key?X-Amz-Signature=s", url.get().unwrap()), "headers": headers});
            ok(place)
        }
        "PUT /bucket/key?X-Amz-Signature=s" => Reply::Text(200, "text/plain", ""),
        _ => Reply::Json(201, json!({"execution_id": ID, "status": "starting", "log_url": "https://x/"})),
    });
    address.set(server.url.clone()).unwrap();
    let machine = Machine::using(&server).file("app/a", "1").file("app/sub/b", "2");
    machine.run(&["exec", "-d", "--upload=app", "make"]).code(0).says("2 files").says(", sent");
    let [asked, put, exec] = &server.requests()[..] else { panic!("{:?}", server.lines()) };
    let asked: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(put.headers["content-length"], asked["size"].to_string());
    assert_eq!(put.headers["x-amz-checksum-sha256"], "sum");
    assert!(!put.headers.contains_key("x-api-key") && !put.headers.contains_key("authorization"));
    assert_eq!(serde_json::from_str::<Value>(&exec.body).unwrap(), json!({"command": "make", "upload": asked}));

    let there = Server::script([
        ("POST /uploads", vec![ok(json!({"present": true}))]),
        ("POST /executions", vec![Reply::Json(201, json!({"execution_id": ID, "status": "starting", "log_url": "x"}))]),
    ]);
    let machine = Machine::using(&there).file("app/a", "1").file("app/sub/b", "2");
    machine.run(&["exec", "-d", "--upload=app", "make"]).code(0).says("there already");
    let again: Value = serde_json::from_str(&there.requests()[0].body).unwrap();
    assert_eq!(again, asked, "the same content has the same name");
    machine.run(&["exec", "-d", "--upload", "app", "make"]).code(2).says("--upload=app");
    machine.run(&["exec", "-d", "--upload=nowhere", "make"]).code(125).says("is not a folder");
    assert_eq!(there.requests().len(), 2);
}

#[test]
fn a_bucket_that_refuses_or_is_not_encrypted_runs_nothing() {
    for (url, says) in [("http://203.0.113.1/key", "not encrypted"), ("", "no address")] {
        let server = Server::script([("POST /uploads", vec![ok(json!({"present": false, "url": url}))])]);
        let machine = Machine::using(&server).file("app/a", "1");
        machine.run(&["exec", "--upload=app", "make"]).code(125).says(says);
        assert_eq!(server.lines(), ["POST /uploads"]);
    }
}
