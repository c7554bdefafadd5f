//! One container's process tree.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncRead, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::spec::Launch;
use super::survivors;

/// Reads the leader's pid, then sits until the pipe from us ends, which it does even if we are killed; then kills the leader's
/// group and whatever carries the marker. Killed itself when the container is over.
const WATCHDOG: &str = r#"
read -r leader
while read -r _; do :; done
[ -n "$leader" ] && kill -s KILL -- "-$leader" 2>/dev/null
for pass in 1 2 3; do
    for file in $(grep -ls -- "$1" /proc/[0-9]*/environ 2>/dev/null); do
        pid=${file#/proc/}
        kill -s KILL "${pid%/environ}" 2>/dev/null
    done
done
"#;

pub(super) struct Process {
    child: Child,
    /// Its pid, session and group in one.
    leader: Pid,
    marker: String,
    init: bool,
    /// Held for its stdin: dropped without `purge`, that ends, and the watchdog does the work.
    watchdog: Child,
}

impl Process {
    /// Starts the container's main process as the leader of its own session, with these variables besides those of its
    /// definition. The error is for people.
    pub async fn spawn(launch: &Launch, variables: &[(String, String)], logged: bool) -> Result<Self, String> {
        let Some(name) = launch.argv.first() else { return Err("no command specified".to_owned()) };
        let program = resolve(name, launch)?;
        let mut watchdog = Command::new("/bin/sh");
        watchdog.args(["-c", WATCHDOG, "watchdog", &launch.marker]).env_clear().stdin(Stdio::piped());
        watchdog.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut watchdog = watchdog.spawn().map_err(|error| format!("no watchdog: {error}"))?;

        let output = || if logged { Stdio::piped() } else { Stdio::null() };
        let mut command = in_session(&program);
        command.args(&launch.argv[1..]).env_clear().envs(launch.env.iter().cloned());
        command.envs(variables.iter().cloned()).current_dir(&launch.dir);
        command.stdin(Stdio::null()).stdout(output()).stderr(output()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("exec: \"{name}\": {error}"))?;

        let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let leader = pid.ok_or("it has no process id")?;
        if let Some(pipe) = &mut watchdog.stdin {
            let line = format!("{}\n", leader.as_raw_pid());
            pipe.write_all(line.as_bytes()).await.map_err(|error| format!("no watchdog: {error}"))?;
        }
        Ok(Self { child, leader, marker: launch.marker.clone(), init: launch.init, watchdog })
    }

    /// Its stdout and stderr, once.
    pub fn output(&mut self) -> Vec<Box<dyn AsyncRead + Send + Unpin>> {
        let stdout = self.child.stdout.take().map(|pipe| Box::new(pipe) as Box<_>);
        let stderr = self.child.stderr.take().map(|pipe| Box::new(pipe) as Box<_>);
        stdout.into_iter().chain(stderr).collect()
    }

    /// The main process's exit code; 128 + signal if one ended it.
    pub async fn wait(&mut self) -> i32 {
        self.child.wait().await.map_or(255, exit_code)
    }

    /// SIGTERM to the main process alone, as a container's stop does. It is PID 1 there, and for that one the kernel drops a
    /// signal without a handler, unless the task definition asks for an init process.
    pub fn terminate(&self) {
        if self.child.id().is_some() && (self.init || survivors::handles(self.leader, Signal::TERM)) {
            let _ = kill_process(self.leader, Signal::TERM);
        }
    }

    /// SIGKILL to the main process.
    pub async fn kill(&mut self) -> i32 {
        let _ = self.child.start_kill();
        self.wait().await
    }

    /// Kills whatever the container left behind: it dies with its main process.
    pub async fn purge(mut self) {
        let _ = kill_process_group(self.leader, Signal::KILL);
        let (leader, marker) = (self.leader, self.marker.clone());
        let _ = tokio::task::spawn_blocking(move || survivors::kill(leader, &marker)).await;
        let _ = self.watchdog.kill().await;
    }
}

/// A command that leads a session. Without `setsid`, as on macOS, a group of its own has to do.
fn in_session(program: &Path) -> Command {
    let setsid = ["/usr/bin/setsid", "/bin/setsid"].into_iter().find(|path| is_executable(Path::new(path)));
    match setsid {
        Some(setsid) => {
            let mut command = Command::new(setsid);
            command.arg(program);
            command
        }
        None => {
            let mut command = Command::new(program);
            command.process_group(0);
            command
        }
    }
}

/// Finds the program as a container runtime does: by the container's own PATH.
fn resolve(name: &str, launch: &Launch) -> Result<PathBuf, String> {
    if name.contains('/') {
        let path = launch.dir.join(name);
        return match (path.exists(), is_executable(&path)) {
            (_, true) => Ok(path),
            (true, false) => Err(format!("exec: \"{name}\": permission denied")),
            (false, false) => Err(format!("exec: \"{name}\": no such file or directory")),
        };
    }
    let path = launch.env.iter().rev().find(|(key, _)| key == "PATH").map(|(_, value)| value.as_str());
    let mut found = std::env::split_paths(path.unwrap_or_default()).map(|dir| dir.join(name));
    found
        .find(|path| is_executable(path))
        .ok_or_else(|| format!("exec: \"{name}\": executable file not found in $PATH"))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255)
}
