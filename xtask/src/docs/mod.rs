//! What is in `docs/` because this command has put it there.

mod commands;
mod film;
mod mask;
mod palette;
mod recording;
mod svg;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::{Hinted, Layout};

use self::recording::Recording;
use crate::child::Outcome;
use crate::deploy::build;
use crate::interrupts::{Interrupts, exit_code};

/// Writes what is generated in `docs/`: the reference of the commands, and the recording of an install
#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if a file is not what would be written
    #[arg(long)]
    check: bool,
}

struct Document {
    path: &'static str,
    maker: Maker,
}

enum Maker {
    /// The same text each time, so that it can be checked.
    Text(fn(&Layout) -> Result<String>),
    /// An install on a terminal, another one each time.
    Recording,
}

const DOCUMENTS: [Document; 2] = [
    Document { path: "docs/commands.md", maker: Maker::Text(commands::reference) },
    Document { path: "docs/install.svg", maker: Maker::Recording },
];

/// Runs the command.
pub async fn run(args: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    Ok(match all(args.check, &mut interrupts).await? {
        Outcome::Done(()) => 0,
        Outcome::Ended(code) => code,
    })
}

/// Writes every document, or only checks them.
pub async fn all(check_only: bool, interrupts: &mut Interrupts) -> Result<Outcome<()>> {
    let layout = Layout::named(&format!("docs-{}", std::process::id()))?;
    if let Outcome::Ended(code) = build(&layout, interrupts).await? {
        return Ok(Outcome::Ended(code));
    }
    for document in &DOCUMENTS {
        if check_only {
            check(document, &layout)?;
            continue;
        }
        match make(document, &layout, interrupts).await? {
            Outcome::Done(text) => write(&layout.root().join(document.path), &text)?,
            Outcome::Ended(code) => return Ok(Outcome::Ended(code)),
        }
        eprintln!("wrote {}", document.path);
    }
    Ok(Outcome::Done(()))
}

async fn make(document: &Document, layout: &Layout, interrupts: &mut Interrupts) -> Result<Outcome<String>> {
    if let Maker::Text(make) = document.maker {
        return make(layout).map(Outcome::Done);
    }
    let recorded = tokio::select! {
        recorded = recording::record(layout) => recorded,
        signal = interrupts.next() => return Ok(Outcome::Ended(exit_code(signal))),
    };
    drawing(&recorded?).map(Outcome::Done)
}

/// With as many frames as make a file of a sensible size.
fn drawing(recording: &Recording) -> Result<String> {
    let mut text = String::new();
    for apart in [250, 333, 500, 1000].map(Duration::from_millis) {
        text = svg::draw(&film::film(recording, apart)?)?;
        if text.len() < svg::LARGEST {
            break;
        }
    }
    svg::check(&text)?;
    Ok(text)
}

fn check(document: &Document, layout: &Layout) -> Result<()> {
    let path = document.path;
    let again = || format!("`{path}` is not what it should be");
    let found = fs::read_to_string(layout.root().join(path)).with_context(|| format!("can't read `{path}`"));
    let checked = found.and_then(|found| match document.maker {
        Maker::Text(make) => {
            ensure!(found == make(layout)?, "what it is made from has changed");
            Ok(())
        }
        Maker::Recording => svg::check(&found),
    });
    checked.map_err(|error| Hinted::error(format!("{}: {error:#}", again()), "run `cargo xtask docs`, and commit it"))
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(|| format!("can't make `{}`", directory.display()))?;
    }
    fs::write(path, text).with_context(|| format!("can't write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use runvoy_sandbox::Chunk;

    use super::*;

    /// Ten minutes of a tree whose rows all turn and count.
    #[test]
    fn the_busiest_install_makes_a_sensible_file() {
        let tree = |at: u64| {
            let mut tree = String::from("\x1b[H");
            for row in 0..30 {
                let turning = char::from(b'a' + u8::try_from((at + row) % 10).unwrap());
                let _ = write!(tree, "\x1b[36m{turning}\x1b[0m create part {row} of it all  \x1b[2m{at}s\x1b[0m\r\n");
            }
            tree
        };
        let chunk = |at| Chunk { at: Duration::from_secs(at), bytes: tree(at).into_bytes() };
        let recording = Recording { chunks: (0..600).map(chunk).collect(), key: "sk_live_0123456789ab".into() };
        let text = drawing(&recording).unwrap();
        assert!(text.contains("15.0×"));
    }
}
