//! run.sh: the command as given, its signals, its time.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::commands::{NASTY, needs_default_signals};
use super::{SHELLS, Shell, code};

/// What follows the last line of each stream.
const END: &str = "\u{1e}\u{4}\n\u{1e}\u{4}\n";

/// Name, mode and content of all that a command left behind.
fn files(directory: &Path) -> BTreeMap<String, String> {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let mut all = BTreeMap::new();
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let kind = fs::symlink_metadata(entry.path()).unwrap();
        if kind.is_dir() {
            all.extend(files(&entry.path()).into_iter().map(|(inner, what)| (format!("{name}/{inner}"), what)));
        }
        let content = fs::read(entry.path()).unwrap_or_default();
        all.insert(name, format!("{:o} {content:?}", kind.mode()));
    }
    all
}

fn same(shell: &Shell, command: &str) {
    let (direct, wrapped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = shell.command(command, &[], direct.path()).output().unwrap();
    let got = shell.executor("-", command, "60", wrapped.path()).output().unwrap();
    let told = |output: &Output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        // `sh -c` is called by this shell's path in both, and says so in its errors.
        (code(output), text(&output.stdout), text(&output.stderr))
    };
    let (code, stdout, stderr) = told(&expected);
    assert_eq!(told(&got), (code, stdout + END, stderr + END), "{}: {command}", shell.name);
    assert_eq!(got.stdout, [&expected.stdout, END.as_bytes()].concat(), "{}: {command}", shell.name);
    assert_eq!(files(wrapped.path()), files(direct.path()), "{}: {command}", shell.name);
}

#[test]
fn commands_do_what_they_do_without_us() {
    assert!(NASTY.len() >= 60);
    for shell in &*SHELLS {
        let known = |command: &&&str| shell.name != "busybox" || !needs_default_signals(command);
        NASTY.iter().filter(known).for_each(|command| same(shell, command));
    }
}

