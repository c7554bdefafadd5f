//! What people see at a terminal, and what their Ctrl-C does.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use runvoy_sandbox::{
    Layout, Pty, Sandbox,
    proxy::script::{Effect, Event, Fault, Match},
};
use rustix::process::Signal;

use crate::{
    site::{ARCHITECTURE, Site, SlowCargo, artifact, between, signal},
    world::{self, Ran, World},
};

const PATIENCE: Duration = Duration::from_secs(60);
const INTERRUPT: &str = "\x03";
const ENTER: &str = "\r";
const DOWN: &str = "\x1b[B";

/// Every choice as a flag: nothing is left to ask but whether to go ahead.
const CHOICES: [&str; 8] = [
    "--network=public",
    "--spot=false",
    "--task-permissions=read-only",
    "--log-retention-days=7",
    "--alarm-email=none",
    "--viewer=function-url",
    "--admin-email=admin@example.com",
    "--region=us-east-1",
];

const POLICY: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";

/// All that can be asked, in order; the second list only after certain choices.
const QUESTIONS: [&str; 11] = [
    "Containers reach",
    "Id of the network",
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
const OF_CHOICES: [&str; 4] = ["Id of the network", "Its subnets", "Are these", "ARNs of"];

/// `init` on a terminal.
struct Screen(Pty);

impl Screen {
    fn new(command: Command, columns: u16, rows: u16) -> Self {
        Self(Pty::spawn(command, columns, rows).unwrap())
    }

    /// With nothing to ask.
    fn install(site: &Site<'_>, columns: u16, rows: u16) -> Self {
        let artifact = artifact(1).display().to_string();
        let fixed = ["init", "--no-probe", "--stack-name", site.name, "--artifact", &artifact];
        let architecture = ["--architecture", ARCHITECTURE];
        Self::new(site.command(&[&fixed[..], &architecture, &CHOICES].concat()), columns, rows)
    }

    /// Waits for text.
    #[track_caller]
    fn shows(&mut self, text: &str) -> &mut Self {
        self.0.wait_for(|screen| screen.contents().contains(text), PATIENCE).unwrap();
        self
    }

    #[track_caller]
    fn types(&mut self, text: &str) -> &mut Self {
        self.0.type_text(text).unwrap();
        self
    }

    /// Answers a prompt, once it reads keys.
    #[track_caller]
    fn answer(&mut self, question: &str, keys: &str) -> &mut Self {
        let asked =
            |screen: &vt100::Screen| screen.contents().lines().rev().take(14).any(|line| line.starts_with(question));
        self.0.wait_for(asked, PATIENCE).unwrap();
        world::until("it reads keys", || self.0.reads_keys().unwrap().then_some(()));
        self.types(keys)
    }

    #[track_caller]
    fn ends(&mut self, code: i32) -> &mut Self {
        let status = self.0.wait(PATIENCE).unwrap();
        assert_eq!(status.code(), Some(code), "{}", self.0.screen());
        let hidden = self.text().rfind("\x1b[?25l");
        assert!(hidden.is_none() || hidden < self.text().rfind("\x1b[?25h"), "the cursor is left hidden");
        assert!(!self.0.reads_keys().unwrap_or_default(), "the terminal is left raw");
        self
    }

    /// All that was ever written.
    fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.output().iter().flat_map(|chunk| chunk.bytes.clone()).collect();
        String::from_utf8(bytes).unwrap()
    }

    /// The command that the program says goes on from here.
    #[track_caller]
    fn resume(&self) -> String {
        let text = console::strip_ansi_codes(&self.text()).replace("\r\n", "\n");
        let hint = text.lines().rfind(|line| line.starts_with("hint: ")).unwrap_or_else(|| panic!("no hint in {text}"));
        between(hint, "`", "` goes on from there").to_owned()
    }
}

/// The printed command as a shell runs it.
fn shell(site: &Site<'_>, line: &str) -> Command {
    let mut command = site.command(&[]);
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_runvoy")).parent().unwrap();
    let mut shell = Command::new("sh");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    shell.args(["-c", line]).env("PATH", path).current_dir(command.current_dir(".").get_current_dir().unwrap());
    shell
}

