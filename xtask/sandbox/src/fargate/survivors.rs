//! Finding and killing what outlives a container's main process.
//!
//! `timeout` takes a group of its own, `setsid` a session; but both inherit the environment, where the container's marker is.
//! Only a process that changes its session and also empties its environment escapes. Without /proc, as on macOS, so does
//! every process that leaves the group.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A process in the kernel's hands (an unreachable file server) can't be killed: this many rounds, 10 ms apart.
const ROUNDS: usize = 200;

/// SIGKILL to each process of the session or with the marker in its environment, until there is none.
pub(super) fn kill(session: Pid, marker: &str) {
    for _ in 0..ROUNDS {
        let found = processes().filter(|pid| is_alive_in(*pid, session) || carries(*pid, marker));
        // One that we may not kill (a set-user-id program) is not waited for.
        if found.filter(|pid| kill_process(*pid, Signal::KILL).is_ok()).count() == 0 {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the process catches `signal`. Where that can't be known, yes.
pub(super) fn handles(pid: Pid, signal: Signal) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())) else { return true };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    mask.is_none_or(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

/// Zombies stay until their parent reads their end: they hold nothing, so they don't count.
fn is_alive_in(pid: Pid, session: Pid) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())) else { return false };
    // After the name, which may hold anything: state, parent, group, session.
    let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect::<Vec<_>>()).unwrap_or_default();
    let own = fields.get(3).and_then(|field| field.parse().ok());
    own == Some(session.as_raw_pid()) && !matches!(fields.first(), Some(&("Z" | "X")))
}

fn carries(pid: Pid, marker: &str) -> bool {
    let variable = format!("={marker}");
    std::fs::read(format!("/proc/{}/environ", pid.as_raw_pid()))
        .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry.ends_with(variable.as_bytes())))
}
