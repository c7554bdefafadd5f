//! `.runvoy.yaml`: where it is found, what wins over it, and its tasks.

use std::{env, fs, path::Path};

use serde_json::{Value, json};

use crate::{
    Machine, key,
    server::{Reply, Server, ok},
};

const ID: &str = "exec_20251026143210_a1b2c3";

fn explained(machine: &Machine, args: &[&str]) -> Vec<(String, Value, String)> {
    let ran = machine.run(&[&["config", "explain", "--json"], args].concat()).code(0);
    let reply: Value = serde_json::from_str(&ran.stdout).unwrap();
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = reply["settings"].as_array().unwrap().iter();
    lines.map(|line| (text(line, "name"), line["value"].clone(), text(line, "origin"))).collect()
}

#[test]
fn flags_win_over_the_environment_over_the_task_over_the_file_over_defaults() {
    let file = "image: file\nlock: file\ntimeout: 5m\ncpu: 256\nspot: true\nenv: {A: file, B: file}\n\
        tasks:\n  t: {command: make, image: task, timeout: 6m, env: {A: task}}\n";
    let variables =
        [("RUNVOY_IMAGE", "variable"), ("RUNVOY_TIMEOUT", "7m"), ("RUNVOY_SPOT", "false"), ("RUNVOY_CPU", "512")];
    let image = |value: &str| vec!["--image".to_owned(), value.to_owned()];
    // With the file?, the variables?, the task?, the flags; which setting; its value; a word of where it comes from.
    let flag = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let none = || flag(&[]);
    let cases = [
        (false, false, false, none(), "image", Value::Null, "default"),
        (false, true, false, none(), "image", json!("variable"), "`RUNVOY_IMAGE`"),
        (false, false, false, image("flag"), "image", json!("flag"), "the command line"),
        (false, true, false, image("flag"), "image", json!("flag"), "the command line"),
        (true, false, false, none(), "image", json!("file"), ".runvoy.yaml`"),
        (true, true, false, none(), "image", json!("variable"), "`RUNVOY_IMAGE`"),
        (true, false, true, none(), "image", json!("task"), "task `t` in `"),
        (true, true, true, none(), "image", json!("variable"), "`RUNVOY_IMAGE`"),
        (true, true, true, image("flag"), "image", json!("flag"), "the command line"),
        (true, false, false, none(), "timeout", json!(300), ".runvoy.yaml`"),
        (true, false, true, none(), "timeout", json!(360), "task `t`"),
        (true, true, true, none(), "timeout", json!(420), "`RUNVOY_TIMEOUT`"),
        (true, true, true, flag(&["--timeout", "8m"]), "timeout", json!(480), "the command line"),
        (true, false, true, none(), "lock", json!("file"), ".runvoy.yaml`"),
        (false, false, false, none(), "lock", Value::Null, "not set"),
        (true, true, false, none(), "cpu", json!(512), "`RUNVOY_CPU`"),
        (true, true, false, flag(&["--cpu", "1024"]), "cpu", json!(1024), "the command line"),
        (true, true, false, none(), "spot", json!(false), "`RUNVOY_SPOT`"),
        (true, true, false, flag(&["--spot"]), "spot", json!(true), "the command line"),
        (true, false, false, flag(&["--spot=false"]), "spot", json!(false), "the command line"),
        (true, false, true, none(), "env.A", json!("task"), "task `t`"),
        (true, false, true, none(), "env.B", json!("file"), ".runvoy.yaml`"),
        (true, false, true, flag(&["--env", "A=flag"]), "env.A", json!("flag"), "the command line"),
        (true, true, true, none(), "memory", Value::Null, "default"),
        (true, false, true, none(), "command", json!("make"), "task `t`"),
    ];
    for (index, (in_file, in_variables, task, mut args, name, value, origin)) in cases.into_iter().enumerate() {
        let mut machine = Machine::new();
        if in_file {
            machine = machine.file(".runvoy.yaml", file);
        }
        for (name, value) in variables.iter().filter(|_| in_variables) {
            machine = machine.env(name, value);
        }
        if task {
            args.push("@t".into());
        }
        let lines = explained(&machine, &args.iter().map(String::as_str).collect::<Vec<_>>());
        let (_, found, from) = lines.iter().find(|line| line.0 == name).unwrap_or_else(|| panic!("{index}: {lines:?}"));
        assert_eq!(found, &value, "case {index}: {name} {args:?}");
        assert!(from.contains(origin), "case {index}: {name} from {from}");
    }
}

