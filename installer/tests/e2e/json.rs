//! What programs see: every line of `init --json` is one of the schema's events, and the last one is the result.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    thread,
};

use runvoy_sandbox::{
    Layout,
    proxy::script::{Effect, Event, Match},
    setup,
};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    site::{Site, signal},
    world::{self, Ran, World},
};

/// Reads a schema and lines of JSON; says which lines it does not allow, and why.
const VALIDATE: &str = "\
import json, sys
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for number, line in enumerate(sys.stdin):
    event = json.loads(line)
    kind = {'$ref': '#/$defs/' + event.get('type', 'note'), '$defs': schema['$defs']}
    if not validator.is_valid(event):
        print(number, best_match(Draft202012Validator(kind).iter_errors(event)).message)
";

/// What is wrong with these lines by the schema, as an independent validator finds it.
pub fn problems<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let layout = Layout::named("e2e").unwrap();
    world::wait(setup::LINT.ensure(&layout)).unwrap();
    let mut python = Command::new(setup::LINT.bin(&layout).join("python"));
    python.args(["-c", VALIDATE]).arg(layout.root().join("docs/init-events.schema.json"));
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let text = lines.map(|line| format!("{line}\n")).collect::<String>();
    let mut stdin = python.stdin.take().unwrap();
    thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Several runs, checked together.
