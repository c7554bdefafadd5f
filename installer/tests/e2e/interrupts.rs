//! What Ctrl-C and SIGTERM do: nothing is ever deleted, and what AWS has begun is found again.

use std::{fs, time::Duration};

use runvoy_sandbox::proxy::script::{Effect, Event, Match};
use rustix::process::Signal;

use crate::{
    screen::{CHOICES, ENTER, INTERRUPT, Screen, hold, shell},
    site::{ARCHITECTURE, Site, SlowCargo, artifact, signal},
    world::{self, Ran, World},
};

/// What an interrupt must never lead to.
#[track_caller]
fn nothing_is_deleted(site: &Site<'_>, mark: u64) {
    let actions = site.mutations(mark);
    assert!(!actions.iter().any(|action| action.contains("Delete")), "{actions:?}");
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
    screen.types(INTERRUPT).shows("To go on later:");
    let menu = screen.0.screen();
    assert!(menu.contains("Nothing is deleted") && menu.contains("keep running") && menu.contains("quit"), "{menu}");
    assert!(!menu.contains("cancel the update"), "{menu}");
    // What is typed stays in sight, whatever is painted otherwise: meanwhile, a step ends and another begins.
    // Typed before the live lines are gone, it goes with them: then again, on an emptied line.
    let stays = |screen: &vt100::Screen| screen.contents().ends_with("`\nk");
    world::until("what is typed stays in sight", || {
        screen.types("\x15k").0.wait_for(stays, Duration::from_secs(2)).ok()
    });
    let first = Match::client("dynamodb", "TransactWriteItems").about(site.name);
    let later = site.sandbox.script().on(first, Effect::HoldBefore);
    held.release();
    world::wait(later.reached());
    screen.0.poll();
    assert!(screen.0.screen().ends_with("\nk"), "{}", screen.0.screen());
    screen.types(ENTER).ends(130);
    assert!(screen.text().contains("what AWS has begun goes on without us"));
    let resume = screen.resume();
    nothing_is_deleted(&site, mark);
    world::wait(later.gone());
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
    screen.types(INTERRUPT).shows("To go on later:").types(ENTER);
    held.release();
    screen.shows("The key is shown this once").ends(0);
    nothing_is_deleted(&site, mark);

    let site = Site::new(World::get().sandbox(), "t-quit");
    let (mark, held) = (site.mark(), hold(&site));
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.types(INTERRUPT).shows("To go on later:").types("q\r").ends(130);
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
        screen.types(INTERRUPT).shows("To go on later:").types(answer);
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
fn a_second_ctrl_c_leaves_at_once() {
    let site = Site::new(World::get().sandbox(), "t-twice");
    let (mark, held) = (site.mark(), hold(&site));
    let mut screen = Screen::install(&site, 100, 40);
    screen.answer("Go ahead?", ENTER);
    world::wait(held.reached());
    screen.types(INTERRUPT).shows("To go on later:");
    screen.types(INTERRUPT).ends(130);
    // AWS, which was never let answer, was not waited for.
    world::wait(held.gone());
    nothing_is_deleted(&site, mark);

    // Nobody can be asked, or somebody else ends it: no questions.
    for (number, cause) in [Signal::INT, Signal::TERM].into_iter().enumerate() {
        let name = ["t-int", "t-term"][number];
        let site = Site::new(World::get().sandbox(), name);
        let (mark, held) = (site.mark(), hold(&site));
        let init = site.init_command(&["--admin-email", "admin@example.com"]).spawn().unwrap();
        world::wait(held.reached());
        signal(&init, cause);
        let ran = Ran::from(init.wait_with_output().unwrap()).code(130);
        world::wait(held.gone());
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
