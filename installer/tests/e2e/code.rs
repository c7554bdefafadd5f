//! Code gets in, and its credentials stay where they belong: real git servers, the real scripts.

use std::{
    fs,
    path::Path,
    sync::{LazyLock, Mutex, PoisonError},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use runvoy_sandbox::{Layout, REGION, Sandbox, setup};
use serde_json::{Value, json};

use crate::{
    forge::{Forge, TOKEN, USER},
    http::{self, Reply},
    site::Site,
    world::{self, World, until},
};

/// Where code is fetched.
pub const PREPARE_IMAGE: &str = "public.ecr.aws/docker/library/buildpack-deps:bookworm-scm";

/// A deployment in a sandbox of its own, where every process, file and call is this test's.
pub struct Lab {
    pub site: Site<'static>,
    forge: Forge,
    endpoint: String,
    key: String,
    pub turn: Mutex<()>,
}

pub static LAB: LazyLock<Lab> = LazyLock::new(|| {
    World::get();
    let layout = Layout::named("e2e-code").unwrap();
    let sandbox: &'static Sandbox = Box::leak(Box::new(world::wait(Sandbox::start(&layout)).unwrap()));
    let forge = Forge::start(&layout);
    let ca = forge.path("ca.pem").display().to_string();
    sandbox.set_image_variable(PREPARE_IMAGE, "GIT_SSL_CAINFO", &ca);
    sandbox.set_image_variable(PREPARE_IMAGE, "CURL_CA_BUNDLE", &ca);
    let lfs = setup::program(&layout, "git-lfs").expect("`cargo xtask test` sets up git-lfs");
    let path = format!("/usr/local/bin:/usr/bin:/bin:{}", lfs.parent().unwrap().display());
    sandbox.set_image_variable(PREPARE_IMAGE, "PATH", &path);
    let site = Site::new(sandbox, "code");
    site.install();
    let config = fs::read_to_string(site.config()).unwrap();
    let endpoint = config.lines().find_map(|line| line.trim().strip_prefix("api_endpoint:")).unwrap();
    let endpoint = endpoint.trim().trim_matches(['"', '\'']).trim_end_matches('/').to_owned();
    let key = site.key();
    Lab { site, forge, endpoint, key, turn: Mutex::new(()) }
});

impl Lab {
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Reply {
        let headers = [("x-api-key", self.key.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::send(&self.endpoint, method, &format!("/api/v1{path}"), &headers, &body)
    }

    fn credential(&self, body: &Value) {
        let reply = self.call("PUT", "/git-credentials/localhost", body);
        assert!(reply.status < 300, "{}", reply.body);
    }

    fn token(&self) {
        self.credential(&json!({"kind": "token", "username": USER, "secret": TOKEN, "repositories": ["acme/*"]}));
    }

    pub fn start(&self, body: &Value) -> String {
        let reply = self.call("POST", "/executions", body);
        assert!(reply.status < 300, "{}", reply.body);
        reply.json()["execution_id"].as_str().unwrap().to_owned()
    }

    pub fn ended(&self, id: &str) -> Value {
        until("the execution is over", || {
            let record = self.call("GET", &format!("/executions/{id}"), &Value::Null).json();
            let open = ["queued", "starting", "running", "stopping"].contains(&record["status"].as_str().unwrap());
            (!open).then_some(record)
        })
    }

    /// The record and the command's lines.
    pub fn run(&self, body: &Value) -> (Value, Vec<String>) {
        let record = self.ended(&self.start(body));
        let lines = self.lines(&record, "executor");
        (record, lines)
    }

    /// What a container of the execution's task wrote.
    fn lines(&self, record: &Value, container: &str) -> Vec<String> {
        let task = record["task_arn"].as_str().unwrap().rsplit('/').next().unwrap();
        let body = json!({
            "logGroupName": "/runvoy/code/executions", "logStreamName": format!("exec/{container}/{task}"),
            "startFromHead": true,
        });
        let reply = world::wait(self.site.sandbox.engine().json("logs", "Logs_20140328.GetLogEvents", &body));
        let Ok(reply) = reply else { return Vec::new() };
        let events = reply["events"].as_array().unwrap().iter();
        let lines = events.map(|event| event["message"].as_str().unwrap().trim_end_matches('\n').to_owned());
        lines.filter(|line| line != "\u{1e}\u{4}").collect()
    }

    /// One call of ECS as a client would make it, through the proxy.
    pub fn ecs(&self, action: &str, body: &Value) -> String {
        let environment = self.site.sandbox.environment();
        let key = &environment.iter().find(|(name, _)| name == "AWS_ACCESS_KEY_ID").unwrap().1;
        let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/{REGION}/ecs/aws4_request, Signature=0");
        let target = format!("AmazonEC2ContainerServiceV20141113.{action}");
        let headers = [
            ("authorization", scope.as_str()),
            ("x-amz-target", &target),
            ("content-type", "application/x-amz-json-1.1"),
        ];
        http::send(self.site.sandbox.endpoint(), "POST", "/", &headers, &body.to_string()).body
    }
}

/// A secret as it may be spelled.
pub fn spellings(secret: &str) -> Vec<String> {
    let url: String = secret
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let mut all = vec![secret.to_owned(), url.clone(), url.to_lowercase(), STANDARD.encode(format!("{USER}:{secret}"))];
    // Wherever it begins in what is encoded.
    for before in ["", "x", "xx"] {
        let encoded = STANDARD.encode(format!("{before}{secret}"));
        all.push(encoded[4..encoded.len() - 4].to_owned());
    }
    all
}

/// The lines of a key that are only its own.
fn key_lines(key: &str) -> Vec<String> {
    let lines: Vec<_> = key.lines().filter(|line| !line.starts_with("-----")).map(str::to_owned).collect();
    // The first line of each new key is the same.
    lines[1..].to_vec()
}

pub fn found(bytes: &[u8], secrets: &[String]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    secrets.iter().any(|secret| text.contains(secret.as_str()))
}

/// Processes that show it, by `cmdline` or `environ`, with whether each is in a container that prepares.
fn processes(secrets: &[String]) -> Vec<(String, String, bool)> {
    let mut shown = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
        let preparing = String::from_utf8_lossy(&environ)
            .split('\0')
            .any(|variable| variable.starts_with("ECS_CONTAINER_METADATA_URI_V4=") && variable.ends_with("/prepare"));
        let cmdline = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        // Each read once: what is being started has another environment the next time.
        for (file, content) in [("cmdline", cmdline), ("environ", environ)] {
            if found(&content, secrets) {
                shown.push((file.to_owned(), String::from_utf8_lossy(&content).into_owned(), preparing));
            }
        }
    }
    shown
}

fn files(directory: &Path, secrets: &[String], shown: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), secrets, shown);
        } else if kind.is_file() && found(&fs::read(entry.path()).unwrap_or_default(), secrets) {
            shown.push(entry.path().display().to_string());
        }
    }
}

