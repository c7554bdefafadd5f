//! The scripts that run in containers, under each of the shells that images have.

mod archive;
mod commands;
mod fetch;
mod prepare;
mod run;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use runvoy_sandbox::{Layout, setup};

/// A directory in which one of the shells is `sh`.
struct Shell {
    directory: tempfile::TempDir,
    name: &'static str,
}

static SHELLS: LazyLock<Vec<Shell>> = LazyLock::new(|| {
    let layout = Layout::named("scripts").unwrap();
    let busybox = setup::program(&layout, "busybox").expect("`cargo xtask test` sets up busybox");
    let system = |name| setup::program(&layout, name).unwrap_or_else(|| panic!("no `{name}` on this machine"));
    vec![
        Shell::new("dash", &system("dash"), false),
        Shell::new("bash", &system("bash"), false),
        Shell::new("busybox", &busybox, true),
    ]
});

impl Shell {
    /// With all of its own programs, where it has any.
    fn new(name: &'static str, program: &Path, applets: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        symlink(program, directory.path().join("sh")).unwrap();
        if applets {
            let installed = Command::new(program).args(["--install", "-s"]).arg(directory.path()).output().unwrap();
            assert!(installed.status.success());
        }
        Self { directory, name }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("sh")
    }

    /// `sh -c SCRIPT ARGUMENTS` in a session and a directory of its own, with nothing but a PATH and what is given.
    fn command(&self, script: &str, arguments: &[&str], directory: &Path) -> Command {
        // Whoever runs the tests in the background ignores some signals, and would hand that down.
        let mut command = Command::new("/usr/bin/env");
        command.arg("--default-signal").arg(self.path());
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.directory.path().display());
        command.args(["-c", script]).args(arguments).env_clear().env("PATH", path).env("HOME", directory);
        command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        command
    }

    /// The executor's script, whose own `/bin/sh` is this shell too.
    fn executor(&self, volume: &str, command: &str, limit: &str, directory: &Path) -> Command {
        let script = fs::read_to_string(scripts().join("run.sh")).unwrap();
        let script = script.replace("/bin/sh", self.path().to_str().unwrap());
        self.command(&script, &["runvoy", volume, command, limit], directory)
    }
}

fn scripts() -> PathBuf {
    Layout::named("scripts").unwrap().root().join("executor-image/scripts")
}

/// What a container's end looks like: 128 and the signal, if one ended it.
fn code(output: &Output) -> i32 {
    output.status.code().or(output.status.signal().map(|signal| 128 + signal)).unwrap()
}

#[test]
fn the_scripts_are_lint_free() {
    let layout = Layout::named("scripts").unwrap();
    let lint = setup::LINT.bin(&layout).join("shellcheck");
    let files = ["run.sh", "prepare.sh", "fetch.sh"].map(|name| scripts().join(name));
    let said = Command::new(&lint).args(["--shell", "sh"]).args(files).output();
    let said = said.unwrap_or_else(|error| panic!("{}: {error}: `cargo xtask test` sets it up", lint.display()));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

#[test]
fn the_dockerfile_is_lint_free() {
    let layout = Layout::named("scripts").unwrap();
    let lint = setup::LINT.bin(&layout).join("hadolint");
    let file = layout.root().join("executor-image/Dockerfile");
    let said = Command::new(&lint).arg(file).output();
    let said = said.unwrap_or_else(|error| panic!("{}: {error}: `cargo xtask test` sets it up", lint.display()));
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}
