use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where a sandbox finds and puts things. All that it makes is under `target/sandbox/`.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    run: PathBuf,
    bin: PathBuf,
}

impl Layout {
    /// The run called `name` of this checkout. Runs of different names can be up at once.
    pub fn named(name: &str) -> Result<Self> {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.ancestors().nth(2).context("the checkout has no root")?.to_owned();
        let run = root.join("target/sandbox").join(name);
        Ok(Self { root, run, bin: own_directory()? })
    }

    /// The project's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where everything of all sandboxes is.
    pub fn base(&self) -> PathBuf {
        self.root.join("target/sandbox")
    }

    /// This run's own directory; emptied by each start.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The directory that the `runvoy` binary is built into.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// The engine's log.
    pub fn engine_log(&self) -> PathBuf {
        self.run.join("engine.log")
    }

    /// The proxy's log: one JSON object a line and AWS call.
    pub fn calls_log(&self) -> PathBuf {
        self.run.join("calls.jsonl")
    }

    /// The record of what was used of the functions' grants, by all sandboxes since `cargo xtask test` began.
    pub fn used_grants(&self) -> PathBuf {
        self.base().join("used-grants.jsonl")
    }

    /// The config file that the sandbox's `runvoy` reads and writes.
    pub fn config(&self) -> PathBuf {
        self.run.join("config.yaml")
    }

    /// An empty run directory that only its owner can read: it will hold keys.
    pub(crate) fn empty_run(&self) -> Result<()> {
        if self.run.exists() {
            fs::remove_dir_all(&self.run).with_context(|| format!("can't empty `{}`", self.run.display()))?;
        }
        for directory in [&self.run, &self.run.join("home"), &self.run.join("tmp")] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            made.with_context(|| format!("can't make `{}`", directory.display()))?;
        }
        Ok(())
    }
}

/// Cargo puts the workspace's binaries beside this one, and tests one level below.
fn own_directory() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("can't tell where this program is")?;
    let directory = exe.parent().context("this program is in no directory")?;
    let above_tests = directory.ends_with("deps").then(|| directory.parent()).flatten();
    Ok(above_tests.unwrap_or(directory).to_owned())
}
