//! Programs on a terminal.

use std::process::Command;
use std::time::{Duration, Instant};

use runvoy_sandbox::Pty;
use rustix::process::{Pid, test_kill_process};

const PATIENCE: Duration = Duration::from_secs(120);

fn shell(script: &str) -> Pty {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Pty::spawn(command, 60, 10).unwrap()
}

/// Says that it is ready, then waits in short naps: a signal that meets the shell just before one is taken just after it.
fn idle_with(trap: &str) -> Pty {
    shell(&format!("{trap}; echo ready; while :; do sleep 0.05; done"))
}

fn shows(text: &str) -> impl Fn(&vt100::Screen) -> bool {
    move |screen| screen.contents().contains(text)
}

#[test]
fn a_question_is_answered_by_typing() {
    let mut pty = shell(
        "test -t 0 && test -t 1 && test -t 2 && printf 'name? ' && read -r name && echo \"hello $name\"; stty size",
    );
    pty.wait_for(shows("name? "), PATIENCE).unwrap();
    pty.type_text("ada\r").unwrap();
    assert!(pty.wait(PATIENCE).unwrap().success());
    assert_eq!(pty.screen(), "name? ada\nhello ada\n10 60");
}

#[test]
fn a_typed_ctrl_c_interrupts() {
    let mut pty = idle_with("trap 'echo caught; exit 130' INT");
    pty.wait_for(shows("ready"), PATIENCE).unwrap();
    pty.type_text("\x03").unwrap();
    assert_eq!(pty.wait(PATIENCE).unwrap().code(), Some(130));
    assert!(pty.screen().contains("caught"), "{}", pty.screen());
}

#[test]
fn a_program_is_told_of_another_size() {
    let mut pty = idle_with("trap 'stty size; exit 0' WINCH");
    pty.wait_for(shows("ready"), PATIENCE).unwrap();
    pty.resize(40, 20).unwrap();
    assert!(pty.wait(PATIENCE).unwrap().success());
    assert_eq!(pty.screen(), "ready\n20 40");
}

#[test]
fn a_prompt_for_keys_is_known_from_one_for_lines() {
    let mut pty = shell("echo lines; read -r _; stty -icanon; echo keys; read -r _");
    pty.wait_for(shows("lines"), PATIENCE).unwrap();
    assert!(!pty.reads_keys().unwrap());
    pty.type_text("\r").unwrap();
    pty.wait_for(shows("keys"), PATIENCE).unwrap();
    assert!(pty.reads_keys().unwrap());
}

#[test]
fn output_is_kept_as_it_was_written_and_in_order() {
    let mut pty = shell(r"printf 'a\033[1mb\033[0m'; read -r _; printf 'c\n'");
    pty.wait_for(shows("ab"), PATIENCE).unwrap();
    pty.type_text("\r").unwrap();
    pty.wait(PATIENCE).unwrap();
    let bytes: Vec<u8> = pty.output().iter().flat_map(|chunk| chunk.bytes.clone()).collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), "a\x1b[1mb\x1b[0m\r\nc\r\n");
    assert!(pty.output().len() > 1 && pty.output().is_sorted_by_key(|chunk| chunk.at));
}

#[test]
fn waiting_in_vain_shows_the_screen() {
    let mut pty = shell("echo ready; sleep 60");
    let error = pty.wait_for(shows("never"), Duration::ZERO).unwrap_err();
    assert!(error.to_string().starts_with("not on the screen after 0ns"), "{error}");
    pty.wait_for(shows("ready"), PATIENCE).unwrap();
    let error = pty.wait(Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "still running after 0ns:\nready");
    let mut pty = shell("echo gone; exit 3");
    let error = pty.wait_for(shows("never"), PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "the program ended with exit status: 3 before its screen was as wanted:\ngone");
}

#[test]
fn a_dropped_program_is_dead() {
    let mut pty = shell("trap '' HUP INT TERM; echo \"pid $$.\"; while :; do sleep 60; done");
    pty.wait_for(|screen| screen.contents().contains('.'), PATIENCE).unwrap();
    let screen = pty.screen();
    let pid = screen.trim().strip_prefix("pid ").and_then(|pid| pid.strip_suffix('.')).unwrap();
    let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
    drop(pty);
    let deadline = Instant::now() + PATIENCE;
    while test_kill_process(pid).is_ok() {
        assert!(Instant::now() < deadline, "it still runs");
        std::thread::yield_now();
    }
}
