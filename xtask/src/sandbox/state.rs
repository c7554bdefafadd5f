use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use runvoy_sandbox::{Hinted, Layout, Sandbox};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

/// What other commands need to know of the long-lived sandbox. Holds keys, so only its owner can read it.
#[derive(Debug, Serialize, Deserialize)]
pub struct State {
    /// The process that runs it; SIGTERM stops it.
    pub pid: u32,
    /// The engine's process.
    pub engine_pid: i32,
    /// When it was ready.
    pub started_at: String,
    /// Where AWS is.
    pub endpoint: String,
    /// Its files.
    pub run_dir: PathBuf,
    /// One JSON object an AWS call.
    pub calls_log: PathBuf,
    /// The engine's own words.
    pub engine_log: PathBuf,
    /// What programs need to work on it.
    pub environment: Vec<(String, String)>,
}

/// The layout of the long-lived sandbox: there is one at a time.
pub fn layout() -> Result<Layout> {
    Layout::named("main")
}

fn path(layout: &Layout) -> PathBuf {
    layout.base().join("state.json")
}

/// Being the one long-lived sandbox. The kernel takes this back when the process ends, however it ends.
pub struct Claim(#[expect(dead_code, reason = "held for its lock")] File);

impl Claim {
    /// None if another process is it.
    pub fn try_take(layout: &Layout) -> Result<Option<Self>> {
        let base = layout.base();
        fs::create_dir_all(&base).with_context(|| format!("can't make `{}`", base.display()))?;
        let file = File::create(base.join("main.lock")).context("can't write the sandbox's lock")?;
        match file.try_lock() {
            Ok(()) => {
                // Whatever it says is about a process that is gone.
                State::remove(layout);
                Ok(Some(Self(file)))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context("can't lock the sandbox"),
        }
    }

    /// An error if another process is it.
    pub async fn take(layout: &Layout) -> Result<Self> {
        // `status` and its like hold the claim for a moment.
        for _ in 0..10 {
            if let Some(claim) = Self::try_take(layout)? {
                return Ok(claim);
            }
            sleep(Duration::from_millis(20)).await;
        }
        let hint = "`cargo xtask sandbox stop` stops it; `cargo xtask sandbox run -- CMD` works beside it";
        Err(Hinted::error("a sandbox is running already, or starting", hint))
    }
}

impl State {
    /// Of a sandbox that this process runs.
    pub fn of(sandbox: &Sandbox, started_at: String) -> Self {
        let layout = sandbox.layout();
        Self {
            pid: std::process::id(),
            engine_pid: sandbox.engine_id(),
            started_at,
            endpoint: sandbox.endpoint().to_owned(),
            run_dir: layout.run().to_owned(),
            calls_log: layout.calls_log(),
            engine_log: layout.engine_log(),
            environment: sandbox.environment(),
        }
    }

    /// For others to read.
    pub fn write(&self, layout: &Layout) -> Result<()> {
        let path = path(layout);
        // A new name first: nobody reads half of it.
        let new = path.with_extension("new");
        let text = serde_json::to_string_pretty(self)?;
        write_private(&new, text.as_bytes())
            .and_then(|()| fs::rename(&new, &path))
            .context("can't write the state file")
    }

    /// The running sandbox's, if one is running.
    pub fn read(layout: &Layout) -> Result<Option<Self>> {
        if Claim::try_take(layout)?.is_some() {
            return Ok(None);
        }
        // None: it is still starting, or stopping.
        let Ok(text) = fs::read_to_string(path(layout)) else { return Ok(None) };
        serde_json::from_str(&text).context("the state file is broken").map(Some)
    }

    /// Once it is over.
    pub fn remove(layout: &Layout) {
        let _ = fs::remove_file(path(layout));
    }

    /// Like [`State::read`], where there must be one.
    pub fn require(layout: &Layout) -> Result<Self> {
        let start = "start one: `cargo xtask sandbox --detach`";
        Self::read(layout)?.ok_or_else(|| Hinted::error("no sandbox is running", start))
    }
}

/// A file that only its owner can read.
pub fn private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    private(path)?.write_all(bytes)
}
