//! Every example of every command's help, run as it stands: those that deploy in a checkout and with credentials of an AWS
//! account, all others in a project, by somebody who has an API key and nothing else.

mod desk;

use crate::{
    screen::{DOWN, ENTER},
    world::Ran,
};
use desk::Desk;

/// Of an execution that has ended, in the help's examples.
const ID: &str = "exec_20251026143210_a1b2c3";
/// The address there.
const ENDPOINT: &str = "https://example.lambda-url.eu-west-1.on.aws/";

/// Lasts until somebody ends it.
const BUSY: &str = "'sleep 600'";

/// What makes the deployment that the others are run in, in this order.
const FIRST: [&str; 6] = [
    "runvoy init",
    "runvoy init --dry-run --yes",
    "runvoy init --print-template runvoy-templates --admin-email you@example.com",
    "runvoy init --update",
    "runvoy init --rollback",
    "runvoy init --stack-name runvoy-staging --task-permissions power-user",
];

/// What removes it, and one more that is made in between: each finds something to do.
const LAST: [&str; 5] = [
    "runvoy destroy --stack-name runvoy-staging --keep-data",
    "runvoy destroy",
    "runvoy destroy --yes --export ./runvoy-data",
    "runvoy init --yes --region eu-west-1 --admin-email you@example.com",
    "runvoy destroy --yes --stop-running --delete-data",
];

/// Those that end with another code than 0, or have something to say of how they ended.
const ENDS: [(&str, i32, &str); 19] = [
    ("runvoy init", 0, "The key is shown this once"),
    ("runvoy init --update", 0, "new code"),
    ("runvoy init --rollback", 0, "Going back to version"),
    ("runvoy init --stack-name runvoy-staging --task-permissions power-user", 0, "The key is shown this once"),
    ("runvoy init --yes --region eu-west-1 --admin-email you@example.com", 0, "The key is shown this once"),
    ("runvoy destroy --stack-name runvoy-staging --keep-data", 0, "Kept, for the next"),
    ("runvoy destroy", 0, "Kept, for the next"),
    ("runvoy destroy --yes --export ./runvoy-data", 0, "Nothing of it is left"),
    ("runvoy destroy --yes --stop-running --delete-data", 0, "Nothing of it is left"),
    ("runvoy exec 'echo hello; exit 3'", 3, "failed: exit code 3"),
    ("runvoy exec --lock infra-prod terraform apply -auto-approve", 0, "completed"),
    ("runvoy exec --image alpine:3 --env STAGE=dev --timeout 10m -- make test", 0, "completed"),
    ("runvoy exec --repo https://github.com/acme/infra --ref v2 --path prod terraform plan", 0, "completed"),
    ("runvoy exec --upload --secret DB_PASSWORD=db-prod ./migrate", 0, "completed"),
    ("runvoy exec --secret DB_PASSWORD=db-prod ./migrate", 0, "completed"),
    ("runvoy rerun last", 0, "completed"),
    ("runvoy configure --keyring", 0, "hello you@example.com (admin)"),
    ("runvoy list --all --watch", 124, ""),
    ("runvoy profile remove staging", 0, "`staging` is removed"),
];

const ARCHITECTURE: (&str, &str) = ("Containers run on", if cfg!(target_arch = "aarch64") { "\r" } else { "\x1b[B\r" });
const NAME: (&str, &str) = ("Name of", ENTER);
const REGION: (&str, &str) = ("AWS region", ENTER);
const PERMISSIONS: (&str, &str) = ("Commands may", ENTER);

/// What those at a terminal ask, and what is answered.
const ANSWERS: [(&str, &[(&str, &str)]); 13] = [
    ("runvoy init", &[NAME, REGION, NETWORK, ARCHITECTURE, SPOT, PERMISSIONS, DAYS, ALARMS, VIEWER, ADMIN, GO]),
    (
        "runvoy init --stack-name runvoy-staging --task-permissions power-user",
        &[REGION, NETWORK, ARCHITECTURE, SPOT, DAYS, ALARMS, VIEWER, ADMIN, GO],
    ),
    ("runvoy init --update", &[NAME, REGION, ("Make these changes?", ENTER)]),
    ("runvoy init --rollback", &[NAME, REGION, ("Make these changes?", ENTER)]),
    ("runvoy destroy", &[("Users, history", KEEP), ("Type `runvoy`", "runvoy\r")]),
    ("runvoy destroy --stack-name runvoy-staging --keep-data", &[("Type `runvoy-staging`", "runvoy-staging\r")]),
    ("runvoy configure", &[("Endpoint", ENTER), ("API key", ENTER)]),
    ("runvoy configure --keyring", &[("Endpoint", ENTER), ("API key", ENTER)]),
    (
        "runvoy configure --profile staging --endpoint https://example.lambda-url.eu-west-1.on.aws/",
        &[("API key", ENTER)],
    ),
    ("runvoy profile remove staging", &[("Remove `staging`", "y")]),
    ("runvoy admin secrets set db-prod", &[("Value", "of-the-database\r")]),
    ("runvoy admin git-credentials set --host github.com", &[("Token for github.com", "t0ken\r")]),
    ("runvoy admin registry-credentials set --host ghcr.io --username bot", &[("Password", "t0ken\r")]),
];

