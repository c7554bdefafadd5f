//! The API held against its own document, by a program that knows nothing else of it.

use std::process::Command;

use runvoy_sandbox::setup;
use serde_json::json;

use crate::{
    site::Site,
    world::{Ran, World, wait},
};

/// What each reply must be like. That a request which fits the schema may be refused all the same is no fault: schemas
/// don't tell what an image's name may be.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth";

#[test]
fn every_reply_is_as_the_served_document_says() {
    let world = World::get();
    let layout = world.sandbox().layout();
    wait(setup::CONTRACT.ensure(layout)).unwrap();
    let site = Site::new(world.sandbox(), "contract");
    site.install();
    // Whatever is made up must not be run by a shell of this machine.
    let email = "anybody@example.com";
    let key = site.run(&["admin", "add-user", email, "--role", "admin"]).code(0).stdout.trim().to_owned();
    let policy = world.file("contract-policy.json");
    std::fs::write(&policy, json!({ "images": ["*"], "commands": ["true"] }).to_string()).unwrap();
    site.run(&["admin", "set-policy", email, policy.to_str().unwrap()]).code(0);
    let id = site.run(&["exec", "--detach", "--lock", "known", "true"]).code(0).stdout.trim().to_owned();

    let server = world.serve_as("contract-api", &world.client_credentials());
    let check = |only: &[&str]| {
        let mut run = Command::new(setup::CONTRACT.bin(layout).join("schemathesis"));
        run.arg("run").arg(format!("{}/openapi.json", server.address)).args(only);
        run.args(["--url", &format!("{}/api/v1", server.address), "--header", &format!("x-api-key: {key}")]);
        run.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "12", "--seed", "1"]);
        // A key's share is fifty a second.
        run.args(["--rate-limit", "45/s", "--no-color", "--continue-on-failure", "--warnings", "off"]);
        let ran = Ran::from(run.current_dir(world.file("")).env("HOME", world.file("")).output().unwrap());
        assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        print!("{}", ran.stdout);
    };
    // A setting may be that nothing starts any more, which is a 503 to those that start something.
    check(&["--exclude-path", "/config"]);
    check(&["--include-path", "/config"]);
    assert_eq!(site.run(&["status", &id, "--json"]).code(0).json()["execution_id"], id);
}
