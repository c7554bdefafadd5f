//! A folder as an archive: the same content always makes the same bytes, so that it is not sent twice.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, Write},
    os::unix::fs::PermissionsExt as _,
    path::{Component, Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use ignore::WalkBuilder;
use runvoy_api::{
    key::hex,
    upload::{MAX_UPLOAD_BYTES, UploadRef},
};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{
    error::{Error, Result, ResultExt as _},
    ui,
};

/// Says what stays at home, beside `.gitignore` and in the same words.
pub const IGNORE_FILE: &str = ".runvoyignore";

/// An archive, in a file that goes when this does.
pub struct Archive {
    /// Its content, by name and size.
    pub upload: UploadRef,
    /// How many files are in it.
    pub files: usize,
    /// Its bytes, from their first.
    pub file: File,
}

/// Packs what is in `folder`, except what `.gitignore` and `.runvoyignore` name, and git's own folder.
pub fn pack(folder: &Path) -> Result<Archive> {
    let entries = entries(folder)?;
    let file = tempfile::tempfile().context("can't make a temporary file")?;
    let sink = Sink { file, hash: Sha256::new(), written: 0 };
    // Without a time and a name in its header, and with an unknown system.
    let mut builder = Builder::new(GzEncoder::new(sink, Compression::default()));
    let mut files = 0;
    for (path, kind) in &entries {
        let name = path.strip_prefix(folder).unwrap_or(path);
        add(&mut builder, path, name, kind).map_err(|error| {
            let shown = format!("can't pack `{}`", ui::printable(&name.to_string_lossy()));
            error.context(shown).hint(format!("nothing was sent; name it in `{IGNORE_FILE}` to leave it at home"))
        })?;
        files += usize::from(!matches!(kind, Kind::Folder));
    }
    if files == 0 {
        return Err(Error::new(format!("`{}` has no files to send", folder.display()))
            .hint(format!("`.gitignore` and `{IGNORE_FILE}` say what stays at home")));
    }
    let Sink { mut file, hash, written } = builder.into_inner()?.finish()?;
    file.rewind()?;
    Ok(Archive { upload: UploadRef { sha256: hex(&hash.finalize()), size: written }, files, file })
}

enum Kind {
    Folder,
    File { size: u64, runs: bool },
    Link(PathBuf),
}

/// What is to be packed, in the order of its names.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, Kind)>> {
    let mut walk = WalkBuilder::new(folder);
    // Hidden files are as good as others, and what git ignores stays at home even where this is no work tree.
    walk.hidden(false).require_git(false).add_custom_ignore_filename(IGNORE_FILE).follow_links(false);
    walk.filter_entry(|entry| entry.file_name() != ".git").sort_by_file_name(Ord::cmp);
    let mut entries = Vec::new();
    for entry in walk.build().skip(1) {
        let entry = entry.context(format!("can't look through `{}`", folder.display()))?;
        let path = entry.into_path();
        let kind = kind(folder, &path)?;
        entries.push((path, kind));
    }
    Ok(entries)
}

fn kind(folder: &Path, path: &Path) -> Result<Kind> {
    let name = path.strip_prefix(folder).unwrap_or(path);
    let shown = ui::printable(&name.to_string_lossy()).into_owned();
    let hint = format!("nothing was sent; name it in `{IGNORE_FILE}` to leave it at home");
    let about = fs::symlink_metadata(path).context(format!("can't look at `{shown}`"))?;
    let file_type = about.file_type();
    if file_type.is_dir() {
        return Ok(Kind::Folder);
    }
    if file_type.is_symlink() {
        let target = fs::read_link(path).context(format!("can't read `{shown}`"))?;
        if leads_out(name, &target) {
            let problem =
                format!("`{shown}` is a link out of the folder, to `{}`", ui::printable(&target.to_string_lossy()));
            return Err(Error::new(problem).hint(hint));
        }
        return Ok(Kind::Link(target));
    }
    if !file_type.is_file() {
        return Err(Error::new(format!("`{shown}` is neither a file, a folder nor a link")).hint(hint));
    }
    Ok(Kind::File { size: about.len(), runs: about.permissions().mode() & 0o111 != 0 })
}

