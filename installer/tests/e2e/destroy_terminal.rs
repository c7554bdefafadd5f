//! A removal at a terminal: what is asked, and what Ctrl-C and SIGTERM do while it works.

use std::time::{Duration, Instant};

use runvoy_sandbox::proxy::script::{Effect, Fault, Match};
use rustix::process::Signal;

use crate::{
    land::{Deployment, Land},
    screen::{DOWN, ENTER, INTERRUPT, Screen, in_shell},
    site::signal,
    world::{Ran, until},
};

const DATA: &str = "Users, history";

fn screen(one: &Deployment, more: &[&str]) -> Screen {
    Screen::new(one.command(&[&["destroy", "--stack-name", one.name], more].concat()), 100, 40)
}

fn name_prompt(one: &Deployment) -> String {
    format!("Type `{}` to destroy it", one.name)
}

/// Holds the call that begins with the main stack, before or after AWS has begun.
fn hold(one: &Deployment, effect: Effect) -> Fault {
    Land::get()
        .script()
        .on(Match::client("cloudformation", "DeleteStack").about(&format!("stack/{}/", one.name)), effect)
}

fn exports(one: &Deployment) -> usize {
    let names = std::fs::read_dir(&one.directory).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().starts_with("runvoy-export-")).count()
}

#[test]
fn nothing_is_changed_before_the_name_is_typed() {
    let land = Land::get();
    let one = land.deployed("asked");
    one.run(&["exec", "echo done"]).code(0);
    let mark = land.mark();

    // What takes a flag of its own is refused before anything is asked.
    let id = one.run(&["exec", "--detach", "sleep 600"]).code(0).stdout.trim().to_owned();
    let mut refused = screen(&one, &[]);
    refused.ends(5);
    assert!(refused.text().contains(&id) && refused.text().contains("--stop-running"), "{}", refused.text());
    assert!(!refused.text().contains(DATA), "{}", refused.text());
    one.run(&["stop", &id]).code(0);
    until("it has ended", || one.run(&["status", &id, "--json"]).json()["completed_at"].is_string().then_some(()));

    // Another name, with what is to go and where the data goes before it.
    let mut other = screen(&one, &[]);
    other.answer(DATA, ENTER).answer(&name_prompt(&one), "asked-staging\r").ends(5);
    let text = other.text();
    assert!(text.contains("that is another name: nothing was changed"), "{text}");
    let shown = ["stack asked (CREATE_COMPLETE", "asked-executions", "bucket ", "task definition"];
    assert!(shown.iter().all(|what| text.contains(what)), "{text}");
    assert!(text.contains("The data is exported to `./runvoy-export-asked-2"), "{text}");
    assert!(text.find("asked-executions") < text.find("Type `asked`"), "{text}");

    // Ctrl-C and SIGTERM at either question.
    for (at_the_name, by_key) in [(false, true), (true, true), (false, false), (true, false)] {
        let mut left = screen(&one, &[]);
        let question = if at_the_name { name_prompt(&one) } else { DATA.to_owned() };
        if at_the_name {
            left.answer(DATA, ENTER);
        }
        left.answer(&question, if by_key { INTERRUPT } else { "" });
        if !by_key {
            left.0.signal(Signal::TERM);
        }
        left.ends(130);
        assert!(left.text().contains("interrupted: nothing was changed"), "{}", left.text());
    }
    assert_eq!(land.changes(mark, one.name).len(), 0);
    assert_eq!((exports(&one), one.is_drained()), (0, false));

    // What is chosen is what happens, and so says the command that goes on.
    let held = hold(&one, Effect::HoldBefore);
    let mut kept = screen(&one, &[]);
    kept.answer(DATA, &format!("{DOWN}{ENTER}")).answer(&name_prompt(&one), "asked\r");
    Deployment::reached(&held);
    kept.types(INTERRUPT).shows("To go on later:").types("q\r").ends(130);
    Deployment::gone(&held);
    let resume = kept.resume();
    assert_eq!(resume, "runvoy destroy --stack-name asked --region us-east-1 --keep-data");
    let mut again = Screen::new(in_shell(one.command(&[]), &resume), 100, 40);
    again.answer(&name_prompt(&one), "asked\r").ends(0);
    assert!(again.text().contains("This goes on with a removal that began 20"), "{}", again.text());
    assert_eq!((one.rows().len(), one.is_drained(), exports(&one)), (4, false, 0));

    // Data alone is removed only for who asks for it, and the name is typed then as well.
    let mut deleted = screen(&one, &["--delete-data"]);
    deleted.answer(&name_prompt(&one), "asked\r").ends(0);
    assert!(deleted.text().contains("Nothing of it is left"), "{}", deleted.text());
    one.is_gone();
}

