//! What a command does not do before it does its work.

use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{Machine, key, replies::server};

/// Each of those that need no AWS.
const LINES: &str = "exec --detach x,status last,logs last,list,stop last,rerun last --detach,locks list,audit --since 2025-10-01,costs --by lock,whoami,\
    health,admin list-users,admin config,profile list,config explain,config tasks,config schema,version,completions bash,man pages";
const PATIENCE: Duration = Duration::from_secs(120);

/// Files of AWS's that nobody can read to the end, since whoever opens them waits for somebody who writes.
fn machine() -> (Machine, PathBuf) {
    let machine = Machine::new();
    let pipe = machine.home.path().join("aws");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.display().to_string();
    let machine = machine.env("AWS_CONFIG_FILE", &path).env("AWS_SHARED_CREDENTIALS_FILE", &path);
    (machine, pipe)
}

/// Whether somebody opens that file.
fn is_opened(pipe: PathBuf) -> bool {
    let (sender, opened) = mpsc::channel();
    thread::spawn(move || sender.send(File::options().write(true).open(pipe)));
    opened.recv_timeout(PATIENCE).is_ok()
}

#[test]
fn commands_that_need_no_aws_look_at_none_of_its_files() {
    let server = server();
    let (machine, _) = machine();
    let machine = machine.env("RUNVOY_ENDPOINT", &server.url).env("RUNVOY_API_KEY", &key('a'));
    for line in LINES.split(',') {
        let args: Vec<_> = line.split(' ').collect();
        let mut child = machine.command(&args).stderr(Stdio::null()).spawn().unwrap();
        let (sender, ended) = mpsc::channel();
        let mut stdout = child.stdout.take().unwrap();
        // It ends with the program.
        thread::spawn(move || sender.send(std::io::copy(&mut stdout, &mut std::io::sink())));
        let is_over = ended.recv_timeout(PATIENCE).is_ok();
        // It is still there only if it hangs.
        let _ = child.kill();
        let status = child.wait().unwrap();
        assert!(is_over, "`{line}` reads AWS's files");
        assert!(status.success(), "`{line}` ended with {status}");
    }
}

#[test]
fn those_that_need_aws_read_its_files() {
    let (machine, pipe) = machine();
    let mut child = machine.spawn(&["destroy", "--yes", "--region", "eu-west-1"]);
    assert!(is_opened(pipe));
    child.kill().unwrap();
    child.wait().unwrap();
}