const NETWORK: (&str, &str) = ("Containers reach", ENTER);
const SPOT: (&str, &str) = ("Run on spare", "n");
const DAYS: (&str, &str) = ("Days that", ENTER);
const ALARMS: (&str, &str) = ("E-mail address that", ENTER);
const VIEWER: (&str, &str) = ("Log links", ENTER);
const ADMIN: (&str, &str) = ("E-mail address of", ENTER);
const GO: (&str, &str) = ("Go ahead?", ENTER);
const KEEP: &str = "\x1b[B\r";

#[test]
fn every_example_does_what_the_help_says() {
    assert_eq!(KEEP, format!("{DOWN}{ENTER}"));
    let desk = Desk::new();
    let examples = desk.examples(&[]);
    let named = FIRST.into_iter().chain(LAST).chain(ENDS.map(|(line, ..)| line)).chain(ANSWERS.map(|(line, _)| line));
    for line in named {
        assert!(examples.iter().any(|example| example == line), "no example any more: {line}");
    }
    let apart = |example: &String| FIRST.contains(&example.as_str()) || LAST.contains(&example.as_str());
    let others = examples.iter().filter(|example| !apart(example));

    for example in FIRST {
        run(&desk, example, "");
    }
    let id = desk.furnish();
    let config = desk.config();
    for example in others {
        run(&desk, example, &id);
        desk.write(".runvoy/config.yaml", &config);
    }
    for example in LAST {
        run(&desk, example, &id);
    }
}

/// Runs one, with `id` for the execution that it names.
fn run(desk: &Desk, example: &str, id: &str) {
    let busy = prepare(desk, example);
    let id = busy.as_deref().unwrap_or(id);
    let mut line = example.replace(ID, id).replace("${fpath[1]}", ".");
    if !id.is_empty() {
        line = line.replace("a1b2c3", &id[id.len() - 6..]).replace(ENDPOINT, &desk.endpoint());
    }
    // The account has one region.
    line = line.replace("--region eu-west-1", &format!("--region {}", runvoy_sandbox::REGION));
    if example.ends_with("--watch") {
        // It goes on until somebody has seen enough.
        line = format!("timeout 2 {line}");
    }
    if example == "runvoy exec --secret DB_PASSWORD=db-prod ./migrate" {
        line = format!("RUNVOY_UPLOAD=true {line}");
    }
    let ran: Ran = match ANSWERS.iter().find(|(known, _)| *known == example) {
        Some((_, answers)) => desk.at_terminal(&line, answers),
        None => desk.sh(&line),
    };
    let (code, says) =
        ENDS.iter().find(|(known, ..)| *known == example).map_or((0, ""), |(_, code, says)| (*code, *says));
    assert_eq!(ran.code, code, "{example}: {}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains(says), "{example}: no `{says}` in {}", ran.stderr);
    if let Some(busy) = busy {
        desk.wait_for(&busy);
    }
}

/// Sees to it that there is something to do. The result is an execution that is under way, to be ended by the example.
fn prepare(desk: &Desk, example: &str) -> Option<String> {
    match example {
        "runvoy init --update" => desk.write("checkout/newer", ""),
        "runvoy rerun last" => desk.wait_for(&desk.start("true")),
        "runvoy destroy --yes --stop-running --delete-data" => drop(desk.start(BUSY)),
        line if line.starts_with("runvoy stop ") => return Some(desk.start(BUSY)),
        line if line.starts_with("runvoy locks release ") => {
            return Some(desk.start(&format!("--lock infra-prod {BUSY}")));
        }
        _ => {}
    }
    None
}
