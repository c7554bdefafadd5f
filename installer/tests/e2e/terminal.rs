//! What people see at a terminal: questions, and the tree.

use std::{fs, thread};

use runvoy_sandbox::{
    Layout, Sandbox,
    proxy::script::{Effect, Event, Match},
};
use rustix::process::Signal;

use crate::{
    account::Account,
    screen::{DOWN, ENTER, PATIENCE, Screen, UP, hold},
    site::{ARCHITECTURE, Site, artifact, between},
    world::{self, World, form},
};

const POLICY: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";

/// All that can be asked, in order; the second list only after certain choices.
const QUESTIONS: [&str; 11] = [
    "Containers reach",
    "Network of yours",
    "Its subnets",
    "Are these",
    "Run on spare",
    "Commands may",
    "ARNs of",
    "Days that",
    "E-mail address that",
    "Log links",
    "E-mail address of",
];
const OF_CHOICES: [&str; 4] = ["Network of yours", "Its subnets", "Are these", "ARNs of"];

#[test]
fn every_question_is_answered_and_answers_outlive_a_crash() {
    let world = World::get();
    let site = Site::new(world.sandbox(), "t-asks");
    let query = |form: &str| world.aws_query("ec2", &format!("{form}&Version=2016-11-15"));
    let vpc = query("Action=CreateVpc&CidrBlock=10.9.0.0%2F16");
    let vpc = between(&vpc, "<vpcId>", "</vpcId>").to_owned();
    let subnet = query(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock=10.9.1.0%2F24"));
    let subnet = between(&subnet, "<subnetId>", "</subnetId>").to_owned();
    let artifact = artifact(1).display().to_string();
    let args = ["init", "--no-probe", "--artifact", &artifact, "--architecture", ARCHITECTURE];

    let held = hold(&site);
    let mut screen = Screen::new(site.command(&args), 100, 40);
    screen.answer("Name of", "\x15t-asks\r");
    screen.answer("AWS region", &format!("{}{ENTER}", DOWN.repeat(10))).answer("AWS region", "us-east-1\r");
    screen.answer("Containers reach the internet by", &format!("{DOWN}{DOWN}{DOWN}{ENTER}"));
    screen.answer("Network of yours", &format!("{UP}{ENTER}"));
    screen.answer("Id of the network", "vpc-nonsense\r").shows("must look like");
    screen.types(&"\x7f".repeat(12)).answer("Id of the network", &format!("{vpc}\r"));
    screen.answer("Its subnets", "\r").shows("mark at least one").answer("Its subnets", " \r").shows(&subnet);
    screen.answer("Are these public subnets?", "y");
    screen.answer("Run on spare capacity", "y");
    screen.answer("Commands may", &format!("{}{ENTER}", DOWN.repeat(3)));
    screen.answer("ARNs of these policies", &format!("{POLICY}\r"));
    screen.answer("Days that the commands' output", "30\r");
    screen.answer("E-mail address that is told of trouble", "ops@example.com\r");
    screen.answer("Log links lead to", ENTER);
    screen.answer("E-mail address of the first admin", "asks@example.com\r");
    screen.shows(&vpc).answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.0.signal(Signal::KILL);
    world::wait(held.gone());
    let left = || site.files().into_iter().find(|name| name.starts_with("unfinished-"));
    let unfinished = fs::read_to_string(site.config().with_file_name(left().unwrap())).unwrap();
    for answer in [vpc.as_str(), &subnet, "public_ip: true", "spot: true", "log_retention_days: 30", "asks@example.com"]
    {
        assert!(unfinished.contains(answer), "no {answer} in {unfinished}");
    }

    // The stack is there meanwhile, and it tells the answers as well: nothing is asked but the place.
    let mut screen = Screen::new(site.command(&args), 100, 40);
    screen.answer("Name of", "\x15t-asks\r").answer("AWS region", ENTER).shows("The key is shown this once").ends(0);
    assert_eq!(left(), None);
    let template = site.template();
    for answer in [vpc.as_str(), &subnet, POLICY, "\"spot\":true", "\"log_retention_days\":30", "ops@example.com"] {
        assert!(template.contains(answer), "no {answer}");
    }

    // Asked again, what was answered is offered.
    let mark = site.mark();
    let mut screen = Screen::new(
        site.command(&[&args[..], &["--ask", "--stack-name=t-asks", "--region=us-east-1"]].concat()),
        100,
        40,
    );
    for question in QUESTIONS {
        screen.answer(question, ENTER);
    }
    screen.ends(0);
    assert_eq!((site.mutations(mark), site.template()), (vec![], template));

    // Before there is a stack, it is the file that remembers.
    let site = Site::new(world.sandbox(), "t-file");
    let first = Match::client("cloudformation", "CreateChangeSet").about(site.name);
    let held = site.sandbox.script().on(first, Effect::HoldBefore);
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.0.signal(Signal::KILL);
    world::wait(held.gone());
    let mut screen =
        Screen::new(site.command(&[&args[..], &["--stack-name", "t-file", "--region=us-east-1"]].concat()), 100, 40);
    for question in QUESTIONS.into_iter().filter(|question| !OF_CHOICES.contains(question)) {
        screen.answer(question, ENTER);
    }
    screen.shows("admin@example.com").answer("Go ahead?", ENTER).shows("The key is shown this once").ends(0);
    assert_eq!(site.files(), ["config.yaml"]);
}

#[test]
fn networks_that_are_there_are_offered() {
    let sandbox = world::wait(Sandbox::start(&Layout::named("e2e-networks").unwrap())).unwrap();
    let site = Site::new(&sandbox, "t-nets");
    let query =
        |form: &str| world::wait(sandbox.engine().query("ec2", &format!("{form}&Version=2016-11-15"))).unwrap().1;
    let made = ["10.7", "10.8"].map(|net| {
        let vpc = query(&format!("Action=CreateVpc&CidrBlock={net}.0.0%2F16"));
        let vpc = between(&vpc, "<vpcId>", "</vpcId>").to_owned();
        let subnets = [1, 2].map(|number| {
            let subnet = query(&format!("Action=CreateSubnet&VpcId={vpc}&CidrBlock={net}.{number}.0%2F24"));
            between(&subnet, "<subnetId>", "</subnetId>").to_owned()
        });
        (vpc, subnets)
    });
    let artifact = artifact(1).display().to_string();
    let args = ["init", "--dry-run", "--artifact", &artifact, "--stack-name=t-nets", "--architecture", ARCHITECTURE];
    let choices =
        ["--network=existing", "--public-ip", "--spot=false", "--task-permissions=none", "--viewer=function-url"];
    let rest = ["--alarm-email=none", "--log-retention-days=7", "--admin-email=a@example.com", "--region=us-east-1"];
    let mut screen = Screen::new(site.command(&[&args[..], &choices, &rest].concat()), 100, 60);
    screen.shows("Network of yours").shows("another");
    let shown = screen.0.screen();
    let items: Vec<_> = shown.lines().filter(|line| line.contains(" vpc-")).collect();
    let (vpc, subnets) = &made[1];
    let place = items.iter().position(|line| line.contains(vpc.as_str())).unwrap_or_else(|| panic!("{shown}"));
    assert!(items[place].contains("10.8.0.0/16") && items.iter().any(|line| line.contains(&made[0].0)), "{shown}");
    screen.answer("Network of yours", &format!("{}{ENTER}", DOWN.repeat(place)));
    // The second of its subnets, and of no other network.
    screen.shows(&subnets[0]).answer("Its subnets", &format!("{DOWN} {ENTER}")).ends(0);
    let shown = screen.0.screen();
    assert!(shown.contains(&format!("{vpc}, subnets {}", subnets[1])), "{shown}");
    assert!(!shown.contains(&made[0].1[0]), "{shown}");
    world::wait(sandbox.stop());
}

/// The tree as a terminal has it, while AWS works and when it is done, of an update that is told event by event.
#[test]
fn the_tree_of_an_update_looks_like_this() {
    let account = Account::shared();
    for columns in [100_u16, 40] {
        let deployment = account.deployment(&format!("s-shot{columns}"));
        let name = deployment.name.clone();
        deployment.init(&[]).code(0);
        let event = |logical: &str, kind: &str, status: &str| Event::new(logical, kind, status);
        let [function, logs] = [("ApiFunction", "AWS::Lambda::Function"), ("ExecutionLogGroup", "AWS::Logs::LogGroup")];
        let begun = [logs, function].map(|(logical, kind)| event(logical, kind, "UPDATE_IN_PROGRESS"));
        let story = deployment.story(&name).own().until("ExecuteChangeSet").then("UPDATE_IN_PROGRESS", "");
        let story = story.events(begun).event(event(logs.0, logs.1, "UPDATE_COMPLETE")).until("ListStackResources");
        story.then("UPDATE_COMPLETE", "").event(event(function.0, function.1, "UPDATE_COMPLETE"));
        let mut screen = Screen::new(deployment.command(&["--update", "--log-retention-days=30"]), columns, 80);
        // The rows of both are on the screen at once, one of them done.
        let both = |screen: &vt100::Screen| {
            let text = screen.contents();
            let (_, tree) = text.split_once("set up everything").unwrap_or_default();
            let updates = tree.lines().filter(|line| line.contains("update ")).count();
            is_whole(tree) && updates == 2 && tree.contains("  ✓ update ")
        };
        screen.0.wait_for(both, PATIENCE).unwrap();
        let mut shots = vec![shot(&screen.0.screen())];
        account.as_client("cloudformation", &form("ListStackResources", &[("StackName", &name)]));
        screen.shows("endpoint").ends(0);
        shots.push(shot(&screen.0.screen()));
        deployment.story(&name).own();
        let path = format!("{}/tests/e2e/snapshots/tree-{columns}.txt", env!("CARGO_MANIFEST_DIR"));
        let shots = shots.join("--- done\n");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&path, &shots).unwrap();
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        assert!(shots == known, "{path} is no longer what it was (UPDATE_SNAPSHOTS=1 takes it as it is):\n{shots}");
    }
}