#[test]
fn ctrl_c_asks_and_whatever_is_answered_the_same_command_goes_on() {
    let land = Land::get();
    let one = land.deployed("torn-off");
    one.run(&["exec", "echo kept"]).code(0);
    one.run(&["exec", "--detach", "--lock", "deploy", "sleep 600"]).code(0);
    let resume = "runvoy destroy --stack-name torn-off --region us-east-1 --export kept --stop-running";
    let begin = || {
        let mut screen = screen(&one, &["--export", "kept", "--stop-running"]);
        screen.answer(&name_prompt(&one), "torn-off\r");
        screen
    };

    // Before anything is deleted, executions may start again as soon as the removal is given up.
    let scan = Match::client("dynamodb", "Scan").about("torn-off-audit").nth(2);
    let held = land.script().on(scan, Effect::HoldBefore);
    let mut early = begin();
    Deployment::reached(&held);
    assert!(one.is_drained());
    early.types(INTERRUPT).shows("To go on later:");
    let menu = early.0.screen();
    assert!(menu.contains("What is deleted stays deleted") && menu.contains("keep running"), "{menu}");
    assert!(!menu.contains("cancel the update"), "{menu}");
    early.types("q\r").ends(130);
    assert_eq!((early.resume().as_str(), one.is_drained()), (resume, false));
    Deployment::gone(&held);
    assert_eq!(one.run(&["exec", "echo on"]).code(0).stdout, "on\n");

    // A second Ctrl-C leaves at once, also where AWS does not answer.
    let held = land.script().on(Match::client("dynamodb", "Scan").about("torn-off-audit").nth(2), Effect::HoldBefore);
    let mut twice = begin();
    Deployment::reached(&held);
    let settings = Match::client("dynamodb", "GetItem").about("torn-off-api-keys");
    let silent = land.script().on(settings, Effect::HoldBefore);
    twice.types(INTERRUPT).shows("To go on later:");
    let pressed = Instant::now();
    twice.types(INTERRUPT).ends(130);
    // Half a second is meant. Ten would be what somebody has who pressed it once, a minute what a call may take.
    assert!(pressed.elapsed() < Duration::from_secs(8), "{:?}", pressed.elapsed());
    assert_eq!(twice.resume(), resume);
    silent.release();
    assert!(twice.text().contains("new executions may still be refused"), "{}", twice.text());
    assert!(one.is_drained());
    Deployment::gone(&held);

    // SIGTERM asks nothing; nor does an interrupt where nobody can be asked.
    let held = hold(&one, Effect::HoldBefore);
    let mut ended = begin();
    Deployment::reached(&held);
    ended.0.signal(Signal::TERM);
    ended.ends(130);
    assert!(!ended.text().contains("What now?"), "{}", ended.text());
    assert_eq!(ended.resume(), resume);
    Deployment::gone(&held);
    let held = hold(&one, Effect::HoldBefore);
    let child = one.spawn(&["--export", "kept", "--stop-running"]);
    Deployment::reached(&held);
    signal(&child, Signal::INT);
    let ran = Ran::from(child.wait_with_output().unwrap()).code(130);
    ran.says(
        &format!("hint: `{resume} --yes` goes on from there").replace(" --stop-running --yes", " --yes --stop-running"),
    );
    Deployment::gone(&held);

    // What AWS has begun goes on without us, or with us.
    let held = hold(&one, Effect::HoldAfter);
    let mut kept = begin();
    Deployment::reached(&held);
    kept.types(INTERRUPT).shows("To go on later:").types("k\r").ends(130);
    assert!(kept.text().contains("what AWS has begun goes on without us"), "{}", kept.text());
    Deployment::gone(&held);
    let bucket = Match::client("cloudformation", "DeleteStack").about("stack/torn-off-bucket/");
    let held = land.script().on(bucket, Effect::HoldAfter);
    let mut last = Screen::new(in_shell(one.command(&[]), &kept.resume()), 100, 40);
    last.answer(&name_prompt(&one), "torn-off\r");
    Deployment::reached(&held);
    last.types(INTERRUPT).shows("To go on later:").types(ENTER);
    held.release();
    last.ends(0);
    assert!(last.text().contains("Nothing of it is left"), "{}", last.text());
    one.is_gone();
    let audit = one.exported("kept/tables/audit.jsonl");
    assert!(audit.iter().any(|row| row.contains("execution.start")), "{audit:?}");
}
