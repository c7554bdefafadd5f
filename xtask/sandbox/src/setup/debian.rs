//! Programs that tests run and few machines have: taken from PATH, else from Debian's packages, without installing any.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::{lock, quietly};
use crate::{Layout, WithHint};

/// A program and the packages that have it, with the libraries of it that Chromium does not bring.
const PROGRAMS: [(&str, &[&str]); 5] = [
    ("busybox", &["busybox-static"]),
    ("sshd", &["openssh-server", "libwrap0"]),
    ("git-lfs", &["git-lfs"]),
    ("dbus-daemon", &["dbus-daemon", "libapparmor1"]),
    ("gnome-keyring-daemon", &["gnome-keyring", "libgck-1-0", "libgcr-base-3-1"]),
];

/// Where the packages are unpacked.
fn root(layout: &Layout) -> PathBuf {
    layout.base().join("debian")
}

/// A program of the machine's, or of those packages.
pub fn program(layout: &Layout, name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = ["usr/sbin", "usr/bin", "bin"].map(|directory| root(layout).join(directory));
    let system = ["/usr/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    let places = std::env::split_paths(&path).chain(system).chain(own);
    places.map(|directory| directory.join(name)).find(|program| program.is_file())
}

/// Directories of the libraries that came with those packages.
pub fn libraries(layout: &Layout) -> PathBuf {
    root(layout).join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH))
}

/// Fetches what the machine has not.
pub async fn ensure_programs(layout: &Layout) -> Result<()> {
    let missing = || PROGRAMS.iter().filter(|(name, _)| program(layout, name).is_none());
    if missing().next().is_none() || cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    let root = root(layout);
    std::fs::create_dir_all(&root).with_context(|| format!("can't make `{}`", root.display()))?;
    let _lock = lock(layout.base().join("debian.lock")).await?;
    let packages: Vec<&str> = missing().flat_map(|(_, packages)| packages.iter().copied()).collect();
    if packages.is_empty() {
        return Ok(());
    }
    eprintln!("fetching `{}` …", packages.join("`, `"));
    let programs: Vec<&str> = missing().map(|(name, _)| *name).collect();
    fetch(&root, &packages).await.with_hint(
        format!("can't get `{}`", packages.join("`, `")),
        format!("put {} on PATH, or run `apt-get update` where the system is Debian or Ubuntu", programs.join(", ")),
    )
}

async fn fetch(root: &Path, packages: &[&str]) -> Result<()> {
    quietly(Command::new("apt-get").arg("download").args(packages).current_dir(root).stdin(Stdio::null())).await?;
    for file in std::fs::read_dir(root)?.flatten().map(|entry| entry.path()) {
        if file.extension().is_some_and(|ending| ending == "deb") {
            quietly(Command::new("dpkg-deb").arg("--extract").arg(&file).arg(root)).await?;
            std::fs::remove_file(&file)?;
        }
    }
    Ok(())
}
