//! The code that a command runs with: says which, warns where it is not what is here, sends what is to be sent.

use std::{
    env,
    fs::File,
    io::{self, Read as _, Seek as _},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use reqwest::{StatusCode, Url};
use runvoy_api::upload::{UploadPlace, UploadRef};
use serde_json::{Value, json};

use crate::{
    archive,
    client::{Client, is_loopback},
    error::{Error, Result, ResultExt as _},
    exit,
    git::{self, WorkTree},
    project::{
        code,
        settings::{Origin, Settings},
    },
    ui,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often an archive is sent at most.
const ATTEMPTS: u32 = 3;
const CHUNK: usize = 64 * 1024;

/// Makes the code ready that the settings name, before anything is started.
pub async fn ready(client: &Client, settings: &mut Settings) -> Result<()> {
    if let Some(tree) = settings.work_tree.clone() {
        agree(settings, &tree)?;
    }
    let upload = settings.values.get("upload").filter(|(value, _)| !code::is_none("upload", value)).cloned();
    if let Some((value, origin)) = upload {
        let sent = match serde_json::from_value::<UploadRef>(value.clone()) {
            Ok(kept) => again(client, kept, &origin).await?,
            Err(_) => send(client, &folder(&value, &origin)?, settings).await?,
        };
        settings.values.insert("upload".to_owned(), (json!(sent), origin));
    } else if let Some(url) = text(settings, "repo").filter(|url| !url.is_empty()) {
        let reference = text(settings, "ref").map(|name| format!(" at {}", short(name))).unwrap_or_default();
        let path = text(settings, "path").map(|path| format!(", in `{path}`")).unwrap_or_default();
        let line = format!("{url}{reference}{path}");
        ui::note(format_args!("code      {}", ui::printable(&line)));
    }
    Ok(())
}

/// What to say where a container could not get the code.
pub fn how_else(settings: &Settings) -> Option<&'static str> {
    let found = settings.values.get("repo").is_some_and(|(_, origin)| matches!(origin, Origin::Git(_)));
    found.then_some(
        "if it was the code that could not be had: it came from this folder's git remote; `--no-repo` runs without, \
         `--upload` sends this folder, and an admin sets what private repositories are read with \
         (`runvoy admin git-credentials`)",
    )
}

fn text<'a>(settings: &'a Settings, name: &str) -> Option<&'a str> {
    settings.values.get(name)?.0.as_str()
}

/// A commit's id as people read it.
fn short(name: &str) -> &str {
    let is_commit = name.len() == 40 && name.bytes().all(|c| c.is_ascii_hexdigit());
    if is_commit { &name[..10] } else { name }
}

/// Asks what is meant where a container would not see what is here, or warns where nobody can be asked. Whoever names a
/// ref knows what they want.
fn agree(settings: &mut Settings, tree: &WorkTree) -> Result<()> {
    let chosen = settings.values.get("ref").is_some_and(|(_, origin)| !matches!(origin, Origin::Git(_)));
    if chosen || !(tree.is_ahead || tree.changed > 0) {
        return Ok(());
    }
    let what = difference(tree);
    if ui::can_ask() {
        if ask(&what, tree)? {
            let origin = Origin::Flag;
            settings.values.insert("upload".to_owned(), (true.into(), origin));
            code::one_place(&mut settings.values);
        }
        return Ok(());
    }
    let hint = "`--upload` sends this folder as it is, `--no-repo` runs without code";
    if tree.pushed.is_none() {
        return Err(Error::new(format!("{what}, so a container can't get it")).hint(format!("nothing was run; {hint}")));
    }
    ui::warn(format_args!("{what}: the container will not see that; {hint}"));
    Ok(())
}

fn difference(tree: &WorkTree) -> String {
    let mut facts = Vec::new();
    match tree.changed {
        0 => {}
        1 => facts.push("1 file here is not committed".to_owned()),
        count => facts.push(format!("{count} files here are not committed")),
    }
    match (tree.is_ahead, &tree.pushed) {
        (false, _) => {}
        (true, Some(_)) => facts.push("the newest commits are not pushed".to_owned()),
        (true, None) => facts.push("nothing of this branch is pushed".to_owned()),
    }
    facts.join(" and ")
}

/// Whether to upload; else what is pushed is meant.
fn ask(what: &str, tree: &WorkTree) -> Result<bool> {
    ui::note(format_args!("{what}. What is to run?"));
    ui::note("  u  this folder as it is: it is uploaded");
    if let Some(pushed) = &tree.pushed {
        ui::note(format_args!("  p  what is pushed: {}", short(pushed)));
    }
    ui::note("  Enter runs nothing");
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    match line.trim().to_lowercase().as_str() {
        "u" | "upload" => Ok(true),
        "p" | "pushed" if tree.pushed.is_some() => Ok(false),
        _ => Err(Error::new("nothing was run").exit(exit::INTERRUPTED)),
    }
}

