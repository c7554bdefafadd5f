//! Files of the caller's own, and commands that are too long for ECS.

use std::{fs, path::PathBuf};

use runvoy_sandbox::proxy::Call;
use serde_json::{Value, json};

use crate::{
    http,
    world::{ADMIN, Ran, World},
};

/// A folder with these files.
fn folder(world: &World, name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = world.file(name);
    for (file, text) in files {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn exec_in(world: &World, folder: &PathBuf, args: &[&str]) -> Ran {
    world.command(&[&["exec"], args].concat()).current_dir(folder).output().unwrap().into()
}

/// The archives that were sent since the mark.
fn sent(world: &World, mark: u64) -> Vec<Call> {
    let calls = world.calls_since(mark).into_iter();
    calls
        .filter(|call| call.action == "PutObject" && call.detail.ends_with(".tar.gz") && call.status == Some(200))
        .collect()
}

#[test]
fn a_folder_runs_as_it_is_and_travels_once() {
    let world = World::get();
    let _turn = world.turn();
    let files = [(".gitignore", "*.log\n"), ("greet.sh", "echo hello from $PWD\n"), ("a.log", "x"), ("sub/b", "two")];
    let folder = folder(world, "upload-once", &files);
    let mark = world.mark();
    let ran =
        exec_in(world, &folder, &["--upload", "sh greet.sh | cut -c1-10; ls -A; cat sub/b"]).code(0).says(", sent");
    assert_eq!(ran.stdout, "hello from\n.gitignore\ngreet.sh\nsub\ntwo\n");
    assert_eq!(sent(world, mark).len(), 1);
    let ran = exec_in(world, &folder, &["--upload", "--path", "sub", "cat b"]).code(0).says("there already");
    assert_eq!(ran.stdout, "two\n");
    assert_eq!(sent(world, mark).len(), 1, "the same content is not sent twice");

    // Others start theirs meanwhile: the newest in the list may be one of those.
    let id = ran.stderr.lines().find_map(|line| line.strip_prefix("execution ")).unwrap().to_owned();
    let record = world.run(&["status", &id, "--json"]).code(0).json();
    assert_eq!((record["upload"]["sha256"].as_str().unwrap().len(), &record["path"]), (64, &json!("sub")));
    assert_eq!(world.run(&["rerun", &id]).code(0).stdout, "two\n");
    // What others have sent is theirs, also where its name is known.
    let other = world.add_user("other-uploads@example.com", "member");
    world.run_as(&other, &["rerun", &id]).code(125).says("not kept any more, or are somebody else's");
}

#[test]
fn what_is_no_archive_has_no_place() {
    let world = World::get();
    let key = world.add_user("places@example.com", "member");
    let ask = |key: &str, body: Value| {
        let headers = [("x-api-key", key), ("content-type", "application/json")];
        http::send(&world.endpoint, "POST", "/api/v1/uploads", &headers, &body.to_string())
    };
    let sha256 = "0a".repeat(32);
    let (status, code, message, field) = ask(&key, json!({"sha256": sha256, "size": 600 << 20})).error();
    assert_eq!((status, code.as_str(), field.as_str()), (400, "invalid_request", "size"));
    assert!(message.contains("at most 512 MiB"), "{message}");
    assert_eq!(ask(&key, json!({"sha256": "../x", "size": 1})).error().3, "sha256");
    let viewer = world.add_user("places-viewer@example.com", "viewer");
    assert_eq!(ask(&viewer, json!({"sha256": sha256, "size": 1})).status, 403);
    let place = ask(&key, json!({"sha256": sha256, "size": 3})).json();
    assert_eq!((place["present"].clone(), place["headers"]["content-length"].clone()), (json!(false), json!("3")));
    assert!(
        place["url"].as_str().unwrap().contains("X-Amz-SignedHeaders=content-length%3Bhost%3Bx-amz-checksum-sha256")
    );
    // A command with files that nobody has sent is not left to wonder.
    let request = json!({"command": "true", "upload": {"sha256": sha256, "size": 3}});
    let headers = [("x-api-key", key.as_str()), ("content-type", "application/json")];
    let started = http::send(&world.endpoint, "POST", "/api/v1/executions", &headers, &request.to_string());
    assert_eq!(started.error(), (400, "invalid_request".into(), "`upload` is not there".into(), "upload".into()));
}

#[test]
fn a_long_command_runs_as_it_is_and_is_on_record() {
    let world = World::get();
    let text = "ü".repeat(40_000);
    let command = format!("printf %s '{text}' | wc -c");
    assert_eq!(world.run(&["exec", &command]).code(0).stdout.trim(), "80000");
    let list = world.run(&["list", "--json", "--user", ADMIN, "--limit", "50"]).code(0).json();
    let listed = list["executions"].as_array().unwrap();
    let listed = listed.iter().find(|it| it["command"].as_str().unwrap().starts_with("printf %s 'üü")).unwrap();
    assert!(listed["command"].as_str().unwrap().len() <= 4096);
    let record = world.run(&["status", listed["execution_id"].as_str().unwrap(), "--json"]).code(0).json();
    assert_eq!(record["command"], command);
    let too_long = format!("true {}", "x".repeat(100_000));
    let words = [too_long.as_str(), too_long.as_str(), too_long.as_str()];
    world.run(&[&["exec"], &words[..]].concat()).code(125).says("at most 204800 bytes");
}
