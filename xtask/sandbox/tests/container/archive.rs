//! Archives, byte by byte: no tool would make the bad ones.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// One entry: its type as tar writes it, name, mode, where it leads, content.
pub struct Entry<'a> {
    pub kind: u8,
    pub name: &'a str,
    pub mode: u32,
    pub link: &'a str,
    pub content: &'a [u8],
}

pub fn file<'a>(name: &'a str, content: &'a [u8]) -> Entry<'a> {
    Entry { kind: b'0', name, mode: 0o644, link: "", content }
}

pub fn link<'a>(kind: u8, name: &'a str, link: &'a str) -> Entry<'a> {
    Entry { kind, name, mode: 0o777, link, content: b"" }
}

impl Entry<'_> {
    fn header(&self, size: u64) -> Vec<u8> {
        let mut header = vec![0; 512];
        let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, self.name.as_bytes());
        put(100, format!("{:07o}\0{:07o}\0{:07o}\0{size:011o}\0{:011o}\0        ", self.mode, 0, 0, 0).as_bytes());
        put(156, &[self.kind]);
        put(157, self.link.as_bytes());
        put(257, b"ustar\x0000");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header
    }
}

/// A tar.gz of these.
pub fn pack(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for entry in entries {
        tar.extend(entry.header(entry.content.len() as u64));
        tar.extend_from_slice(entry.content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend([0; 1024]);
    gzip(|pipe| pipe.write_all(&tar).unwrap())
}

/// The beginning of an archive whose one file says to have this many GiB.
pub fn bomb(gibibytes: u64) -> Vec<u8> {
    let zeros = vec![0; 1 << 20];
    gzip(|pipe| pipe.write_all(&[file("zeros", b"").header(gibibytes << 30), zeros].concat()).unwrap())
}

fn gzip(write: impl FnOnce(&mut std::process::ChildStdin)) -> Vec<u8> {
    let output = tempfile::NamedTempFile::new().unwrap();
    let mut gzip = Command::new("gzip");
    gzip.args(["-1", "-c"]).stdin(Stdio::piped()).stdout(output.reopen().unwrap());
    let mut child = gzip.spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    write(&mut pipe);
    drop(pipe);
    assert!(child.wait().unwrap().success());
    std::fs::read(output.path()).unwrap()
}