/// The folder that is meant: by default the whole work tree.
fn folder(value: &Value, origin: &Origin) -> Result<PathBuf> {
    let here = env::current_dir().context("can't tell the current folder")?;
    let base = match origin {
        Origin::File(path) | Origin::Task(_, path) => path.parent().unwrap_or(&here).to_owned(),
        _ => here,
    };
    let folder = match value.as_str() {
        Some(folder) => base.join(folder),
        None => git::root(&base).unwrap_or(&base).to_owned(),
    };
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Error::new(format!("`{}`, which is to be sent, is not a folder", folder.display()))
        .hint(format!("nothing was run; the folder comes from {origin}")))
}

/// Packs and sends a folder, unless the same content is there already. A command that is typed below the folder's top
/// runs where it is typed.
async fn send(client: &Client, folder: &Path, settings: &mut Settings) -> Result<UploadRef> {
    let bar = ui::spinner(format!("packing {}", folder.display()));
    let archive = archive::pack(folder);
    bar.finish_and_clear();
    let archive = archive?;
    let place: UploadPlace = client.post("/uploads", &archive.upload).await?;
    let is_new = !place.present;
    if is_new {
        put(&archive, &place).await?;
    }
    let how = if is_new { "sent" } else { "there already" };
    let (files, size) = (archive.files, HumanBytes(archive.upload.size));
    ui::note(format_args!("code      `{}`: {files} files, {size}, {how}", folder.display()));
    let here = env::current_dir().unwrap_or_default();
    let below = here.strip_prefix(folder).ok().and_then(Path::to_str).filter(|path| !path.is_empty());
    if let Some(path) = below.filter(|_| !settings.values.contains_key("path")) {
        settings.values.insert("path".to_owned(), (path.into(), Origin::Git(None)));
    }
    Ok(archive.upload)
}

/// What an earlier execution ran with, if it is kept still.
async fn again(client: &Client, kept: UploadRef, origin: &Origin) -> Result<UploadRef> {
    let place: UploadPlace = client.post("/uploads", &kept).await?;
    if place.present {
        return Ok(kept);
    }
    Err(Error::new(format!("the files that {origin} ran with are not kept any more, or are somebody else's"))
        .hint("`--upload` sends this folder in their place"))
}

/// Sends the archive to the bucket itself. The address is a secret for an hour, and the key has no business there.
async fn put(archive: &archive::Archive, place: &UploadPlace) -> Result<()> {
    let url: Url = place.url.as_deref().unwrap_or_default().parse().context("the API gave no address to send to")?;
    let builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT);
    let http = match (url.scheme(), is_loopback(&url)) {
        (_, true) => builder.no_proxy(),
        ("https", false) => builder,
        _ => return Err(Error::new("the API gave an address to send to that is not encrypted")),
    }
    .build()?;
    let bar = ProgressBar::new(archive.upload.size).with_message("sending the files");
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:20} {bytes}/{total_bytes} {binary_bytes_per_sec:.dim}")
    {
        bar.set_style(style);
    }
    let mut attempt = 1;
    let result = loop {
        bar.set_position(0);
        let mut file = archive.file.try_clone()?;
        file.rewind()?;
        let body = Sending { file, left: archive.upload.size, bar: bar.clone() };
        let mut request = http.put(url.clone()).body(reqwest::Body::wrap(body));
        for (name, value) in &place.headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(reply) if reply.status().is_success() => break Ok(()),
            Ok(reply) if attempt == ATTEMPTS || !is_busy(reply.status()) => {
                break Err(Error::new(format!("the bucket answered {}", reply.status())));
            }
            Err(error) if attempt == ATTEMPTS => break Err(error.without_url().into()),
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_secs(1 << attempt)).await,
        }
        attempt += 1;
    };
    bar.finish_and_clear();
    result.context("can't send the files").hint("nothing was run; try again")
}

fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 429)
}

/// A file on its way. It was just written, so reading it waits for no disk.
struct Sending {
    file: File,
    left: u64,
    bar: ProgressBar,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; CHUNK.min(usize::try_from(self.left).unwrap_or(CHUNK))];
        Poll::Ready(Some(self.file.read_exact(&mut chunk).map(|()| {
            self.left -= chunk.len() as u64;
            self.bar.inc(chunk.len() as u64);
            Frame::data(chunk.into())
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