/// Holds the call that begins with the main stack, once AWS has begun.
fn hold(site: &Site<'_>) -> Fault {
    let matching = Match::client("cloudformation", "ExecuteChangeSet").about(site.name).nth(2);
    site.sandbox.script().on(matching, Effect::HoldAfter)
}

/// What an interrupt must never lead to.
#[track_caller]
fn nothing_is_deleted(site: &Site<'_>, mark: u64) {
    let actions = site.mutations(mark);
    assert!(!actions.iter().any(|action| action.contains("Delete")), "{actions:?}");
}

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
    screen.answer("Id of the network", "vpc-nonsense\r").shows("must look like");
    screen.types(&"\x7f".repeat(12)).answer("Id of the network", &format!("{vpc}\r"));
    screen.answer("Its subnets", &format!("{subnet}\r"));
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
fn ctrl_c_at_a_question_changes_nothing() {
    let world = World::get();
    let mut number = 0;
    let artifact = artifact(1).display().to_string();
    for question in ["Name of", "Containers reach", "Are these", "Days that", "Go ahead?"] {
        number += 1;
        let site = Site::new(world.sandbox(), "t-question");
        let mark = site.mark();
        let mut args = vec!["init", "--artifact", &artifact, "--architecture", ARCHITECTURE, "--region=us-east-1"];
        args.extend((number > 1).then_some("--stack-name=t-question"));
        if number == 3 {
            args.extend(["--network=existing", "--vpc-id=vpc-0a1b2c3d", "--subnet-id=subnet-0a1b2c3d"]);
        }
        if number > 3 {
            args.extend(CHOICES.iter().filter(|flag| number == 5 || !flag.starts_with("--log")));
            args.retain(|arg| *arg != "--region=us-east-1");
            args.push("--region=us-east-1");
        }
        let mut screen = Screen::new(site.command(&args), 100, 40);
        screen.answer(question, INTERRUPT).ends(130);
        assert!(screen.0.screen().contains("interrupted: nothing was changed"), "{}", screen.0.screen());
        assert_eq!(site.mutations(mark), [""; 0]);
        assert_eq!(site.files(), [""; 0]);
    }
    let site = Site::new(world.sandbox(), "t-question");
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", "");
    screen.0.signal(Signal::TERM);
    screen.ends(130).shows("interrupted: nothing was changed");
    site.init(&["--update"]).code(3);
}

#[test]
fn ctrl_c_while_aws_works_asks_and_the_printed_command_goes_on() {
    let site = Site::new(World::get().sandbox(), "t-keep");
    let (mark, held) = (site.mark(), hold(&site));
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.types(INTERRUPT).shows("To go on later: ");
    let menu = screen.0.screen();
    assert!(menu.contains("Nothing is deleted") && menu.contains("keep running") && menu.contains("quit"), "{menu}");
    assert!(!menu.contains("cancel the update"), "{menu}");
    // What is typed stays in sight, whatever is painted otherwise.
    screen.types("k").0.wait_for(|screen| screen.contents().ends_with("\nk"), PATIENCE).unwrap();
    thread::sleep(Duration::from_millis(300));
    screen.0.poll();
    assert!(screen.0.screen().ends_with("\nk"), "{}", screen.0.screen());
    screen.types(ENTER).ends(130);
    assert!(screen.text().contains("what AWS has begun goes on without us"));
    let resume = screen.resume();
    nothing_is_deleted(&site, mark);
    world::wait(held.gone());
    site.until_status("CREATE_COMPLETE");
    assert!(resume.contains("--stack-name t-keep"), "{resume}");

    let mut screen = Screen::new(shell(&site, &resume), 100, 40);
    screen.shows("The key is shown this once").ends(0);
    site.run(&["--profile", "t-keep", "whoami"]).code(0);
}

#[test]
fn enter_goes_on_and_quit_leaves() {
    let site = Site::new(World::get().sandbox(), "t-enter");
    let (mark, held) = (site.mark(), hold(&site));
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.types(INTERRUPT).shows("To go on later: ").types(ENTER);
    held.release();
    screen.shows("The key is shown this once").ends(0);
    nothing_is_deleted(&site, mark);

    let site = Site::new(World::get().sandbox(), "t-quit");
    let (mark, held) = (site.mark(), hold(&site));
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.types(INTERRUPT).shows("To go on later: ").types("q\r").ends(130);
    nothing_is_deleted(&site, mark);
    assert!(screen.resume().contains("--stack-name t-quit"));
}