#[test]
fn a_long_script_comes_from_the_volume_byte_by_byte() {
    for shell in &*SHELLS {
        let (volume, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let script = format!("# {}\nprintf '%s|' \"$#\" 'é\"$x`'; pwd\nexit 6\n\n", "x".repeat(200_000));
        fs::write(volume.path().join("command"), &script).unwrap();
        fs::write(volume.path().join("status"), format!("ready\n{}\n", volume.path().display())).unwrap();
        let output = shell.executor(volume.path().to_str().unwrap(), "", "60", home.path()).output().unwrap();
        let expected = format!("0|é\"$x`|{}\n{END}", volume.path().display());
        assert_eq!((code(&output), String::from_utf8(output.stdout).unwrap()), (6, expected), "{}", shell.name);
    }
}

#[test]
fn nothing_runs_after_a_failed_preparation() {
    for shell in &*SHELLS {
        let (volume, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for status in [None, Some(""), Some("failed\n"), Some("ready\n/no/such/directory\n")] {
            if let Some(status) = status {
                fs::write(volume.path().join("status"), status).unwrap();
            }
            let volume = volume.path().to_str().unwrap();
            let output = shell.executor(volume, "echo ran", "60", home.path()).output().unwrap();
            assert_eq!((code(&output), output.stdout.len()), (125, 0), "{} {status:?}", shell.name);
        }
    }
}

#[test]
fn no_variable_of_the_users_changes_anything_or_is_changed() {
    for shell in &*SHELLS {
        let home = tempfile::tempdir().unwrap();
        for (name, value) in
            [("expired", "1"), ("signalled", "1"), ("limit", "x"), ("code", "9"), ("IFS", "e"), ("PATH", "")]
        {
            let print = format!("printf '%s' \"${name}\"");
            let mut command = shell.executor("-", &print, "60", home.path());
            let output = command.env(name, value).output().unwrap();
            let expected = if name == "IFS" { "" } else { value };
            let printed = String::from_utf8_lossy(&output.stdout).replace(END, "");
            assert_eq!(code(&output), 0, "{} {name}", shell.name);
            assert!(name == "IFS" || printed == expected, "{} {name}: {printed}", shell.name);
        }
    }
}

/// A command under way that has said `ready`.
struct Begun {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Begun {
    fn new(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child, stdout }
    }

    fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    fn end(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        (status.code().unwrap(), rest.strip_suffix(END).unwrap().to_owned())
    }
}

/// Seconds that a command may take: enough for it to say `ready` first.
const LIMIT: &str = "5";

/// What each command says and ends with when SIGTERM comes after its `ready`.
const TERMINATED: &[(&str, i32, &str)] = &[
    ("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.02; done", 7, "bye\n"),
    (
        "told=; trap 'told=1; echo ignored' TERM; echo ready; while [ -z \"$told\" ]; do sleep 0.05; done; sleep 0.2; exit 5",
        5,
        "ignored\n",
    ),
    ("echo ready; while :; do sleep 0.02; done", 143, ""),
    ("echo ready; exec sleep 60", 143, ""),
    // A shell without a handler dies; what it waited for is told, and may clean up before the container ends.
    (
        "sh -c 'trap \"sleep 0.3; echo cleaned up; exit\" TERM; echo ready; while :; do sleep 0.02; done'; echo never",
        143,
        "cleaned up\n",
    ),
    (
        "sh -c 'sh -c \"trap \\\"echo deep; exit\\\" TERM; echo ready; while :; do sleep 0.02; done\"; echo no'; echo never",
        143,
        "deep\n",
    ),
    // Past the pipe: its reader gets the signal as well, and need not read on.
    (
        "exec 3>&1; { trap 'echo piped >&3; exit' TERM; echo ready >&3; while :; do sleep 0.02; done; } | cat; echo never",
        143,
        "piped\n",
    ),
    // What it leaves behind is not waited for.
    ("trap 'exit 9' TERM; sleep 60 >/dev/null 2>&1 & echo ready; wait", 9, ""),
    // One with a handler decides by itself what becomes of its children.
    (
        "trap ': >told; wait; exit 3' TERM; (trap '' HUP; until [ -e told ]; do sleep 0.02; done; sleep 0.1; echo child went on) & \
         echo ready; wait; exit 4",
        3,
        "child went on\n",
    ),
];

#[test]
fn sigterm_reaches_whoever_can_handle_it() {
    for shell in &*SHELLS {
        for (command, exit_code, said) in TERMINATED {
            let home = tempfile::tempdir().unwrap();
            let begun = Begun::new(shell.executor("-", command, "60", home.path()));
            begun.terminate();
            assert_eq!(begun.end(), (*exit_code, (*said).to_owned()), "{}: {command}", shell.name);
        }
    }
}

#[test]
fn the_timeout_ends_the_whole_process_group() {
    for shell in &*SHELLS {
        let home = tempfile::tempdir().unwrap();
        // Nothing here heeds SIGTERM, and one is not the command's own process.
        let command =
            "trap '' TERM; (while :; do sleep 0.1; done) & echo $! >pid; echo ready; while :; do sleep 0.1; done";
        let start = Instant::now();
        let begun = Begun::new(shell.executor("-", command, LIMIT, home.path()));
        assert_eq!(begun.end(), (124, String::new()), "{}", shell.name);
        let took = start.elapsed();
        assert!(took > Duration::from_secs(10), "{}: {took:?}", shell.name);
        let pid = fs::read_to_string(home.path().join("pid")).unwrap();
        let stat = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // Its files are closed a moment before it is gone.
        while !(stat().is_empty() || stat().contains(") Z ")) {
            assert!(start.elapsed() < Duration::from_secs(120), "{}: {}", shell.name, stat());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn a_timeout_leaves_time_to_clean_up() {
    for shell in &*SHELLS {
        let home = tempfile::tempdir().unwrap();
        let command = "trap 'echo tidy; exit 0' TERM; echo ready; while :; do sleep 0.02; done";
        let begun = Begun::new(shell.executor("-", command, LIMIT, home.path()));
        assert_eq!(begun.end(), (124, "tidy\n".to_owned()), "{}", shell.name);
    }
}
