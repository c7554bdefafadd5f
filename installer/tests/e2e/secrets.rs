//! Where the first admin's key is, and that it is nowhere else.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use runvoy_sandbox::{
    Layout, Sandbox,
    proxy::{
        Caller,
        script::{Effect, Match},
    },
};
use serde_json::Value;

use crate::{
    http,
    site::{Site, unescape},
    world::{self, Ran, World},
};

/// In a sandbox of its own, where every call is its own.
#[test]
fn the_key_is_nowhere_but_in_its_place_and_a_second_run_only_looks() {
    World::get();
    let sandbox = world::wait(Sandbox::start(&Layout::named("e2e-update").unwrap())).unwrap();
    let site = Site::new(&sandbox, "u-alone");
    let held = Match::client("dynamodb", "TransactWriteItems").about("u-alone");
    let held = sandbox.script().on(held, Effect::HoldBefore);
    let init = site.init_command(&["--admin-email", "admin@example.com"]).stdin(Stdio::null()).spawn().unwrap();
    world::wait(held.reached());
    let first = site.key();
    assert_eq!(seen_of(&init, &first), [""; 0]);
    let unfinished = site.files().into_iter().find(|name| name.starts_with("unfinished-")).unwrap();
    let unfinished = fs::read_to_string(site.config().with_file_name(unfinished)).unwrap();
    assert!(unfinished.contains("admin@example.com") && !unfinished.contains("sk_live_"), "{unfinished}");
    held.release();
    let init = Ran::from(init.wait_with_output().unwrap()).code(0);
    assert_eq!((init.stdout.matches(&first).count(), init.stdout.matches("sk_live_").count()), (1, 1));
    assert!(!init.stderr.contains("sk_live_"));
    assert_eq!(site.files(), ["config.yaml"]);

    let mark = site.mark();
    let again = site.init(&["--json"]).code(0);
    let calls: Vec<_> = sandbox.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client).collect();
    let mutations: Vec<_> = calls.iter().filter(|call| call.is_mutation()).collect();
    assert!(mutations.is_empty(), "{mutations:?}");
    let actions: Vec<_> = calls.iter().map(|call| format!("{} {}", call.action, call.detail)).collect();
    assert!(actions.len() <= 30, "{}: {actions:#?}", actions.len());
    assert!(!again.stdout.contains("sk_live_"));

    let reissued = site.init(&["--json", "--reissue-admin-key"]).code(0);
    let second = site.key();
    let result = reissued.stdout.lines().last().unwrap();
    assert_eq!(serde_json::from_str::<Value>(result).unwrap()["admin_key"], second);
    assert_eq!(reissued.stdout.matches("sk_live_").count(), 1);
    site.run(&["--profile", "u-alone", "exec", "echo hello"]).code(0);

    let mut places = vec![("the call log".to_owned(), fs::read_to_string(sandbox.layout().calls_log()).unwrap())];
    for stack in ["u-alone", "u-alone-bucket"] {
        for action in ["GetTemplate", "DescribeStacks", "DescribeStackEvents", "ListChangeSets"] {
            places.push((format!("{action} {stack}"), site.cloudformation(action, &[("StackName", stack)])));
        }
    }
    places.extend(logs(&site));
    places.extend(objects(&site));
    for table in ["api-keys", "audit", "executions"] {
        places.push((table.to_owned(), format!("{:?}", site.rows(table))));
    }
    let names: Vec<_> = places.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains(&"/aws/lambda/u-alone-api") && names.len() > 15, "{names:?}");
    for (place, text) in &places {
        assert!(!text.contains(&first) && !text.contains(&second), "the key is in {place}");
    }
    world::wait(sandbox.stop());
}

/// Where others on the machine can see the key.
fn seen_of(child: &Child, key: &str) -> Vec<String> {
    let files = ["cmdline", "environ"].map(|name| format!("/proc/{}/{name}", child.id()));
    files.into_iter().filter(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).contains(key)).collect()
}

/// All log groups with all their lines.
fn logs(site: &Site<'_>) -> Vec<(String, String)> {
    let groups = site.aws("logs", "Logs_20140328.DescribeLogGroups", &serde_json::json!({}));
    let names = groups["logGroups"].as_array().unwrap().iter().map(|group| group["logGroupName"].as_str().unwrap());
    let lines = |name: &str| {
        let lines = site.aws("logs", "Logs_20140328.FilterLogEvents", &serde_json::json!({ "logGroupName": name }));
        (name.to_owned(), lines.to_string())
    };
    names.map(lines).collect()
}

/// All texts in the bucket.
fn objects(site: &Site<'_>) -> Vec<(String, String)> {
    let engine = site.sandbox.engine();
    let bucket = runvoy_api::infra::name::bucket(site.name, engine.account(), engine.region());
    let scope = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/s3/aws4_request",
        site.sandbox.function_credentials().0
    );
    let get = |path: &str| http::send(engine.base(), "GET", path, &[("authorization", &scope)], "").body;
    let listed = get(&format!("/{bucket}?list-type=2"));
    let keys: Vec<_> =
        listed.split("<Key>").skip(1).map(|rest| unescape(rest.split("</Key>").next().unwrap())).collect();
    let text = |key: &&String| Path::new(key).extension().is_some_and(|ending| ending != "zip");
    assert!(
        keys.iter().any(|key| key.starts_with("releases/")) && keys.iter().any(|key| key.starts_with("templates/")),
        "{keys:?}"
    );
    keys.iter().filter(text).map(|key| (key.clone(), get(&format!("/{bucket}/{key}")))).collect()
}