/// A painting arrives in pieces; whole is what ends with a stopwatch.
fn is_whole(tree: &str) -> bool {
    tree.trim_end().strip_suffix('s').is_some_and(|tree| tree.ends_with(|end: char| end.is_ascii_digit()))
}

/// The tree's rows, with one spinner, without times, and without what machines differ in.
fn shot(screen: &str) -> String {
    let from = screen.find("✓ set up the bucket").unwrap_or_else(|| panic!("no tree in {screen}"));
    let tree = screen[from..].split("\nendpoint").next().unwrap();
    let row = |row: &str| {
        let row: String = row.chars().map(|c| if ('\u{2801}'..='\u{28ff}').contains(&c) { '⠋' } else { c }).collect();
        if row.contains("get the orchestrator's") {
            return "✓ get the orchestrator's code\n".to_owned();
        }
        // How long it takes still is no snapshot's business; nor is how much of a text its digits leave.
        let row = match (row.split_once("1 of 2"), row.contains("1/2")) {
            (Some((before, _)), _) => format!("{before}1 of 2"),
            (None, true) => "⠋ set up everything else 1/2".to_owned(),
            (None, false) => row,
        };
        let row = match row.split_once('…') {
            Some((text, rest)) => format!("{}…{rest}", text.chars().take(28).collect::<String>().trim_end()),
            None => row,
        };
        let indent = row.len() - row.trim_start().len();
        let words: Vec<_> = row.split_whitespace().map(word).collect();
        format!("{:indent$}{}\n", "", words.join(" "))
    };
    tree.lines().map(row).collect()
}

