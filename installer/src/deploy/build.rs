//! Builds the orchestrator from a checkout, with cargo-lambda.

use std::{
    collections::VecDeque,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use super::{
    answers::Architecture,
    artifact::{Artifact, EXECUTABLE},
    progress::Step,
};
use crate::{
    error::{Error, Result, ResultExt as _},
    exit, ui,
};

/// How much of a failed build's output is shown.
const SHOWN: usize = 40;

/// Where the functions' code comes from.
pub enum Source {
    /// A zip that somebody built.
    Zip(Artifact),
    /// A checkout of runvoy, and what builds it.
    Checkout(PathBuf),
}

impl Source {
    /// Finds the source. What a checkout is built with is for the preflight to check.
    pub fn find(zip: Option<&Path>) -> Result<Self> {
        match zip {
            Some(zip) => Artifact::read(zip).map(Self::Zip).map_err(|error| error.exit(exit::PREFLIGHT)),
            None => checkout(&env::current_dir()?).map(Self::Checkout),
        }
    }

    /// The checkout to build from, if that is what it is.
    pub fn checkout(&self) -> Option<&Path> {
        match self {
            Self::Zip(_) => None,
            Self::Checkout(root) => Some(root),
        }
    }

    /// The artifact, built if need be.
    pub async fn artifact(self, architecture: Architecture, step: &Step) -> Result<Artifact> {
        match self {
            Self::Zip(artifact) => Ok(artifact),
            Self::Checkout(root) => build(&root, architecture, step).await,
        }
    }
}

/// The checkout that `directory` lies in.
fn checkout(directory: &Path) -> Result<PathBuf> {
    let is_root = |path: &&Path| path.join("orchestrator/Cargo.toml").is_file() && path.join("Cargo.lock").is_file();
    directory.ancestors().find(is_root).map(Path::to_owned).ok_or_else(|| {
        Error::new(format!("`{}` is not in a checkout of runvoy, so there is nothing to build", directory.display()))
            .hint("change to the checkout, or name a built zip with `--artifact`")
            .exit(exit::PREFLIGHT)
    })
}

/// A build and all that it has started. A Ctrl-C at the terminal is for us alone to hear, since we may go on after it;
/// where we don't, the build ends with this.
struct Build(Child);

impl Drop for Build {
    fn drop(&mut self) {
        // None once it has ended.
        let group = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(group) = group {
            // An error means that it has ended just now.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

async fn build(root: &Path, architecture: Architecture, step: &Step) -> Result<Artifact> {
    let target = match architecture {
        Architecture::Arm64 => "--arm64",
        Architecture::X86_64 => "--x86-64",
    };
    let arguments = [
        "lambda",
        "build",
        "--locked",
        "--profile",
        "function",
        "--package",
        "runvoy-orchestrator",
        "--bin",
        EXECUTABLE,
    ];
    let directory = target_directory(root).join("lambda");
    let _turn = turn(&directory, step).await?;
    let mut command = Command::new("cargo");
    command.args(arguments).arg(target).current_dir(root).env("CARGO_TERM_COLOR", "never").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = command.spawn().context("can't start `cargo`").hint("install Rust from https://rustup.rs");
    let mut build = Build(started?);
    let output = match build.0.stderr.take() {
        Some(stderr) => follow(BufReader::new(stderr), step).await?,
        None => VecDeque::new(),
    };
    let status = build.0.wait().await?;
    if !status.success() {
        let output: Vec<_> = output.into();
        return Err(Error::new(format!("{status}:\n{}", output.join("\n")))
            .context("the orchestrator could not be built")
            .hint(format!("`cargo {} {target}` in `{}` shows everything", arguments.join(" "), root.display())));
    }
    let executable = directory.join(EXECUTABLE).join(EXECUTABLE);
    let bytes = fs::read(&executable).context(format!("the build left no `{}`", executable.display()))?;
    Artifact::pack(&bytes)
}

/// One build of a checkout at a time, until its result is read: cargo-lambda moves what cargo made when cargo's own lock is gone,
/// so that another build finds nothing to move, or half of it.
async fn turn(directory: &Path, step: &Step) -> Result<File> {
    let path = directory.join(".turn");
    let file = fs::create_dir_all(directory).and_then(|()| File::create(&path));
    let file = file.context(format!("can't make `{}`", path.display()))?;
    if file.try_lock().is_ok() {
        return Ok(file);
    }
    step.detail("another build of this checkout is under way");
    let file = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await?;
    file.context(format!("can't lock `{}`", path.display()))
}

fn target_directory(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |directory| root.join(directory))
}

/// Shows what cargo is at, and keeps the last lines.
async fn follow(mut output: impl tokio::io::AsyncBufRead + Unpin, step: &Step) -> Result<VecDeque<String>> {
    let mut last = VecDeque::with_capacity(SHOWN);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).await? > 0 {
        let text = ui::printable(String::from_utf8_lossy(&line).trim_end()).into_owned();
        line.clear();
        if text.is_empty() {
            continue;
        }
        step.detail(text.trim_start());
        if last.len() == SHOWN {
            last.pop_front();
        }
        last.push_back(text);
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::progress::{Progress, View};

    #[tokio::test]
    async fn a_checkout_is_built_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let step = Progress::new(View::Plain).step("build", "build");
        let first = turn(directory.path(), &step).await.unwrap();
        let second = turn(directory.path(), &step);
        tokio::pin!(second);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, &mut second).await.is_err());
        drop(first);
        second.await.unwrap();
    }

    #[test]
    fn a_checkout_is_found_from_within() {
        let root = tempfile::tempdir().unwrap();
        let inside = root.path().join("orchestrator/src");
        fs::create_dir_all(&inside).unwrap();
        assert_eq!(checkout(&inside).unwrap_err().code(), exit::PREFLIGHT);
        fs::write(root.path().join("orchestrator/Cargo.toml"), "").unwrap();
        fs::write(root.path().join("Cargo.lock"), "").unwrap();
        assert_eq!(checkout(&inside).unwrap(), root.path());
    }
}
