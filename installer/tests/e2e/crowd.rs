//! Two hundred at once on five locks: in a sandbox of their own, since they leave its engine no time for anybody else.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Output},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Sender},
    },
    thread,
};

use runvoy_sandbox::{Layout, Sandbox};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    site::Site,
    world::{RUNTIME, Ran},
};

const CROWD: usize = 200;
const LOCKS: usize = 5;
/// This many ask for their execution at once: more would show how fast this machine starts functions.
const ASKING: usize = 6;

/// So few may have to be asked for again: where a machine stands still for half a minute, launches are cut short.
const AGAIN: usize = CROWD / 10;
/// The CLI's code where a command did not run.
const NOT_RUN: i32 = 125;

/// Of codes that only the command itself has.
fn code(n: usize) -> i32 {
    i32::try_from(n % 100).unwrap()
}

/// Runs it to its end. Others may start theirs as soon as this one's is on record, which it tells.
fn run(mut command: Command, asking: &Semaphore, asked: &Sender<()>) -> Ran {
    let turn = RUNTIME.block_on(asking.acquire()).unwrap();
    let mut child = command.spawn().unwrap();
    let (mut told, mut stderr) = (BufReader::new(child.stderr.take().unwrap()), String::new());
    while told.read_line(&mut stderr).unwrap() > 0 && !stderr.contains("\nlog ") {}
    drop(turn);
    let _ = asked.send(());
    told.read_to_string(&mut stderr).unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    Ran::from(Output { status, stdout, stderr: stderr.into_bytes() })
}

#[test]
fn each_gets_its_own_exit_code_and_never_two_are_under_one_lock() {
    let sandbox = RUNTIME.block_on(Sandbox::start(&Layout::named("e2e-crowd").unwrap())).unwrap();
    let site = Site::new(&sandbox, "crowd");
    site.install();
    // Nothing is late here.
    site.run(&["admin", "config", "log_grace=0"]).code(0);
    let (endpoint, rooms) = (site.endpoint(), tempfile::tempdir().unwrap());
    let (room, go) = (|lock: usize| rooms.path().join(lock.to_string()), rooms.path().join("go"));
    let user = |n: usize| site.run(&["admin", "add-user", &format!("u{n}@example.com"), "--role", "member"]).code(0);
    let keys: Vec<String> = (0..LOCKS).map(|n| user(n).stdout.trim().to_owned()).collect();
    let command = |n: usize| {
        let (lock, room) = (format!("crowd-{}", n % LOCKS), room(n % LOCKS).display().to_string());
        let line = |what: &str| format!("echo {what} $RUNVOY_LOCK_FENCE >> {room}");
        let wait = format!("until [ -e {} ]; do sleep 1; done", go.display());
        let text = format!("{wait}; {}; echo out {n}; {}; exit {}", line("begin"), line("end"), code(n));
        let mut command = site.command(&["exec", "--lock", &lock, "--wait-lock", "1h", &text]);
        command.env_remove("RUNVOY_CONFIG").env("HOME", rooms.path()).env("RUNVOY_ENDPOINT", &endpoint);
        // The users share each lock.
        command.env("RUNVOY_API_KEY", &keys[n / LOCKS % LOCKS]);
        command
    };
    let (command, asking) = (&command, &Semaphore::new(ASKING));
    let (again, (asked, all)) = (&AtomicUsize::new(0), mpsc::channel());
    thread::scope(|scope| {
        let start = |n| {
            let asked = asked.clone();
            scope.spawn(move || {
                let mut ran = run(command(n), asking, &asked);
                while ran.code == NOT_RUN && again.fetch_add(1, Ordering::Relaxed) < AGAIN {
                    eprintln!("{n}: {}", ran.stderr);
                    ran = run(command(n), asking, &asked);
                }
                (n, ran)
            })
        };
        let crowd: Vec<_> = (0..CROWD).map(start).collect();
        // Everybody is there before the first one may go.
        all.iter().take(CROWD).for_each(drop);
        let held = site.run(&["locks", "list", "--json"]);
        fs::write(&go, "").unwrap();
        let held = held.code(0).json();
        let waiting = |lock: &Value| lock["waiters"].as_array().unwrap().len();
        let waiting: usize = held["locks"].as_array().unwrap().iter().map(waiting).sum();
        assert!(waiting + LOCKS + AGAIN >= CROWD, "{waiting}");
        for (n, ran) in crowd.into_iter().map(|one| one.join().unwrap()) {
            let ran = ran.code(code(n));
            assert_eq!(ran.stdout, format!("out {n}\n"), "{}", ran.stderr);
        }
    });
    for lock in 0..LOCKS {
        let text = fs::read_to_string(room(lock)).unwrap();
        let lines: Vec<_> = text.lines().map(|line| line.split_once(' ').unwrap()).collect();
        // What was said not to have run has not.
        assert_eq!(lines.len(), 2 * CROWD / LOCKS);
        assert!(lines.chunks(2).all(|pair| matches!(pair, [("begin", a), ("end", b)] if a == b)), "{lines:?}");
        let fences: Vec<u64> = lines.chunks(2).map(|pair| pair[0].1.parse().unwrap()).collect();
        assert!(fences.is_sorted_by(|a, b| a < b), "{fences:?}");
    }
    assert_eq!(site.run(&["locks", "list", "--json"]).code(0).json(), json!({ "locks": [] }));
    RUNTIME.block_on(sandbox.stop());
}