impl Lab {
    /// All that is left of a run, by what it is.
    fn traces(&self, record: &Value) -> Vec<(String, String)> {
        let id = record["execution_id"].as_str().unwrap();
        let task = json!({"cluster": "code", "tasks": [record["task_arn"]], "include": ["TAGS"]});
        let described = self.ecs("DescribeTasks", &task);
        assert!(described.contains("RUNVOY_REPO"), "{described}");
        let family = serde_json::from_str::<Value>(&described).unwrap()["tasks"][0]["taskDefinitionArn"].clone();
        let definition = self.ecs("DescribeTaskDefinition", &json!({"taskDefinition": family}));
        assert!(definition.contains("RUNVOY_GIT_CREDENTIAL"), "{definition}");
        let mut traces = vec![("DescribeTasks".to_owned(), described), ("DescribeTaskDefinition".into(), definition)];
        for path in [
            format!("/executions/{id}"),
            format!("/executions/{id}/logs"),
            "/executions".into(),
            "/git-credentials".into(),
            "/audit".into(),
        ] {
            let reply = self.call("GET", &path, &Value::Null);
            assert_eq!(reply.status, 200, "{path}");
            traces.push((path, reply.body));
        }
        for table in ["api-keys", "executions", "locks", "audit"] {
            traces.push((table.into(), json!(self.site.rows(table)).to_string()));
        }
        let groups = self.site.aws("logs", "Logs_20140328.DescribeLogGroups", &json!({}));
        for group in groups["logGroups"].as_array().unwrap() {
            let name = json!({"logGroupName": group["logGroupName"]});
            let lines = self.site.aws("logs", "Logs_20140328.FilterLogEvents", &name);
            traces.push((name.to_string(), lines.to_string()));
        }
        traces
    }

