//! The pinned Python environments: nothing that the sandbox needs is taken from the machine but Python and Rust. And what
//! only tests need.

mod debian;

mod chromium;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::{Group, Layout, WithHint};

pub use chromium::chromium;
pub use debian::{ensure_programs, libraries, program};

/// One environment, with every dependency pinned.
#[derive(Debug, Clone, Copy)]
pub struct Venv {
    /// Its directory's name.
    pub name: &'static str,
    /// The program that it is there for.
    program: &'static str,
    requirements: &'static str,
}

/// The AWS engine.
pub const ENGINE: Venv =
    Venv { name: "engine", program: "ministack", requirements: include_str!("requirements-engine.txt") };
/// What `runvoy init` builds the orchestrator with: cargo-lambda and zig.
pub const TOOLS: Venv =
    Venv { name: "tools", program: "cargo-lambda", requirements: include_str!("requirements-tools.txt") };
/// What the tests check templates, events, scripts and the Dockerfile with: cfn-lint, jsonschema, shellcheck, hadolint.
pub const LINT: Venv = Venv { name: "lint", program: "cfn-lint", requirements: include_str!("requirements-lint.txt") };
/// What the tests hold the API against its document with: schemathesis.
pub const CONTRACT: Venv =
    Venv { name: "contract", program: "schemathesis", requirements: include_str!("requirements-contract.txt") };

/// What the log viewer's tests drive Chromium with: Playwright, and axe-core.
pub const BROWSER: Venv =
    Venv { name: "browser", program: "playwright", requirements: include_str!("requirements-browser.txt") };

/// What the tests have audit templates and policies: checkov and parliament. They ask for other versions of the same
/// packages than cfn-lint, so they have a place of their own.
pub const GUARD: Venv =
    Venv { name: "guard", program: "checkov", requirements: include_str!("requirements-guard.txt") };

/// All of them.
const ALL: [Venv; 6] = [ENGINE, TOOLS, LINT, CONTRACT, BROWSER, GUARD];

const PYTHON_HINT: &str =
    "install Python 3.10 or newer with its `venv` module (Debian, Ubuntu: `apt install python3-venv`)";

impl Venv {
    /// Where it is.
    pub fn path(&self, layout: &Layout) -> PathBuf {
        layout.base().join(self.name)
    }

    /// The directory of its programs.
    pub fn bin(&self, layout: &Layout) -> PathBuf {
        self.path(layout).join("bin")
    }

    /// Makes it unless it is there and complete.
    pub async fn ensure(&self, layout: &Layout) -> Result<()> {
        if self.is_complete(layout) {
            return Ok(());
        }
        let path = self.path(layout);
        let parent = path.parent().context("the environment has no parent directory")?;
        fs::create_dir_all(parent).with_context(|| format!("can't make `{}`", parent.display()))?;
        let _lock = lock(parent.join(format!("{}.lock", self.name))).await?;
        // Another process may have made it while we waited.
        if self.is_complete(layout) {
            return Ok(());
        }
        eprintln!("setting up `{}` …", self.requirements_summary());
        self.make(&path).await?;
        fs::write(self.stamp(layout), self.requirements).context("can't write the environment's stamp")
    }

    async fn make(&self, path: &Path) -> Result<()> {
        remove(path)?;
        let version = "import sys; sys.exit(sys.version_info < (3, 10))";
        quietly(Command::new("python3").args(["-c", version]))
            .await
            .with_hint("no usable `python3` on PATH", PYTHON_HINT)?;
        quietly(Command::new("python3").args(["-m", "venv"]).arg(path))
            .await
            .with_hint(format!("can't make the Python environment `{}`", self.name), PYTHON_HINT)?;
        let requirements = path.join("requirements.txt");
        fs::write(&requirements, self.requirements).context("can't write the requirements")?;
        let mut pip = Command::new(path.join("bin/python"));
        // All dependencies are pinned, so pip must not look for others.
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "-r"]);
        quietly(pip.arg(&requirements)).await.with_hint(
            format!("can't install the packages of the Python environment `{}`", self.name),
            "check that pip can reach its package index, then run the same command again",
        )
    }

    /// The stamp is written last: a half-made environment has none. A dangling `python` is one whose Python is gone.
    fn is_complete(&self, layout: &Layout) -> bool {
        let stamp = fs::read_to_string(self.stamp(layout)).unwrap_or_default();
        let programs = ["python", self.program];
        stamp == self.requirements && programs.iter().all(|program| self.bin(layout).join(program).exists())
    }

    fn stamp(&self, layout: &Layout) -> PathBuf {
        self.path(layout).join(".complete")
    }

    fn requirements_summary(&self) -> String {
        let known = |line: &&str| {
            ["ministack", "cargo-lambda", "ziglang", "cfn-lint", "schemathesis", "playwright", "checkov", "parliament"]
                .iter()
                .any(|k| line.starts_with(k))
        };
        self.requirements.lines().filter(known).collect::<Vec<_>>().join("`, `")
    }
}

/// Runs a command without a word, unless it fails.
async fn quietly(command: &mut Command) -> Result<()> {
    command.env_remove("PYTHONPATH").env_remove("PYTHONHOME").env_remove("VIRTUAL_ENV");
    let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (stdout, stderr) = (group.child().stdout.take(), group.child().stderr.take());
    let read = async {
        use tokio::io::AsyncReadExt;
        let read_out = async {
            if let Some(mut pipe) = stdout {
                let _ = pipe.read_to_end(&mut out).await;
            }
        };
        let read_err = async {
            if let Some(mut pipe) = stderr {
                let _ = pipe.read_to_end(&mut err).await;
            }
        };
        tokio::join!(read_out, read_err);
    };
    let (status, ()) = tokio::join!(group.wait(), read);
    let status = status?;
    if status.success() {
        return Ok(());
    }
    let said = [out, err].concat();
    let said = String::from_utf8_lossy(&said);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    Err(anyhow::anyhow!("`{program}` ended with {status}\n{}", said.trim()))
}

/// One process at a time makes an environment.
async fn lock(path: PathBuf) -> Result<File> {
    let made = tokio::task::spawn_blocking(move || {
        let file = File::create(&path)?;
        file.lock()?;
        std::io::Result::Ok(file)
    });
    made.await?.context("can't lock the environment")
}

/// Throws all environments away.
pub fn remove_all(layout: &Layout) -> Result<()> {
    for venv in ALL {
        remove(&venv.path(layout))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_hint(format!("can't remove `{}`", path.display()), "is another sandbox running?")
        }
        _ => Ok(()),
    }
}
