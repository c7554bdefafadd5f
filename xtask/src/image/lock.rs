//! downloads.lock: the checksums of what the image is built from.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::WithHint;
use tokio::process::Command;

use crate::child::{self, Outcome};
use crate::interrupts::Interrupts;

/// What the image is built on.
const BASE: &str = "public.ecr.aws/docker/library/debian:trixie-slim";

/// The base image by its digest.
pub fn base(directory: &Path) -> Result<String> {
    let lock = fs::read_to_string(directory.join("downloads.lock")).unwrap_or_default();
    let digest = lock.lines().find_map(|line| line.strip_prefix("# base "));
    let digest = digest.context("executor-image/downloads.lock has no checksums");
    let digest =
        digest.with_hint("the image can't be built", "run `cargo xtask image lock` first, and commit the file")?;
    Ok(format!("{}@{digest}", BASE.rsplit_once(':').map_or(BASE, |(name, _)| name)))
}

/// Downloads each file of downloads.txt and writes its checksum.
pub async fn write(directory: &Path, interrupts: &mut Interrupts) -> Result<u8> {
    let listed = fs::read_to_string(directory.join("downloads.txt")).context("can't read downloads.txt")?;
    let mut lock = format!("# base {}\n", digest().await?);
    let file = directory.join("downloads.part");
    for line in listed.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let url = line.rsplit(' ').next().unwrap_or_default();
        eprintln!("{url}");
        let mut curl = Command::new("curl");
        curl.args(["-fsSL", "--proto", "=https", "--retry", "3", "-o"]).arg(&file).arg(url);
        if let Outcome::Ended(code) = child::run(&mut curl, interrupts).await? {
            let _ = fs::remove_file(&file);
            return Ok(code);
        }
        let sum = output(Command::new("sha256sum").arg(&file)).await?;
        writeln!(lock, "{} {line}", sum.get(..64).context("sha256sum gave no checksum")?)?;
    }
    fs::remove_file(&file).context("can't remove the last download")?;
    fs::write(directory.join("downloads.lock"), lock).context("can't write downloads.lock")?;
    Ok(0)
}

/// The digest of the base's manifest list, by whatever can ask a registry.
async fn digest() -> Result<String> {
    let reference = format!("docker://{BASE}");
    let asked: [&[&str]; 2] = [
        &["docker", "buildx", "imagetools", "inspect", BASE, "--format", "{{.Manifest.Digest}}"],
        &["skopeo", "inspect", "--format", "{{.Digest}}", &reference],
    ];
    for command in asked {
        if let Ok(digest) = output(Command::new(command[0]).args(&command[1..])).await
            && digest.starts_with("sha256:")
        {
            return Ok(digest.trim().to_owned());
        }
    }
    Err(anyhow::anyhow!("neither `docker buildx` nor `skopeo` could ask for the digest of `{BASE}`"))
        .with_hint("the base image can't be pinned", "install one of them, and check that the registry can be reached")
}

async fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().await?;
    ensure!(output.status.success(), "`{:?}` ended with {}", command.as_std().get_program(), output.status);
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_built_without_checksums() {
        let directory = std::env::temp_dir().join(format!("runvoy-lock-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        assert!(base(&directory).is_err());
        fs::write(directory.join("downloads.lock"), "# base sha256:00\n").unwrap();
        assert_eq!(base(&directory).unwrap(), "public.ecr.aws/docker/library/debian@sha256:00");
        fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn whatever_is_listed_is_locked_for_both_architectures() {
        let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
        let listed: Vec<_> = lines(include_str!("../../../executor-image/downloads.txt")).collect();
        let names: Vec<_> = listed.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
        let both = |name| ["amd64", "arm64"].map(|architecture| format!("{name} {architecture}"));
        assert_eq!(names, ["terraform", "tofu", "helm"].map(both).concat());
        let lock = include_str!("../../../executor-image/downloads.lock");
        let is_sha256 = |text: &str| text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
        let (sums, locked): (Vec<_>, Vec<_>) = lines(lock).map(|line| line.split_once(' ').unwrap()).unzip();
        assert_eq!(locked, listed, "run `cargo xtask image lock`");
        assert!(sums.into_iter().all(is_sha256));
        assert!(lock.lines().next().unwrap().strip_prefix("# base sha256:").is_some_and(is_sha256));
    }
}