#[test]
fn where_to_call_is_explained_and_the_key_is_not_shown() {
    let config = format!(
        "current: a\nprofiles:\n  a: {{api_endpoint: 'https://a'}}\n  b: {{api_endpoint: 'https://b', api_key: {}}}\n",
        key('b')
    );
    let of = |machine: Machine, args: &[&str]| {
        explained(&machine.config(&config), args).into_iter().take(3).collect::<Vec<_>>()
    };
    let lines = of(Machine::new(), &[]);
    assert_eq!((&lines[0].1, &lines[1].1, &lines[2].1), (&json!("a"), &json!("https://a"), &Value::Null));
    let lines = of(Machine::new().file(".runvoy.yaml", "profile: b\n"), &[]);
    assert_eq!((&lines[0].1, &lines[1].1, &lines[2].1), (&json!("b"), &json!("https://b"), &json!("(set)")));
    assert!(lines[0].2.contains(".runvoy.yaml`"), "{lines:?}");
    let lines = of(Machine::new().file(".runvoy.yaml", "profile: b\n").env("RUNVOY_PROFILE", "a"), &[]);
    assert_eq!((&lines[0].1, lines[0].2.as_str()), (&json!("a"), "`RUNVOY_PROFILE`"));
    let lines = of(Machine::new().env("RUNVOY_PROFILE", "b"), &["--profile", "a"]);
    assert_eq!((&lines[0].1, lines[0].2.as_str()), (&json!("a"), "the command line"));
    let both = Machine::new().env("RUNVOY_ENDPOINT", "https://c").env("RUNVOY_API_KEY", &key('a'));
    let lines = of(both.file(".runvoy.yaml", "profile: gone\n"), &[]);
    assert_eq!((&lines[0].1, &lines[1].1, &lines[2].1), (&Value::Null, &json!("https://c"), &json!("(set)")));
    let lines = of(Machine::new().env("RUNVOY_ENDPOINT", "https://c"), &[]);
    assert_eq!((&lines[1].1, lines[1].2.as_str()), (&json!("https://c"), "`RUNVOY_ENDPOINT`"));
}

fn runs() -> Server {
    let started = Reply::Json(201, json!({"execution_id": ID, "status": "starting", "log_url": "https://x"}));
    Server::script([("POST /executions", vec![started])])
}

fn sent(server: &Server) -> Value {
    serde_json::from_str(&server.requests().last().unwrap().body).unwrap()
}

