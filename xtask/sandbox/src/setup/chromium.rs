//! Chromium, which the log viewer's tests read logs with.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use tokio::process::Command;

use super::{lock, quietly};
use crate::{Layout, WithHint};

const HINT: &str = "install it (Debian: `sudo apt-get install chromium`), or name one in CHROMIUM";

/// The one that `CHROMIUM` names, else the one on PATH, else Debian's package, which is then installed.
pub async fn chromium(layout: &Layout) -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    if let Some(found) = on_path() {
        return Ok(found);
    }
    std::fs::create_dir_all(layout.base())?;
    let _lock = lock(layout.base().join("chromium.lock")).await?;
    if on_path().is_none() {
        eprintln!("installing `chromium` …");
        install().await.with_hint("no Chromium on PATH, and it could not be installed", HINT)?;
    }
    on_path()
        .ok_or_else(|| anyhow::anyhow!("there is no `chromium` on PATH after its installation"))
        .with_hint("Chromium is not where it was expected", HINT)
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).map(|directory| directory.join("chromium"));
    places.into_iter().find(|place| place.is_file())
}

async fn install() -> Result<()> {
    if !Path::new("/etc/debian_version").exists() {
        bail!("this is no Debian");
    }
    let root = rustix::process::geteuid().is_root();
    for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "chromium"]] {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.args(["-n", "apt-get"]);
        }
        quietly(command.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive")).await?;
    }
    Ok(())
}