    /// Runs it and looks everywhere, while its code comes, while it runs, and afterwards.
    fn nowhere(&self, repo: &str, secrets: &[String]) {
        let go_on = self.forge.path("go-on");
        let _ = fs::remove_file(&go_on);
        // All that a command could look at, in its log.
        let command = format!(
            "cat hello; env; git config --list; git remote -v; find .. -type f -exec cat {{}} +; echo; echo ready
            until [ -e {} ]; do sleep 0.05; done",
            go_on.display()
        );
        let held = repo.starts_with("https");
        if held {
            self.forge.hold(true);
        }
        let id = self.start(&json!({"command": command, "repo": repo, "ref": "dev", "timeout": 600}));
        if held {
            until("its code is being fetched", || {
                processes(secrets).iter().any(|(.., prepare)| *prepare).then_some(())
            });
            let shown = processes(secrets);
            let elsewhere: Vec<_> = shown.iter().filter(|(file, _, prepare)| file != "environ" || !prepare).collect();
            assert!(elsewhere.is_empty(), "{elsewhere:#?}");
            self.forge.hold(false);
        }
        let record = until("the command runs", || {
            let record = self.call("GET", &format!("/executions/{id}"), &Value::Null).json();
            assert_ne!(record["status"], "failed", "{record}: {:?}", self.lines(&record, "prepare"));
            let running =
                record["task_arn"].is_string() && self.lines(&record, "executor").contains(&"ready".to_owned());
            running.then_some(record)
        });
        assert_eq!(processes(secrets), []);
        let mut shown = Vec::new();
        // What is there is found.
        files(self.site.sandbox.layout().run(), &[format!("url = {repo}")], &mut shown);
        assert!(shown.iter().any(|file| file.ends_with(".git/config")), "{shown:?}");
        shown.clear();
        files(self.site.sandbox.layout().run(), secrets, &mut shown);
        assert_eq!(shown, [""; 0]);
        fs::write(&go_on, "").unwrap();
        let record = {
            let _ = record;
            self.ended(&id)
        };
        assert_eq!(record["exit_code"], 0, "{record}");
        assert_eq!(self.lines(&record, "executor")[0], "dev");
        files(self.site.sandbox.layout().run(), secrets, &mut shown);
        assert_eq!(shown, [""; 0]);
        for (place, text) in self.traces(&record) {
            assert!(!found(text.as_bytes(), secrets), "it is in {place}: {text}");
        }
    }
}

#[test]
fn fault_34_a_token_is_only_where_the_code_is_fetched_and_in_no_git_config() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    lab.token();
    lab.nowhere(&lab.forge.https("acme/infra.git"), &spellings(TOKEN));
}

#[test]
fn fault_34_a_clone_that_fails_with_a_token_in_hand_does_not_tell_it() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    lab.token();
    let secrets = spellings(TOKEN);
    let infra = lab.forge.https("acme/infra.git");
    for (body, word) in [
        (json!({"repo": lab.forge.https("acme/none.git")}), "none"),
        (json!({"repo": infra, "ref": "nowhere"}), "nowhere"),
        (json!({"repo": infra, "path": "nowhere"}), "nowhere"),
    ] {
        let mut body = body;
        body["command"] = json!("echo ran");
        let (record, _) = lab.run(&body);
        assert_eq!((&record["status"], &record["exit_code"]), (&json!("failed"), &Value::Null), "{body}: {record}");
        // That git said something, and said it about this.
        let said = lab.lines(&record, "prepare").join("\n");
        assert!(said.contains(word), "{body}: {said}");
        for (place, text) in lab.traces(&record) {
            assert!(!found(text.as_bytes(), &secrets), "{body}: it is in {place}: {text}");
        }
        let mut shown = Vec::new();
        files(lab.site.sandbox.layout().run(), &secrets, &mut shown);
        assert_eq!((shown, processes(&secrets)), (Vec::new(), Vec::new()), "{body}");
    }
}

#[test]
fn an_ssh_key_is_only_where_the_code_is_fetched() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let key = lab.forge.key();
    lab.credential(&json!({"kind": "ssh-key", "secret": key, "known_hosts": lab.forge.known_hosts()}));
    lab.nowhere(&lab.forge.ssh(), &key_lines(&key));

    // A host with another key than the one on record is not spoken to.
    let other = lab.forge.known_hosts().replace(
        fs::read_to_string(lab.forge.path("host.pub")).unwrap().trim(),
        fs::read_to_string(lab.forge.path("client.pub")).unwrap().trim(),
    );
    lab.credential(&json!({"kind": "ssh-key", "secret": key, "known_hosts": other}));
    let (record, lines) = lab.run(&json!({"command": "echo ran", "repo": lab.forge.ssh()}));
    assert_eq!((&record["status"], &record["exit_code"], lines.len()), (&json!("failed"), &Value::Null, 0), "{record}");
    assert!(record["reason"].as_str().unwrap().contains("does not have the key"), "{record}");
}