#[test]
fn a_task_is_a_command_with_settings_of_its_own() {
    let file = "image: alpine:3\nenv: {STAGE: dev, PORT: 8080}\ntasks:\n  \
        plan: {command: terraform plan, lock: infra, description: Look first, env: {STAGE: prod}}\n  hello: echo hello\n";
    let server = runs();
    let machine = Machine::using(&server).file(".runvoy.yaml", file);
    let run = |words: &[&str]| {
        machine.run(&[&["exec", "-d"], words].concat()).code(0);
        sent(&server)
    };
    let env = json!({"STAGE": "prod", "PORT": "8080"});
    let plan = |command: &str| json!({"command": command, "image": "alpine:3", "lock": "infra", "env": env});
    assert_eq!(run(&["@plan"]), plan("terraform plan"));
    assert_eq!(run(&["@plan", "again"]), plan("terraform plan again"));
    assert_eq!(run(&["@plan", "--", "-target=x"]), plan("terraform plan -target=x"));
    assert_eq!(run(&["@plan", "--lock", "other", "--", "-out", "y"])["lock"], "other");
    assert_eq!(sent(&server)["command"], "terraform plan -out y");
    let env = json!({"STAGE": "dev", "PORT": "8080"});
    assert_eq!(run(&["@hello"]), json!({"command": "echo hello", "image": "alpine:3", "env": env}));
    assert_eq!(run(&["true"]), json!({"command": "true", "image": "alpine:3", "env": env}));
    let sent_so_far = server.requests().len();
    machine.run(&["exec", "@plna"]).code(125).says("has no task `plna`").says("did you mean `plan`?");
    machine.run(&["exec", "@plan", "again", "--lock", "x"]).code(2).says("`--lock` stands after the command");
    machine.run(&["exec", "@plan", "--image", "x", "again"]).code(2).says("`again` stands after the command");
    machine.run(&["exec", "a b", "--image", "x", "again"]).code(2).says("`again` stands after the command");
    assert_eq!(server.requests().len(), sent_so_far);
    Machine::using(&server).run(&["exec", "@plan"]).code(125).says("`@plan` is a task, and there is no `.runvoy.yaml`");
    let tasks = machine.run(&["config", "tasks"]).code(0).stdout;
    assert_eq!(
        tasks,
        "TASK    WHAT IT IS FOR  COMMAND\n@hello  -               echo hello\n@plan   Look first      terraform plan\n"
    );
}

#[test]
fn a_wait_needs_a_lock_wherever_each_is_written() {
    let server = runs();
    let machine =
        Machine::using(&server).file(".runvoy.yaml", "lock: infra\ntasks: {t: {command: x, wait_lock: 5m}}\n");
    machine.run(&["exec", "-d", "--wait-lock", "10m", "x"]).code(0);
    assert_eq!(sent(&server), json!({"command": "x", "lock": "infra", "wait_lock": 600}));
    machine.run(&["exec", "-d", "@t"]).code(0);
    assert_eq!(sent(&server)["wait_lock"], 300);
    let sent_so_far = server.requests().len();
    let machine = Machine::using(&server).env("RUNVOY_WAIT_LOCK", "10m");
    machine.run(&["exec", "x"]).code(2).stdout("").says("`wait_lock` (from `RUNVOY_WAIT_LOCK`)").says("--lock");
    assert_eq!(server.requests().len(), sent_so_far);
}

#[test]
fn unknown_keys_and_wrong_values_run_nothing() {
    let server = runs();
    for (file, problem, hint) in [
        ("lokc: prod\n", "there is no setting `lokc`", "did you mean `lock`?"),
        ("tasks: {a: {command: x, timout: 5m}}\n", "there is no setting `tasks.a.timout`", "did you mean `timeout`?"),
        ("zebra: 1\n", "there is no setting `zebra`", "there is `image`"),
        ("timeout: soon\n", "`timeout` must be seconds or a duration", ""),
        ("tasks: {a: {lock: x}}\n", "`tasks.a.command` is missing", ""),
        ("tasks: [a]\n", "`tasks` must be a mapping", ""),
        ("lock: 7\n", "`lock` must be text: put it in quotes", ""),
        ("env: {V: 1.10}\n", "`env` needs text for `V`", ""),
        ("lock: a\nlock: b\n", "is not YAML", "duplicate"),
        ("just text\n", "the file must be a mapping", ""),
        ("ref: a\nbranch: b\n", "is given twice: `branch` is another word for `ref`", ""),
        ("upload: 1\n", "`upload` must be `true`, `false` or a folder", ""),
    ] {
        let machine = Machine::using(&server).file(".runvoy.yaml", file);
        machine.run(&["exec", "@a"]).code(125).stdout("");
        machine.run(&["exec", "x"]).code(125).stdout("").says(".runvoy.yaml`").says(problem).says(hint);
    }
    Machine::using(&server)
        .env("RUNVOY_TIMEOUT", "soon")
        .run(&["exec", "x"])
        .code(125)
        .says("`RUNVOY_TIMEOUT` must be");
    assert!(server.requests().is_empty());
}

