use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::{Chunk, Layout, Pty, Sandbox};
use tokio::process::Command;
use tokio::time::sleep;

use super::mask::mask;
use crate::boot::saved;

/// The terminal's width, in characters.
pub const COLUMNS: u16 = 100;
/// The terminal's height, in characters.
pub const ROWS: u16 = 32;

/// The command that is shown and run.
pub const COMMAND: [&str; 2] = ["runvoy", "init"];
const ADMIN: &str = "ada@example.com";
const ACCOUNT: &str = "123456789012";
const FUNCTION_URL: &str = "https://k3v9x2m7q4w8.lambda-url.us-east-1.on.aws";

/// How long stacks take, measured by what they take on AWS: long enough to be watched.
const PACE: f64 = 0.4;
/// With a build from nothing.
const PATIENCE: Duration = Duration::from_secs(20 * 60);
const LOOK: Duration = Duration::from_millis(20);
/// A question stands for this long before it is answered, and a key comes this long after another.
const THINK: Duration = Duration::from_millis(900);
const KEY: Duration = Duration::from_millis(70);

/// A program's run on a terminal, with nothing in it that must not be shown.
pub struct Recording {
    /// What it wrote, masked.
    pub chunks: Vec<Chunk>,
    /// The key that must not be in it.
    pub key: String,
}

/// Runs the real `runvoy init` on a sandbox and a terminal, and answers what it asks.
pub async fn record(layout: &Layout) -> Result<Recording> {
    let sandbox = Sandbox::start(layout).await?;
    sandbox.script().pace(PACE);
    let recorded = install(&sandbox).await;
    sandbox.stop().await;
    if recorded.is_ok() {
        let _ = fs::remove_dir_all(layout.run());
    }
    recorded.with_context(|| format!("nothing was recorded; the logs are in `{}`", layout.run().display()))
}

async fn install(sandbox: &Sandbox) -> Result<Recording> {
    let mut pty = Pty::spawn(command(sandbox).into_std(), COLUMNS, ROWS)?;
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = pty.poll() {
            break status;
        }
        ensure!(Instant::now() < deadline, "`runvoy init` still runs:\n{}", pty.screen());
        if pty.reads_keys()? && stands(&mut pty).await {
            answer(&mut pty).await?;
        }
        sleep(LOOK).await;
    };
    ensure!(status.success(), "`runvoy init` ended with {status}:\n{}", pty.screen());
    Ok(Recording { chunks: mask(pty.output(), &texts(sandbox)?), key: saved(sandbox, "api_key")? })
}

fn command(sandbox: &Sandbox) -> Command {
    let mut command = Command::new(sandbox.layout().bin().join(COMMAND[0]));
    command.args(&COMMAND[1..]).current_dir(sandbox.layout().root());
    sandbox.apply(&mut command);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "CI"] {
        command.env_remove(name);
    }
    // Nor is it to propose whoever git knows here as the admin.
    let git = [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "user.email"), ("GIT_CONFIG_VALUE_0", "")];
    command.env("LC_ALL", "C.UTF-8").envs(git);
    command
}

/// Whether nothing comes for as long as it takes to read a question.
async fn stands(pty: &mut Pty) -> bool {
    let seen = pty.output().len();
    sleep(THINK).await;
    pty.poll().is_none() && pty.output().len() == seen
}

/// Enter takes what is proposed.
async fn answer(pty: &mut Pty) -> Result<()> {
    let screen = pty.screen();
    for key in keys(&screen) {
        pty.type_text(key)?;
        sleep(KEY).await;
    }
    sleep(KEY).await;
    pty.type_text("\r")
}

fn keys(screen: &str) -> Vec<&str> {
    const DOWN: &str = "\x1b[B";
    let question = screen.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let marked = screen.lines().find_map(|line| line.trim_start().strip_prefix(['>', '❯']));
    // The sandbox's functions run on this machine.
    if cfg!(target_arch = "x86_64") && marked.is_some_and(|item| item.trim_start().starts_with("arm64")) {
        return vec![DOWN];
    }
    let asks_admin = question.contains("admin") && question.contains("mail") && marked.is_none();
    if asks_admin { ADMIN.split_inclusive(|_| true).collect() } else { vec![] }
}

/// What this machine and this sandbox have of their own, and what is shown instead, as it would be on AWS. The longer comes first.
fn texts(sandbox: &Sandbox) -> Result<Vec<(String, String)>> {
    let layout = sandbox.layout();
    let shown = |path: &Path| path.display().to_string();
    let endpoint = saved(sandbox, "api_endpoint")?.trim_end_matches('/').to_owned();
    let texts = [
        (shown(&layout.config()), "~/.runvoy/config.yaml"),
        (shown(layout.run()), "/tmp/runvoy"),
        (shown(layout.root()), "~/runvoy"),
        (endpoint, FUNCTION_URL),
        (sandbox.engine().account().to_owned(), ACCOUNT),
    ];
    Ok(texts.map(|(own, shown)| (own, shown.to_owned())).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_admins_address_is_typed() {
        assert_eq!(keys("E-mail address of the first admin: ").concat(), ADMIN);
        assert_eq!(keys("First admin: ada@example.com\nGo ahead? [Y/n]\n"), [""; 0]);
        assert_eq!(keys("E-mail address of the first admin: a@b.c\nCommands may:\n> read\n  do all\n"), [""; 0]);
    }

    #[test]
    fn containers_run_on_this_machines_processor() {
        let down = if cfg!(target_arch = "x86_64") { vec!["\x1b[B"] } else { vec![] };
        assert_eq!(keys("Containers run on:\n> arm64: a fifth cheaper\n  x86_64: other\n"), down);
    }
}