#[test]
fn branches_tags_commits_paths_and_submodules() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    lab.token();
    let repo = lab.forge.https("acme/infra.git");
    let (first, main) = (lab.forge.commit("v1"), lab.forge.commit("main"));
    let show = "cat hello; git rev-parse HEAD; ls module; ./run; touch new && git rev-list --count HEAD";
    for (more, expected) in [
        (json!({}), vec!["second", &main, "ran", "1"]),
        (json!({"ref": "v1"}), vec!["first", &first, "ran", "1"]),
        (json!({"ref": first}), vec!["first", &first, "ran", "1"]),
        (json!({"branch": "main", "submodules": true}), vec!["second", &main, "m", "ran", "1"]),
    ] {
        let mut body = json!({"command": show, "repo": repo});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (record, mut lines) = lab.run(&body);
        // The tag's commit has no such directory.
        lines.retain(|line| !line.contains("No such file"));
        assert_eq!(lines, expected, "{more}: {record} {:?}", lab.lines(&record, "prepare"));
    }
    let (record, lines) = lab.run(&json!({"command": "cat where; basename \"$PWD\"", "repo": repo, "path": "prod"}));
    assert_eq!((lines, &record["exit_code"]), (vec!["prod".to_owned(), "prod".into()], &json!(0)));
    // The address in a pointer's place, and the large file.
    let large = "head -c 5 big; echo";
    let (_, lines) = lab.run(&json!({"command": large, "repo": repo}));
    assert_eq!(lines, ["versi"]);
    let (record, lines) = lab.run(&json!({"command": large, "repo": repo, "lfs": true}));
    assert_eq!(lines, ["large"], "{record} {:?}", lab.lines(&record, "prepare"));
    // Renamed, within its host.
    let (_, lines) = lab.run(&json!({"command": "cat hello", "repo": lab.forge.https("moved/acme/infra.git")}));
    assert_eq!(lines, [""; 0], "the token is for acme/* only");
    let (_, lines) = lab.run(&json!({"command": "cat hello", "repo": lab.forge.https("moved/public/infra.git")}));
    assert_eq!(lines, ["second"]);
}

#[test]
fn what_can_not_be_fetched_says_why_and_runs_nothing() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    lab.token();
    let https = |path: &str| lab.forge.https(path);
    for (body, words) in [
        (json!({"repo": https("acme/none.git")}), "can't read the repository"),
        (json!({"repo": https("other/infra.git")}), "can't read the repository"),
        (json!({"repo": https("away/public/infra.git")}), "can't read the repository"),
        (json!({"repo": https("acme/infra.git"), "ref": "none"}), "no such branch, tag or commit"),
        (json!({"repo": https("acme/infra.git"), "ref": "0".repeat(40)}), "no such branch, tag or commit"),
        (json!({"repo": https("acme/infra.git"), "path": "none"}), "no such `path`"),
        (json!({"repo": "https://localhost:9/acme/infra"}), "can't be reached"),
    ] {
        let mut body = body;
        body["command"] = json!("echo ran");
        let (record, lines) = lab.run(&body);
        assert_eq!((&record["status"], &record["exit_code"]), (&json!("failed"), &Value::Null), "{body}: {record}");
        let said = lab.lines(&record, "prepare");
        assert!(record["reason"].as_str().unwrap().contains(words), "{body}: {record} {said:?}");
        assert_eq!(lines, [""; 0]);
        assert!(!found(said.join("\n").as_bytes(), &spellings(TOKEN)), "{said:?}");
    }
}

#[test]
fn a_long_command_and_a_secret_arrive_as_they_are() {
    let lab = &*LAB;
    let _turn = lab.turn.lock().unwrap_or_else(PoisonError::into_inner);
    let value = "s3cret with spaces, \"quotes\" and $dollars";
    let reply = lab.call("PUT", "/secrets/db.prod", &json!({"value": value}));
    assert!(reply.status < 300, "{}", reply.body);
    let command = format!(": {}\nprintf '%s\\n' \"$DB_PASSWORD\"\nexit 3\n", "é".repeat(90_000));
    let (record, lines) = lab.run(&json!({"command": command, "secrets": {"DB_PASSWORD": "db.prod"}}));
    assert_eq!(
        (&record["exit_code"], lines),
        (&json!(3), vec![value.to_owned()]),
        "{:?}",
        lab.lines(&record, "prepare")
    );
    let task = json!({"cluster": "code", "tasks": [record["task_arn"]]});
    assert!(!lab.ecs("DescribeTasks", &task).contains("s3cret"));
}

#[test]
fn an_image_that_is_not_there_is_a_reason() {
    let lab = &*LAB;
    let id = lab.start(&json!({"command": "true", "image": "registry.invalid/none:1", "disk": 30}));
    let record = lab.ended(&id);
    assert_eq!((&record["status"], &record["exit_code"]), (&json!("failed"), &Value::Null));
    assert!(record["reason"].as_str().unwrap().contains("registry does not exist"), "{record}");
    let task = json!({"cluster": "code", "tasks": [record["task_arn"]]});
    assert!(lab.ecs("DescribeTasks", &task).contains("\"sizeInGiB\":30"));
}
