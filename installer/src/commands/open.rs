//! `runvoy open`.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use clap_complete::engine::ArgValueCandidates;
use runvoy_api::{execution::ExecutionDetails, key::hex};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

use super::{Which, execution_path};
use crate::{
    client::Client,
    complete,
    error::{Error, Result},
    ui,
};

/// How long a browser may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a request is read, in bytes.
const MOST_OF_A_HEAD: u64 = 64 * 1024;
#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(not(target_os = "macos"))]
const OPENER: &str = "xdg-open";

const EXAMPLES: &str = "\
Examples:
  runvoy open last
  runvoy open a1b2c3 --print

The link works for 48 hours. Whoever has it can read that log.";

/// Arguments of `runvoy open`.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The execution: its id, a unique part of it, or `last` for your newest one
    #[arg(add = ArgValueCandidates::new(complete::executions))]
    id: Which,
    /// Print the link instead
    #[arg(long)]
    print: bool,
}

/// Opens the log viewer at an execution.
pub async fn run(args: Args, profile: Option<&str>) -> Result<()> {
    let client = Client::connect(profile)?;
    let id = args.id.resolve(&client).await?;
    let details: ExecutionDetails = client.get(&execution_path(&id)).await?;
    let missing = || {
        let problem = format!("the log of `{id}` is for {} and admins", ui::printable(&details.execution.user_email));
        Error::new(problem).hint(format!("`runvoy status {id}` shows the execution"))
    };
    let link = details.log_url.as_deref().ok_or_else(missing)?;
    if !args.print && show(link).await? {
        return Ok(());
    }
    if !args.print {
        ui::note("no browser could be opened; the link is");
    }
    ui::line(ui::printable(link))
}

/// Opens the browser. What its program gets as an argument, which everybody on this machine can see, is an address of ours
/// that leads to the link once. `false`: there is no browser, or it did not come.
async fn show(link: &str) -> Result<bool> {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| Error::new(format!("the system gave no randomness: {error}")))?;
    let path = format!("/{}", hex(&nonce));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}{path}", listener.local_addr()?);
    let opened =
        Command::new(OPENER).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if opened.is_err() {
        return Ok(false);
    }
    let bar = ui::spinner("waiting for the browser");
    let led = timeout(PATIENCE, wait(listener, path, link.to_owned())).await;
    bar.finish_and_clear();
    Ok(matches!(led, Ok(Ok(()))))
}

/// Returns when somebody was led to the link. Connections are answered side by side: browsers open some that they never use.
async fn wait(listener: TcpListener, path: String, link: String) -> std::io::Result<()> {
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            connection = listener.accept() => {
                let (browser, path, link) = (connection?.0, path.clone(), link.clone());
                answers.spawn(async move { lead(browser, &path, &link).await });
            }
            Some(answer) = answers.join_next() => {
                if matches!(answer, Ok(Ok(true))) {
                    return Ok(());
                }
            }
        }
    }
}

/// Answers one request; whether it was the one for the link. It is read to the end of its head first: to close a connection with
/// something unread resets it, and the reply may be lost.
async fn lead(browser: TcpStream, path: &str, link: &str) -> std::io::Result<bool> {
    let (reading, mut browser) = browser.into_split();
    let mut head = BufReader::new(reading.take(MOST_OF_A_HEAD)).lines();
    let request = head.next_line().await?.unwrap_or_default();
    while head.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    let found = request.split(' ').nth(1) == Some(path) && !link.contains(char::is_control);
    let head = if found {
        format!("HTTP/1.1 302 Found\r\nlocation: {link}\r\nreferrer-policy: no-referrer\r\ncache-control: no-store")
    } else {
        "HTTP/1.1 404 Not Found".to_owned()
    };
    browser.write_all(format!("{head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).await?;
    browser.shutdown().await?;
    Ok(found)
}