/// `3s` as `#s`, and this release as `VERSION`.
fn word(word: &str) -> String {
    let number = word.trim_end_matches(['s', 'm']);
    if number != word && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()) {
        return word.replace(number, "#");
    }
    word.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

/// From the first check to the result, questions included.
#[test]
fn nothing_is_wrapped_on_a_narrow_terminal() {
    const ROWS: u16 = 300;
    let world = World::get();
    let artifact = artifact(1).display().to_string();
    for (name, columns) in [("t-fit40", 40), ("t-fit60", 60)] {
        let site = Site::new(world.sandbox(), name);
        let args = ["init", "--no-probe", "--artifact", &artifact];
        let mut screen = Screen::new(site.command(&args), columns, ROWS);
        screen.answer("Name of", &format!("\x15{name}\r")).answer("AWS region", ENTER);
        screen
            .answer("Containers reach", ENTER)
            .answer("Containers run on", if ARCHITECTURE == "arm64" { ENTER } else { "\x1b[B\r" });
        screen.answer("Run on spare", "n").answer("Commands may", ENTER).answer("Days that", "\r");
        screen.answer("E-mail address that", "\r").answer("Log links", ENTER);
        screen.answer("E-mail address of", "fit@example.com\r").answer("Go ahead?", ENTER);
        screen.shows("The key is shown this once").ends(0);
        // Cut in two, these could not be copied.
        let whole = ["http://", "(in /", "sk_live_", "`runvoy "];
        let wrapped = screen.wrapped(columns, ROWS);
        let broken: Vec<_> =
            wrapped.iter().filter(|line| !whole.iter().any(|text| line.trim_start().starts_with(text))).collect();
        assert!(broken.is_empty(), "wrapped at {columns} columns: {broken:#?}\n{}", screen.0.screen());
        assert!(wrapped.contains(&site.key()), "{wrapped:#?}");

        // What there is already, and what changes of it.
        let change = ["init", "--update", "--no-probe", "--stack-name", name, "--region=us-east-1"];
        let change = [&change[..], &["--log-retention-days=30", "--spot", "--artifact", &artifact]].concat();
        let mut screen = Screen::new(site.command(&change), columns, ROWS);
        screen.answer("Make these changes?", ENTER).shows("endpoint").ends(0);
        let wrapped = screen.wrapped(columns, ROWS);
        let broken: Vec<_> =
            wrapped.iter().filter(|line| !whole.iter().any(|text| line.trim_start().starts_with(text))).collect();
        assert!(broken.is_empty(), "wrapped at {columns} columns: {broken:#?}\n{}", screen.0.screen());
    }
}

