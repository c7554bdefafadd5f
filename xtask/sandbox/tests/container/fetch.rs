//! `fetch.sh`, which brings the executor image's programs, from a web that these tests made up.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use super::archive::{Entry, file, pack};
use super::{SHELLS, scripts};

/// What is at the end of each address, instead of the web.
const CURL: &str = "#!/bin/sh\ncp \"$HOME/web/${8##*/}\" \"$7\"\n";

fn sum(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

/// Puts both kinds of archive on the web and their lines into a lock.
fn publish(room: &Path) -> String {
    let web = room.join("web");
    fs::create_dir(&web).unwrap();
    fs::write(room.join("curl"), CURL).unwrap();
    fs::set_permissions(room.join("curl"), Permissions::from_mode(0o755)).unwrap();
    for name in ["terraform", "tofu"] {
        fs::write(web.join(name), name).unwrap();
        let zip = ["-m", "zipfile", "-c", &format!("{name}.zip"), name];
        assert!(Command::new("python3").args(zip).current_dir(&web).status().unwrap().success());
    }
    let helm = Entry { mode: 0o755, ..file("linux-arm64/helm", b"helm") };
    fs::write(web.join("helm.tar.gz"), pack(&[helm])).unwrap();
    let line = |(name, archive): (&str, &str)| {
        format!("{} {name} arm64 https://example.com/{archive}\n", sum(&web.join(archive)))
    };
    let archives = [("terraform", "terraform.zip"), ("tofu", "tofu.zip"), ("helm", "helm.tar.gz")];
    let other = "0000 helm amd64 https://example.com/of-the-other-architecture\n";
    format!("# base sha256:0\n{other}{}", archives.map(line).concat())
}

fn fetch(room: &Path, lock: &str) -> Output {
    let shell = SHELLS.iter().find(|shell| shell.name == "busybox").unwrap();
    let script = fs::read_to_string(scripts().join("fetch.sh")).unwrap();
    let (out, lock_file) = (room.join("out"), room.join("downloads.lock"));
    let arguments = ["fetch.sh", "arm64", out.to_str().unwrap(), lock_file.to_str().unwrap()];
    fs::write(&lock_file, lock).unwrap();
    let mut command = shell.command(&script, &arguments, room);
    let path = format!("{}:{}", room.display(), shell.directory.path().display());
    command.env("PATH", path).env("TMPDIR", room).output().unwrap()
}

#[test]
fn what_is_locked_is_fetched_for_one_architecture() {
    let room = tempfile::tempdir().unwrap();
    let lock = publish(room.path());
    let said = fetch(room.path(), &lock);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    for name in ["terraform", "tofu", "helm"] {
        assert_eq!(fs::read_to_string(room.path().join("out/bin").join(name)).unwrap(), name);
    }
}

#[test]
fn what_is_not_as_it_was_locked_goes_nowhere() {
    let room = tempfile::tempdir().unwrap();
    let lock = publish(room.path());
    fs::write(room.path().join("web/helm.tar.gz"), pack(&[file("linux-arm64/helm", b"another helm")])).unwrap();
    assert!(!fetch(room.path(), &lock).status.success());
    assert!(!room.path().join("out/bin/helm").exists());
}

#[test]
fn what_is_missing_is_named() {
    let room = tempfile::tempdir().unwrap();
    let lock = publish(room.path());
    let without: String =
        lock.lines().filter(|line| !line.contains(" tofu ")).map(|line| format!("{line}\n")).collect();
    let said = fetch(room.path(), &without);
    let stderr = String::from_utf8(said.stderr).unwrap();
    assert!(!said.status.success() && stderr.contains("downloads.lock has no tofu for arm64"), "{stderr}");
}
