//! prepare.sh: uploads, long commands, and what it refuses.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::archive::{Entry, bomb, file, link, pack};
use super::{SHELLS, Shell, code, scripts};

/// A volume, and what is served for it.
struct Site {
    home: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    fn volume(&self) -> PathBuf {
        self.home.path().join("volume")
    }

    fn prepare(&self, shell: &Shell, variables: &[(&str, &str)]) -> Output {
        let mut script = fs::read_to_string(scripts().join("prepare.sh")).unwrap();
        // GNU's, as the script asks of its image: some builds of busybox take their own before those of PATH.
        for program in ["tar", "readlink"] {
            for before in [" ", "("] {
                let ours = format!("{before}/usr/bin/{program} -");
                script = script.replace(&format!("{before}{program} -"), &ours);
            }
        }
        let volume = self.volume();
        let mut command = shell.command(&script, &["runvoy", volume.to_str().unwrap()], self.home.path());
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").envs(variables.iter().copied());
        command.output().unwrap()
    }

    fn status(&self) -> Option<String> {
        fs::read_to_string(self.volume().join("status")).ok()
    }
}

/// An address that gives these bytes, once for each shell and retry.
fn serve(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        }
    });
    format!("http://{address}/object?X-Amz-Signature=planted")
}

fn sha256(bytes: &[u8]) -> String {
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || pipe.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn text(output: &Output) -> String {
    let all = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    all.replace("\u{1e}\u{4}\n", "")
}

fn unpack(shell: &Shell, archive: &[u8], more: &[(&str, &str)]) -> (Site, Output) {
    let (url, sum) = (serve(archive.to_vec()), sha256(archive));
    let site = Site::new();
    let variables = [&[("RUNVOY_UPLOAD_URL", url.as_str()), ("RUNVOY_UPLOAD_SHA256", &sum)], more].concat();
    let output = site.prepare(shell, &variables);
    assert!(!text(&output).contains("planted"), "{}", text(&output));
    (site, output)
}

#[test]
fn an_upload_is_unpacked_for_anybody() {
    let archive = pack(&[
        Entry { kind: b'5', name: "sub dir/", mode: 0o700, link: "", content: b"" },
        Entry { kind: b'0', name: "sub dir/run.sh", mode: 0o700, link: "", content: b"#!/bin/sh\necho hi\n" },
        file("a -> b", b"odd name"),
        file("line\nbreak", b"odder name"),
        link(b'2', "sub dir/link", "../a -> b"),
    ]);
    for shell in &*SHELLS {
        let (site, output) = unpack(shell, &archive, &[("RUNVOY_PATH", "sub dir")]);
        assert_eq!(code(&output), 0, "{}: {}", shell.name, text(&output));
        let workspace = site.volume().canonicalize().unwrap().join("workspace");
        assert_eq!(site.status().unwrap(), format!("ready\n{}\n", workspace.join("sub dir").display()));
        let mode = |name: &str| fs::metadata(workspace.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("sub dir"), mode("sub dir/run.sh"), mode("a -> b")), (0o777, 0o777, 0o666));
        assert_eq!(fs::read(workspace.join("sub dir/link")).unwrap(), b"odd name");
        assert!(workspace.join("line\nbreak").exists() && !site.volume().join("upload").exists());
    }
}

fn refused(archive: &[u8], words: &str) {
    for shell in &*SHELLS {
        let (site, output) = unpack(shell, archive, &[]);
        assert_eq!(code(&output), 18, "{}: {}", shell.name, text(&output));
        assert!(text(&output).contains(words), "{}: no `{words}`: {}", shell.name, text(&output));
        assert_eq!(site.status(), None);
        assert!(!site.home.path().join("escaped").exists() && !Path::new("/tmp/runvoy-escaped").exists());
    }
}

#[test]
fn paths_that_lead_out_are_refused() {
    for name in ["../escaped", "/tmp/runvoy-escaped", "a/../../escaped", "..", "a/.."] {
        refused(&pack(&[file("fine", b""), file(name, b"x")]), "leads out");
    }
}

#[test]
fn links_that_lead_out_are_refused() {
    for to in ["/etc/passwd", "..", "../../x", "a/../../x", "/"] {
        refused(&pack(&[file("a", b""), link(b'2', "link", to)]), "symbolic link that leads out");
    }
    // By a link to a link, and by writing through one.
    refused(&pack(&[link(b'2', "up", "sub/.."), link(b'2', "out", "up/../x")]), "symbolic link that leads out");
    let through = [link(b'2', "door", ".."), file("door/escaped", b"x")];
    for shell in &*SHELLS {
        let (site, output) = unpack(shell, &pack(&through), &[]);
        assert_eq!((code(&output), site.status()), (18, None), "{}", text(&output));
        assert!(!site.volume().join("escaped").exists());
    }
}