/// In a sandbox that takes its time as AWS does, only faster.
#[test]
fn the_tree_fits_its_terminal() {
    World::get();
    let sandbox = world::wait(Sandbox::start(&Layout::named("e2e-terminal").unwrap())).unwrap();
    sandbox.script().pace(0.02);
    let sites = ["t-wide", "t-narrow"].map(|name| Site::new(&sandbox, name));
    thread::scope(|scope| {
        for (site, columns) in sites.iter().zip([100_u16, 40]) {
            scope.spawn(move || watch(site, columns));
        }
    });
    world::wait(sandbox.stop());
}

/// Follows an installation, painting by painting.
fn watch(site: &Site<'_>, columns: u16) {
    // Nothing scrolls away.
    let mut screen = Screen::install(site, columns, 150);
    screen.answer("Go ahead?", ENTER);
    let (mut trees, mut most) = (0, String::new());
    loop {
        let seen = std::cell::Cell::new(false);
        screen.0.wait_for(|_| seen.replace(true), PATIENCE).unwrap();
        let shown = screen.0.screen();
        let Some((_, tree)) = shown.split_once("Go ahead? yes\n") else { continue };
        if tree.contains("register the first admin") {
            break;
        }
        trees += 1;
        for line in tree.lines() {
            assert!(line.chars().count() < columns.into(), "{line:?} is too long for {columns} columns in\n{shown}");
        }
        if is_whole(tree) && tree.lines().count() > most.lines().count() {
            most = tree.to_owned();
        }
    }
    assert!(trees > 10, "{trees}");
    let lines: Vec<_> = most.lines().collect();
    let place = |what: &str| lines.iter().position(|line| line[line.find(' ').unwrap()..].trim().starts_with(what));
    let place = |what: &str| place(what).unwrap_or_else(|| panic!("no {what} in\n{most}"));
    // Steps in the order of their beginnings, each with its resources below it and a stopwatch on the right.
    let steps =
        ["let ECS work", "set up the bucket", "get the orchestrator's", "check the templates", "upload the code"];
    let places: Vec<_> = steps.iter().map(|what| place(what)).chain([place("set up everything e")]).collect();
    assert!(places.is_sorted(), "{most}");
    assert!(lines[places[1] + 1].starts_with("  ✓ create bucket for the orchestr"), "{most}");
    assert_eq!(lines.len() - places[5] - 1, 35, "{most}");
    assert!(lines[places[5] + 1..].iter().all(|line| line.starts_with("  ")), "{most}");
    assert!(lines.iter().all(|line| line.ends_with('s')), "{most}");
    let step = lines[places[5]];
    assert!(if columns > 60 { step.contains(" of 35  ") } else { step.contains("/35  ~") }, "{step}");
    assert!(lines.iter().any(|line| line.contains("…  ")) == (columns < 60), "{most}");
    screen.shows("The key is shown this once").ends(0);
}
