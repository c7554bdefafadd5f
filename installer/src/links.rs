//! The log links of the executions that were started on this machine: the API tells each of them once, at the start.

use std::{fs, io::Write as _, path::PathBuf};

use runvoy_api::id::ExecutionId;

use crate::config;

const EXTENSION: &str = "links";
/// How many are kept, at least.
const KEPT: usize = 100;
/// The file's size, in bytes, from which on older ones are forgotten.
const LARGE: u64 = 100_000;

/// Keeps a link beside the config file, in a file that only its owner can read: whoever has it can read the log. Where
/// nothing is configured, as in CI, nothing is kept; and a link that can't be kept is no reason to fail.
pub fn remember(id: &ExecutionId, link: &str) {
    if !config::default_path().is_ok_and(|config| config.exists()) {
        return;
    }
    let Some(path) = path() else { return };
    if link.contains(char::is_whitespace) {
        return;
    }
    let mut options = fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let Ok(mut file) = options.append(true).create(true).open(&path) else { return };
    let _ = file.write_all(format!("{id} {link}\n").as_bytes());
    if file.metadata().is_ok_and(|file| file.len() > LARGE) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let kept = lines[lines.len().saturating_sub(KEPT)..].join("\n") + "\n";
        let _ = config::write_private(&path, &kept);
    }
}

/// The link of an execution that was started here.
pub fn find(id: &ExecutionId) -> Option<String> {
    let text = fs::read_to_string(path()?).ok()?;
    let link = text.lines().rev().find_map(|line| line.strip_prefix(id.as_str())?.strip_prefix(' '));
    link.map(str::to_owned)
}

fn path() -> Option<PathBuf> {
    Some(config::default_path().ok()?.with_extension(EXTENSION))
}