#[test]
fn it_is_searched_up_to_the_top_of_the_work_tree_and_no_further() {
    let value = |machine: &Machine, folder: &str| {
        let output =
            machine.command(&["config", "explain", "--json"]).current_dir(machine.home.path().join(folder)).output();
        let reply: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        let lines = reply["settings"].as_array().unwrap().clone();
        lines.into_iter().find(|line| line["name"] == "image").unwrap()["value"].clone()
    };
    let machine = Machine::new()
        .file(".runvoy.yaml", "image: outside\n")
        .file("repo/.git/HEAD", "")
        .file("repo/a/b/keep", "")
        .file("repo/near/.runvoy.yaml", "image: near\n")
        .file("linked/.git", "gitdir: elsewhere\n")
        .file("linked/deep/keep", "")
        .file("plain/keep", "");
    assert_eq!(value(&machine, "repo/a/b"), Value::Null);
    let machine = machine.file("repo/.runvoy.yaml", "image: top\n").file("linked/.runvoy.yaml", "image: linked\n");
    assert_eq!(value(&machine, "repo/a/b"), "top");
    assert_eq!(value(&machine, "repo/near"), "near");
    assert_eq!(value(&machine, "linked/deep"), "linked");
    assert_eq!(value(&machine, "plain"), Value::Null);
    assert_eq!(value(&machine, "."), "outside");
}

#[test]
fn its_profile_is_used_and_one_that_is_not_there_is_not_passed_over() {
    let user = |email: &str| json!({"email": email, "role": "member", "created_at": "2025-10-26T14:32:10Z"});
    let (a, b) = (
        Server::script([("GET /whoami", vec![ok(user("a@example.com"))])]),
        Server::script([("GET /whoami", vec![ok(user("b@example.com"))])]),
    );
    let entry =
        |name, server: &Server| format!("  {name}: {{api_endpoint: '{}', api_key: {}}}\n", server.url, key('a'));
    let config = format!("current: a\nprofiles:\n{}{}", entry("a", &a), entry("b", &b));
    Machine::new().config(&config).run(&["whoami"]).code(0).stdout("a@example.com (member)\n");
    let machine = Machine::new().config(&config).file(".runvoy.yaml", "profile: b\n");
    machine.run(&["whoami"]).code(0).stdout("b@example.com (member)\n");
    machine.run(&["whoami", "--profile", "a"]).code(0).stdout("a@example.com (member)\n");
    let machine = Machine::new().config(&config).file(".runvoy.yaml", "profile: gone\n");
    machine.run(&["whoami"]).code(1).says(".runvoy.yaml` is for profile `gone`").says("it has `a`, `b`");
    // In CI, with both variables, the profile does not matter.
    let machine = Machine::using(&a).file(".runvoy.yaml", "profile: gone\n");
    machine.run(&["whoami"]).code(0).stdout("a@example.com (member)\n");
}

#[test]
fn a_refused_setting_is_traced_to_where_it_is_written() {
    let refusal = json!({"error": {"code": "invalid_request", "message": "`image` is no image", "field": "image", "request_id": "r"}});
    let server = Server::script([("POST /executions", vec![Reply::Json(400, refusal)])]);
    let machine = Machine::using(&server).file(".runvoy.yaml", "image: A B\n");
    machine
        .run(&["exec", "x"])
        .code(125)
        .says("`image` is no image")
        .says("hint: `image` comes from `")
        .says(".runvoy.yaml`");
    machine.run(&["exec", "--image", "A B", "x"]).code(125).never_says("comes from");
}

#[test]
fn the_schema_in_the_docs_is_the_programs_own() {
    let printed = Machine::new().run(&["config", "schema"]).code(0).stdout;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runvoy.schema.json");
    if env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == printed,
        "`docs/runvoy.schema.json` is not what `runvoy config schema` prints: run this with `UPDATE_SCHEMA=1`"
    );
}
