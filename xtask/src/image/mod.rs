//! `cargo xtask image`: the executor image.

mod engine;
mod lock;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use runvoy_sandbox::{Layout, WithHint};
use tokio::process::Command;

use crate::child::{self, Outcome};
use crate::interrupts::Interrupts;
use engine::Engine;

/// What the image must have, and be: a shell's `set -e` finds the first that it is not.
const CHECKS: &str = r#"set -e
test "$(id -u)" -ne 0
for name in bash git git-lfs ssh ssh-agent curl wget jq tar gzip awk unzip aws terraform tofu ansible kubectl helm python3; do
    command -v "$name" || { echo "error: no $name" >&2; exit 1; }
done
python3 -c 'import boto3, requests, yaml'
aws --version; terraform version; tofu version; kubectl version --client; helm version; ansible --version; git --version
tar --version | grep -q GNU
"#;

/// Builds, checks and pushes the executor image, by docker, podman or buildah
#[derive(Parser)]
#[command(after_help = "Examples:
  cargo xtask image build                               # for this machine
  cargo xtask image test
  cargo xtask image push 123456789012.dkr.ecr.us-east-1.amazonaws.com/runvoy-executor:1
  cargo xtask image lock                                # after a change of downloads.txt
  runvoy init --executor-image 123456789012.dkr.ecr.us-east-1.amazonaws.com/runvoy-executor:1")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Downloads everything once and writes its checksums, and the base image's digest, to downloads.lock
    Lock,
    /// Builds it for this machine's architecture
    Build {
        /// Its name
        #[arg(long, default_value = "runvoy-executor")]
        tag: String,
    },
    /// Builds it for amd64 and arm64, with an SBOM where the builder makes one, and pushes both under one name
    Push {
        /// Where to, with registry and tag; sign in to the registry before
        tag: String,
    },
    /// Runs it and looks for all that it should have
    Test {
        /// Its name
        #[arg(long, default_value = "runvoy-executor")]
        tag: String,
    },
}

/// Runs the command.
pub async fn run(args: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    let directory = Layout::named("image")?.root().join("executor-image");
    if let Action::Lock = args.action {
        return lock::write(&directory, &mut interrupts).await;
    }
    let engine = Engine::find().await?;
    let commands = match &args.action {
        Action::Build { tag } => vec![engine.build(&lock::base(&directory)?, tag)],
        Action::Push { tag } => engine.push(&lock::base(&directory)?, tag),
        Action::Test { tag } => vec![engine.check(tag)?],
        Action::Lock => vec![],
    };
    for command in commands {
        if let Outcome::Ended(code) = step(&engine, &command, &directory, &mut interrupts).await? {
            return Ok(code);
        }
    }
    Ok(0)
}

async fn step(
    engine: &Engine,
    arguments: &[String],
    directory: &PathBuf,
    interrupts: &mut Interrupts,
) -> Result<Outcome<()>> {
    eprintln!("{} {}", engine.name(), arguments.first().map_or("", String::as_str));
    child::run(Command::new(engine.name()).args(arguments).current_dir(directory), interrupts).await
}

impl Engine {
    /// The first of these that works: a docker without its daemon does not.
    async fn find() -> Result<Self> {
        for engine in [Self::Docker, Self::Podman, Self::Buildah] {
            let mut probe = Command::new(engine.name());
            probe.arg("info").stdin(std::process::Stdio::null());
            probe.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
            if probe.status().await.is_ok_and(|status| status.success()) {
                return Ok(engine);
            }
        }
        Err(anyhow::anyhow!("neither `docker info`, `podman info` nor `buildah info` succeeds")).with_hint(
            "no image can be built here",
            "install one of the three, or start docker's daemon; `runvoy init` needs none of them without `--executor-image`",
        )
    }

    /// Runs the checks in the image.
    fn check(&self, tag: &str) -> Result<Vec<String>> {
        if matches!(self, Self::Buildah) {
            bail!("buildah runs no images: use docker or podman for `cargo xtask image test`");
        }
        Ok(["run", "--rm", "--entrypoint", "/bin/sh", tag, "-c", CHECKS].map(str::to_owned).into())
    }
}