/// Whether a link of this name would point out of the archive.
fn leads_out(name: &Path, target: &Path) -> bool {
    let mut depth = name.components().count() - 1;
    for part in target.components() {
        match part {
            Component::RootDir | Component::Prefix(_) => return true,
            Component::CurDir => {}
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
        }
    }
    false
}

/// Whose it was and when it was changed says nothing about the content.
fn add<W: Write>(builder: &mut Builder<W>, path: &Path, name: &Path, kind: &Kind) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mode(0o755);
    match kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            builder.append_data(&mut header, name, io::empty())?;
        }
        Kind::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, name, target)?;
        }
        Kind::File { size, runs } => {
            header.set_size(*size);
            header.set_mode(if *runs { 0o755 } else { 0o644 });
            let mut bytes = Counted { inner: File::open(path)?.take(*size), read: 0 };
            builder.append_data(&mut header, name, &mut bytes)?;
            if bytes.read != *size {
                return Err(Error::new("it was changed meanwhile"));
            }
        }
    }
    Ok(())
}

struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

/// Where the archive goes: counted, so that nobody waits for what can't be sent, and hashed.
struct Sink {
    file: File,
    hash: Sha256,
    written: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.written += count as u64;
        if self.written > MAX_UPLOAD_BYTES {
            let most = MAX_UPLOAD_BYTES / (1024 * 1024);
            return Err(io::Error::other(format!("the archive has more than {most} MiB, which is the most")));
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, os::unix::fs::symlink};

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(archive: Archive) -> BTreeMap<String, u32> {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archive.file));
        let entry = |entry: io::Result<tar::Entry<'_, _>>| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
            (entry.path().unwrap().to_string_lossy().into_owned(), header.mode().unwrap())
        };
        tar.entries().unwrap().map(entry).collect()
    }

    #[test]
    fn what_is_ignored_stays_at_home() {
        let folder = folder(&[
            (".gitignore", "target/\n*.log\n"),
            (".runvoyignore", "big.bin\n"),
            (".env", "x"),
            (".git/config", "x"),
            ("big.bin", "x"),
            ("a.log", "x"),
            ("sub/target/x", "x"),
            ("sub/run.sh", "x"),
        ]);
        fs::set_permissions(folder.path().join("sub/run.sh"), fs::Permissions::from_mode(0o4750)).unwrap();
        let long = format!("{}/file", "d".repeat(120));
        fs::create_dir(folder.path().join("d".repeat(120))).unwrap();
        fs::write(folder.path().join(&long), "x").unwrap();
        symlink("../.env", folder.path().join("sub/link")).unwrap();
        let names = names(pack(folder.path()).unwrap());
        let expected = [".env", ".gitignore", ".runvoyignore", "sub", "sub/link", "sub/run.sh"];
        let mut expected: Vec<String> = expected.map(str::to_owned).into();
        expected.extend(["d".repeat(120), long]);
        expected.sort();
        assert_eq!(names.keys().map(|name| name.trim_end_matches('/').to_owned()).collect::<Vec<_>>(), expected);
        assert_eq!(names["sub/run.sh"], 0o755, "no bit but the usual ones travels");
    }

    #[test]
    fn the_same_content_is_the_same_archive() {
        let files = [("b", "2"), ("a/x", "1"), ("a.txt", "3")];
        let (one, other) = (folder(&files), folder(&[files[2], files[1], files[0]]));
        let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
        File::options().write(true).open(other.path().join("b")).unwrap().set_modified(time).unwrap();
        let upload = |folder: &tempfile::TempDir| pack(folder.path()).unwrap().upload;
        assert_eq!(upload(&one), upload(&other));
        fs::write(other.path().join("b"), "4").unwrap();
        assert_ne!(upload(&one).sha256, upload(&other).sha256);
    }

    #[test]
    fn what_cant_travel_is_named() {
        let refused = |folder: &tempfile::TempDir| pack(folder.path()).err().unwrap().explain();
        for target in ["/etc/passwd", "../outside", "sub/../../outside"] {
            let folder = folder(&[("sub/x", "1")]);
            symlink(target, folder.path().join("link")).unwrap();
            assert!(refused(&folder).contains("`link` is a link out"), "{target}");
        }
        let folder = folder(&[("x", "1")]);
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        assert!(refused(&folder).contains("`socket` is neither"));
        assert!(refused(&tempfile::tempdir().unwrap()).contains("no files"));
    }
}
