mod run;
mod schema;

use std::{fs, path::Path};

use run::{Run, change, time};
use serde_json::json;

use super::*;

/// Compares with the file that is committed; `RUNVOY_BLESS=1` writes it anew.
fn snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/deploy/progress/snapshots").join(name);
    if std::env::var_os("RUNVOY_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let wanted = fs::read_to_string(&path).unwrap_or_default();
    assert!(wanted == text, "{name} is no longer what it was (RUNVOY_BLESS=1 takes it as it is):\n{text}");
}

#[test]
fn the_tree_on_a_terminal() {
    let mut run = Run::live(18, 100);
    run.install();
    snapshot("live-100.txt", &run.shots());
}

#[test]
fn the_tree_on_a_narrow_and_low_terminal() {
    let mut run = Run::live(10, 40);
    run.install();
    snapshot("live-40.txt", &run.shots());
}

#[test]
fn the_tree_of_a_failure() {
    let mut run = Run::live(18, 100);
    run.fail(0);
    snapshot("live-failure.txt", &run.shots());
}

#[test]
fn a_log_is_plain() {
    let mut run = Run::plain();
    run.install();
    run.fail(200);
    run.progress.warn("\u{1b}[33mthis is \u{1b}[1mcoloured\u{1b}[0m");
    let text = run.tape.text();
    assert!(!text.contains(['\u{1b}', '\r']), "{text:?}");
    snapshot("plain.txt", &text);
}

#[test]
fn a_log_is_never_silent_for_long() {
    for run in [Run::plain(), Run::json()] {
        let step = run.progress.step("main-stack", "wait");
        step.resource(&change("Url", "AWS::Lambda::Url", "address", ResourceState::InProgress, 0));
        let mut length = 0;
        for second in 0..300 {
            run.at(second);
            if second % 30 == 29 {
                assert!(run.tape.text().len() > length, "nothing was said until second {second}");
                length = run.tape.text().len();
            }
        }
        step.done("");
        let ended = run.tape.text();
        run.at(400);
        assert_eq!(run.tape.text(), ended, "nothing is under way any more");
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_and_all_fit() {
    let wide = "表を作成する 🚀 ".repeat(9);
    for columns in 1..120 {
        let run = Run::live(9, columns);
        let step = run.progress.step("main-stack", wide.clone());
        step.detail(&wide);
        for second in 0..20 {
            let logical = second.to_string();
            let state = if second % 3 == 0 { ResourceState::Done } else { ResourceState::InProgress };
            step.resource(&change(&logical, "AWS::S3::Bucket", &wide, state, second));
        }
        let board = run.progress.board();
        let width = frame::width(columns.into());
        let lines = frame::frame(board.tree.unsettled(), time(4000), width, 8);
        assert_eq!(lines.len(), 8);
        assert!(lines.iter().all(|line| console::measure_text_width(line) <= width), "{columns}: {lines:#?}");
    }
}

#[test]
fn a_terminal_that_becomes_narrower_is_not_garbled() {
    let mut run = Run::live(60, 100);
    run.progress.say("what stays");
    let main = run.main_stack();
    run.stack(&main, 0, |_| None);
    let resized = run.tape.clone();
    resized.resize(60, 40);
    run.at(59);
    let screen = run.tape.screen();
    assert_eq!(screen.matches("set up").count(), 1, "{screen}");
    assert_eq!(screen.matches("what stays").count(), 1, "{screen}");
    assert!(screen.lines().all(|line| console::measure_text_width(line) < 40), "{screen}");
    resized.resize(60, 100);
    run.at(60);
    let screen = run.tape.screen();
    assert_eq!(screen.matches("set up").count() + screen.matches("what stays").count(), 2, "{screen}");
}

#[test]
fn a_prompt_has_the_terminal_for_itself() {
    let run = Run::live(24, 80);
    let step = run.progress.step("verify", "call the API");
    run.at(1);
    run.progress.suspend(|| {
        run.progress.say("said meanwhile");
        run.at(2);
        step.detail("still there");
        assert_eq!(run.tape.screen(), "");
    });
    let screen = run.tape.screen();
    assert!(screen.starts_with("said meanwhile\n") && screen.contains("call the API: still there"), "{screen}");
    drop(step);
    assert!(run.tape.screen().contains("✗ call the API"), "a step that nobody ended has failed");
}

#[test]
fn steps_that_go_on_without_us_have_not_failed() {
    let run = Run::plain();
    let (bucket, main) = (run.progress.step("bucket-stack", "bucket"), run.progress.step("main-stack", "rest"));
    bucket.done("");
    run.progress.leave("goes on in AWS");
    drop(main);
    assert_eq!(run.tape.text(), "bucket …\nrest …\n✓ bucket (0s)\n- rest: goes on in AWS (0s)\n");
}

#[test]
fn what_others_wrote_does_not_steer_the_terminal() {
    let run = Run::plain();
    let step = run.progress.step("main-stack", "set up");
    let failed = ResourceState::Failed { reason: "no\u{1b}[2J\r\nway".into() };
    step.resource(&change("A", "AWS::S3::Bucket", "a\u{7}bucket", failed, 0));
    step.done("\u{1b}[2J");
    let text = run.tape.text();
    assert!(!text.replace('\n', "").contains(char::is_control) && text.contains("no\\u{1b}[2J\\r\\nway"), "{text}");
}

#[test]
fn a_program_gets_json_lines_and_the_result_last() {
    let mut run = Run::json();
    run.install();
    run.fail(200);
    run.progress.warn("odd");
    let open = run.progress.step("verify", "call the API");
    run.progress.emit(&Event::Result(RunResult::new(Outcome::Interrupted, 130, Duration::from_secs(120))));
    drop(open);
    run.progress.say("too late");
    run.at(500);
    let (schema, text) = (schema::schema(), run.tape.text());
    for line in text.lines() {
        let event = serde_json::from_str(line).unwrap();
        assert_eq!(schema::problem(&schema, &schema, &event), None, "{line}");
    }
    snapshot("events.jsonl", &text);
}

#[test]
fn only_programs_are_told_what_people_see_otherwise() {
    for run in [Run::plain(), Run::live(24, 80)] {
        run.progress.emit(&Event::Plan { plan: json!({}) });
        assert_eq!(run.tape.text(), "");
    }
}