#[derive(Default)]
pub struct Runs(Vec<(&'static str, Ran)>);

impl Runs {
    /// Takes a run that ended with `code` and this outcome; its events.
    #[track_caller]
    pub fn take(&mut self, what: &'static str, ran: Ran, code: i32, outcome: &str) -> Vec<Value> {
        let events = events(&ran.clone().code(code));
        let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(types.iter().filter(|name| **name == "result").count(), 1, "{what}: {types:?}");
        let result = events.last().unwrap();
        assert_eq!((&result["type"], &result["outcome"]), (&json!("result"), &json!(outcome)), "{what}: {result}");
        assert_eq!(result["exit_code"], code, "{what}: {result}");
        // People are told by the same words.
        if let Some(error) = result["error"].as_str() {
            let first = ran.stderr.lines().find_map(|line| line.strip_prefix("error: ")).unwrap();
            assert!(error.starts_with(first), "{what}: {error} / {first}");
            assert!(code != 0);
        } else {
            assert_eq!((ran.stderr.as_str(), code), ("", 0), "{what}");
        }
        let open = |event: &&Value| event["type"] == "step" && event["state"] == "start";
        for step in events.iter().filter(open) {
            let same = events.iter().filter(|event| event["type"] == "step" && event["id"] == step["id"]);
            let ends = same.filter(|event| ["done", "skipped", "failed"].iter().any(|end| event["state"] == *end));
            assert_eq!(ends.count(), 1, "{what}: {step}");
        }
        self.0.push((what, ran));
        events
    }

    pub fn check(&self) {
        let lines = self.0.iter().flat_map(|(what, ran)| ran.stdout.lines().map(move |line| (*what, line)));
        let lines: Vec<_> = lines.collect();
        let found = problems(lines.iter().map(|(_, line)| *line));
        let described = found.iter().map(|problem| {
            let number: usize = problem.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default();
            format!("{problem}\n  in {:?}", lines.get(number))
        });
        assert!(found.is_empty(), "{}", described.collect::<Vec<_>>().join("\n"));
    }
}

#[track_caller]
fn events(ran: &Ran) -> Vec<Value> {
    assert!(ran.stdout.ends_with('\n'), "{ran:?}");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    ran.stdout.lines().map(parse).collect()
}

pub fn of<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

#[test]
fn the_schema_refuses_what_it_does_not_know() {
    let at = "2027-01-15T08:00:00Z";
    let good = json!({ "at": at, "type": "note", "text": "x" }).to_string();
    let bad = [
        json!({ "at": at, "type": "note", "text": "x", "more": 1 }),
        json!({ "at": at, "type": "plan", "plan": {} }),
        json!({ "at": at, "type": "failure", "failure": { "stack": "x" } }),
        json!({ "at": "today", "type": "note", "text": "x" }),
    ]
    .map(|event| event.to_string());
    let lines = [&good].into_iter().chain(&bad).chain([&good]).map(String::as_str);
    let numbers: Vec<_> = problems(lines).iter().map(|problem| problem.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4"]);
}

#[test]
fn a_deployments_life_in_json() {
    let site = Site::new(World::get().sandbox(), "j-life");
    let mut runs = Runs::default();
    let email = ["--json", "--admin-email", "admin@example.com"];
    let planned = runs.take("dry run", site.init(&[&email[..], &["--dry-run"]].concat()), 0, "nothing-to-do");
    let templates = &of(&planned, "plan")[0]["plan"]["templates"];
    for path in ["bucket", "main"].map(|name| templates[name].as_str().unwrap()) {
        assert!(std::fs::read_to_string(path).unwrap().contains("AWSTemplateFormatVersion"), "{path}");
    }

    let first = runs.take("first", site.init(&email), 0, "done");
    let (result, steps) = (first.last().unwrap(), of(&first, "step"));
    assert_eq!(result["admin_key"], site.key());
    assert_eq!((&result["profile"], &result["admin_email"]), (&json!("j-life"), &json!("admin@example.com")));
    let starts = steps.iter().filter(|step| step["state"] == "start").map(|step| step["id"].as_str().unwrap());
    let mut starts: Vec<_> = starts.collect();
    starts.sort_unstable();
    let expected = ["admin", "bucket-stack", "build", "main-stack", "template-checks", "upload", "verify"];
    assert_eq!(starts, expected);
    // Before the questions, and what the answers take.
    assert_eq!(of(&first, "preflight").len(), 2);
    assert_eq!(of(&first, "plan").len(), 1);
    let tables = of(&first, "resource").into_iter().filter(|event| event["resource_type"] == "AWS::DynamoDB::Table");
    let made =
        tables.filter(|event| event["state"] == "done" && event["verb"] == "create" && event["step"] == "main-stack");
    assert_eq!(made.count(), 4);

    let again = runs.take("again", site.init(&["--json"]), 0, "nothing-to-do");
    assert!(again.last().unwrap().get("admin_key").is_none());
    let change = ["--json", "--log-retention-days", "30"];
    let planned = runs.take("dry update", site.init(&[&change[..], &["--dry-run"]].concat()), 0, "nothing-to-do");
    let planned = of(&planned, "plan")[1]["plan"].clone();
    let changed = runs.take("update", site.init(&change), 0, "done");
    let plan = of(&changed, "plan")[0]["plan"].clone();
    for plan in [&planned, &plan] {
        assert_eq!(plan["code_only"], false, "{plan}");
        let resources = plan["resources"].as_array().unwrap();
        let direct: Vec<_> =
            resources.iter().filter(|change| change["properties"] == json!(["RetentionInDays"])).collect();
        assert!(!direct.is_empty(), "{plan}");
        assert!(direct.iter().all(|change| change["action"] == "modify" && change["replacement"] == "no"), "{plan}");
        assert!(direct.iter().any(|change| change["group"] == "history"), "{plan}");
    }
    runs.take("refused", site.init(&["--json", "--network", "nat", "--artifact", "/nowhere.zip"]), 3, "failed");
    runs.take("another network", site.init(&["--json", "--network", "private", "--image", ECR]), 5, "refused");
    runs.take("rollback", site.init(&["--json", "--rollback"]), 0, "done");
    runs.take("no way back", site.init(&["--json", "--rollback"]), 3, "failed");
    let reissued = runs.take("reissue", site.init(&["--json", "--reissue-admin-key"]), 0, "done");
    assert_eq!(reissued.last().unwrap()["admin_key"], site.key());
    runs.check();
}

const ECR: &str = "000000000000.dkr.ecr.us-east-1.amazonaws.com/terraform:1";

#[test]
fn what_ends_a_run_early_in_json() {
    let world = World::get();
    let script = world.sandbox().script();
    let mut runs = Runs::default();
    let email = ["--json", "--admin-email", "admin@example.com"];

    // Without a yes, with a contradiction, and with what is no flag at all.
    let site = Site::new(world.sandbox(), "j-usage");
    let mark = site.mark();
    runs.take("no yes", site.run(&["init", "--json", "--stack-name", site.name]), 2, "failed");
    runs.take("contradiction", site.init(&[&email[..], &["--network", "private"]].concat()), 2, "failed");
    runs.take("nothing to update", site.init(&[&email[..], &["--update"]].concat()), 3, "failed");
    assert_eq!(site.run(&["init", "--json", "--nonsense"]).code(2).says("--nonsense").stdout, "");

    // Something is in the way.
    site.aws("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": "/aws/lambda/j-usage-api" }));
    let stopped = runs.take("in the way", site.init(&email), 3, "failed");
    let checks = of(&stopped, "preflight")[0]["checks"].as_array().unwrap().clone();
    assert!(checks.iter().any(|check| check["outcome"] == "fail" && check["hint"].is_string()), "{checks:?}");
    assert_eq!(site.mutations(mark), [""; 0]);

    // AWS fails for one cause.
    let site = Site::new(world.sandbox(), "j-fails");
    let given_up = (0..10)
        .map(|i| Event::failed(&format!("Other{i}"), "AWS::IAM::Role", "CREATE_FAILED", "Resource creation cancelled"));
    let cause = Event::failed("ExecutionsTable", "AWS::DynamoDB::Table", "CREATE_FAILED", "Access denied");
    let failing = script.stack(site.name).own().until("ExecuteChangeSet").then("CREATE_IN_PROGRESS", "");
    failing.event(cause).events(given_up).polls(1).then("DELETE_COMPLETE", "");
    let failed = runs.take("card", site.init(&email), 1, "failed");
    let (card, result) = (&failed[failed.len() - 2], failed.last().unwrap());
    assert_eq!((&card["type"], &card["failure"]["logical"]), (&json!("failure"), &json!("ExecutionsTable")));
    assert_eq!(card["failure"]["next"], result["hint"]);
    let resume = result["resume"].as_str().unwrap();
    assert!(resume.starts_with("runvoy init --yes --stack-name j-fails"), "{resume}");

    // Somebody leaves.
    let site = Site::new(world.sandbox(), "j-leaves");
    let held = script.on(Match::client("cloudformation", "ExecuteChangeSet").about("j-leaves"), Effect::HoldBefore);
    let init = site.init_command(&email).spawn().unwrap();
    world::wait(held.reached());
    signal(&init, Signal::INT);
    let left = Ran::from(init.wait_with_output().unwrap());
    runs.take("interrupted", left, 130, "interrupted");
    world::wait(held.gone());
    // Nobody has to be named again.
    let planned = runs.take("remembered", site.init(&["--json", "--dry-run"]), 0, "nothing-to-do");
    assert_eq!(of(&planned, "plan")[0]["plan"]["answers"]["admin_email"], "admin@example.com");
    runs.check();
}