#[test]
fn ctrl_c_while_cargo_works_is_for_us_alone_to_hear() {
    let site = Site::new(World::get().sandbox(), "t-build");
    for (number, answer) in ["q\r", ENTER].into_iter().enumerate() {
        let cargo = SlowCargo::new(&format!("terminal-cargo-{number}"));
        let args = ["init", "--no-probe", "--stack-name", site.name, "--architecture", ARCHITECTURE];
        let mut init = site.command(&[&args[..], &CHOICES].concat());
        cargo.apply(&mut init);
        let mut screen = Screen::new(init, 100, 40);
        screen.answer("Go ahead?", ENTER);
        cargo.until_begun();
        screen.types(INTERRUPT).shows("To go on later: ").types(answer);
        if answer == ENTER {
            cargo.go();
            screen.shows("The key is shown this once").ends(0);
        } else {
            screen.ends(130);
            world::until("cargo is gone", || (!is_running(&cargo)).then_some(()));
        }
    }
}

/// Whether a build with this cargo goes on anywhere.
fn is_running(cargo: &SlowCargo) -> bool {
    let text = cargo.path().display().to_string();
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok());
    processes.into_iter().any(|line| String::from_utf8_lossy(&line).contains(&text))
}

#[test]
fn a_second_ctrl_c_leaves_within_a_second() {
    let site = Site::new(World::get().sandbox(), "t-twice");
    let (mark, held) = (site.mark(), hold(&site));
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.types(INTERRUPT).shows("To go on later: ");
    let pressed = Instant::now();
    screen.types(INTERRUPT).ends(130);
    assert!(pressed.elapsed() < Duration::from_secs(1), "{:?}", pressed.elapsed());
    nothing_is_deleted(&site, mark);

    // Nobody can be asked, or somebody else ends it: no questions.
    for (number, cause) in [Signal::INT, Signal::TERM].into_iter().enumerate() {
        let name = ["t-int", "t-term"][number];
        let site = Site::new(World::get().sandbox(), name);
        let (mark, held) = (site.mark(), hold(&site));
        let init = site.init_command(&["--admin-email", "admin@example.com"]).spawn().unwrap();
        world::wait(held.reached());
        let sent = Instant::now();
        signal(&init, cause);
        let ran = Ran::from(init.wait_with_output().unwrap()).code(130);
        assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
        ran.says("goes on without us").says(&format!("--stack-name {name} ")).says("` goes on from there");
        nothing_is_deleted(&site, mark);
    }
    let site = Site::new(World::get().sandbox(), "t-tty-term");
    let held = hold(&site);
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.0.signal(Signal::TERM);
    screen.ends(130);
    assert!(!screen.text().contains("What now?"));
}

#[test]
fn an_update_can_be_cancelled() {
    let site = Site::new(World::get().sandbox(), "t-cancel");
    site.install();
    let before = site.template();
    let updating = Event::new("ApiFunction", "AWS::Lambda::Function", "UPDATE_IN_PROGRESS");
    let undoing = Event::new("ApiFunction", "AWS::Lambda::Function", "UPDATE_COMPLETE");
    let story = site.sandbox.script().stack(site.name).own().until("ExecuteChangeSet");
    let story = story.then("UPDATE_IN_PROGRESS", "").event(updating).until("CancelUpdateStack");
    story.then("UPDATE_ROLLBACK_COMPLETE", "User Initiated").event(undoing);
    let artifact = artifact(1).display().to_string();
    let args =
        ["init", "--update", "--no-probe", "--stack-name=t-cancel", "--region=us-east-1", "--artifact", &artifact];
    let mut screen = Screen::new(site.command(&[&args[..], &["--log-retention-days=30"]].concat()), 100, 40);
    let mark = site.mark();
    screen.answer("Make these changes?", ENTER).shows("function for the API");
    screen.types(INTERRUPT).shows("cancel the update").types("c\r").shows("is cancelled").ends(130);
    let actions = site.mutations(mark);
    assert!(actions.contains(&"CancelUpdateStack".to_owned()), "{actions:?}");
    nothing_is_deleted(&site, mark);
    assert_eq!(site.template(), before);
    assert!(screen.text().contains("tries again"), "{}", screen.0.screen());
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
        if tree.lines().count() > most.lines().count() {
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
