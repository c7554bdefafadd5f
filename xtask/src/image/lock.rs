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
const BASE: &str = "public.ecr.aws/docker/library/debian:bookworm-slim";

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
    fn every_program_has_both_architectures() {
        let lines = include_str!("../../../executor-image/downloads.txt").lines().filter(|line| !line.starts_with('#'));
        let mut names: Vec<_> = lines.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        names.sort();
        let expected = ["aws", "helm", "kubectl", "terraform", "tofu"];
        assert_eq!(
            names,
            expected.iter().flat_map(|name| [format!("{name} amd64"), format!("{name} arm64")]).collect::<Vec<_>>()
        );
    }
}