#[test]
fn what_is_no_file_is_refused() {
    for entry in
        [link(b'1', "hard", "/etc/passwd"), link(b'3', "device", ""), link(b'4', "disk", ""), link(b'6', "pipe", "")]
    {
        refused(&pack(&[entry]), "no file, directory or symbolic link");
    }
    for mode in [0o4755, 0o2755, 0o6755] {
        refused(&pack(&[Entry { kind: b'0', name: "tool", mode, link: "", content: b"x" }]), "setuid");
    }
}

#[test]
fn bombs_are_refused() {
    refused(&bomb(5), "more than 4 GiB");
    let many: Vec<String> = (0..250_001).map(|number| number.to_string()).collect();
    let many: Vec<_> = many.iter().map(|name| file(name, b"")).collect();
    refused(&pack(&many), "more than 250000 entries");
}

#[test]
fn what_is_no_archive_is_refused() {
    refused(b"plain text", "no whole tar.gz");
    let mut cut = pack(&[file("a", &[b'x'; 100_000])]);
    cut.truncate(cut.len() / 2);
    refused(&cut, "no whole tar.gz");
}

#[test]
fn another_content_than_announced_is_not_used() {
    let archive = pack(&[file("a", b"")]);
    for shell in &*SHELLS {
        for (prefix, expected) in [("UPLOAD", 17), ("COMMAND", 23)] {
            let site = Site::new();
            let (url, sum) = (serve(archive.clone()), sha256(b"other"));
            let names = [format!("RUNVOY_{prefix}_URL"), format!("RUNVOY_{prefix}_SHA256")];
            let output = site.prepare(shell, &[(&names[0], &url), (&names[1], &sum)]);
            assert_eq!((code(&output), site.status()), (expected, None), "{}", text(&output));
            assert!(text(&output).contains("not the one that was announced"));
        }
    }
}

#[test]
fn a_long_command_arrives_as_it_is() {
    let command = format!("echo '{}'\n\n", "é$`\"".repeat(30_000));
    for shell in &*SHELLS {
        let site = Site::new();
        let (url, sum) = (serve(command.clone().into_bytes()), sha256(command.as_bytes()));
        let output = site.prepare(shell, &[("RUNVOY_COMMAND_URL", &url), ("RUNVOY_COMMAND_SHA256", &sum)]);
        assert_eq!((code(&output), text(&output)), (0, String::new()));
        assert_eq!(site.status().unwrap(), "ready\n\n");
        assert_eq!(fs::read_to_string(site.volume().join("command")).unwrap(), command);
    }
}

#[test]
fn a_directory_that_is_not_in_the_code_is_refused() {
    let archive = pack(&[file("a", b""), link(b'2', "inside", ".")]);
    for shell in &*SHELLS {
        for path in ["nowhere", "a", "../..", "/"] {
            let (site, output) = unpack(shell, &archive, &[("RUNVOY_PATH", path)]);
            let in_itself = path == "/";
            assert_eq!(code(&output), if in_itself { 0 } else { 24 }, "{path}: {}", text(&output));
            assert_eq!(site.status().is_some(), in_itself);
        }
        assert_eq!(code(&unpack(shell, &archive, &[("RUNVOY_PATH", "inside")]).1), 0);
    }
}

#[test]
fn addresses_that_are_none_reach_no_git() {
    let cases = [
        ("--upload-pack=touch x", "no address"),
        ("http://example.com/a/b", "only https and ssh"),
        ("file:///etc", "only https and ssh"),
        ("ext::sh -c x", "no address"),
        ("https://user:token@example.com/a/b", "holds no credential"),
        ("git@example.com:a/b", "needs a credential"),
    ];
    for shell in &*SHELLS {
        for (repo, words) in cases {
            let site = Site::new();
            let output = site.prepare(shell, &[("RUNVOY_REPO", repo)]);
            assert_eq!((code(&output), site.status()), (10, None), "{repo}: {}", text(&output));
            assert!(text(&output).contains(words), "{repo}: {}", text(&output));
        }
        let output = Site::new().prepare(shell, &[("RUNVOY_REPO", "https://h/a"), ("RUNVOY_REF", "--output=x")]);
        assert_eq!(code(&output), 11, "{}", text(&output));
    }
}
