use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;
use tokio::process::{ChildStdin, Command};
use tokio::time::{Instant, sleep};

use super::EngineClient;
use crate::{Group, WithHint};

/// A cold Python on a busy machine takes a few seconds; this is for one that never comes up.
const START_DEADLINE: Duration = Duration::from_secs(180);
const GRACE: Duration = Duration::from_secs(2);

/// What the engine is told.
pub(crate) struct Options {
    /// Python of its environment.
    pub python: PathBuf,
    /// The run directory.
    pub run: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// The account of the run.
    pub account: String,
    /// The region of the run.
    pub region: String,
    /// Where functions send their AWS calls: the proxy.
    pub endpoint: String,
    /// What functions sign with.
    pub secret_key: String,
    /// What tells the proxy that a call is a function's.
    pub session_token: String,
}

/// The running engine. Dropping it ends it, and the functions' processes with it.
pub(crate) struct Engine {
    group: Group,
    /// Open as long as we live. Not left to the child, which closes it when it is waited for.
    _lifeline: Option<ChildStdin>,
    client: EngineClient,
}

impl Engine {
    /// Starts it and waits until it answers.
    pub async fn start(options: &Options) -> Result<Self> {
        let failure = || format!("the AWS engine did not start (log: `{}`)", options.log.display());
        let hint = "if this stays, set everything up anew: `cargo xtask sandbox --fresh`";
        Self::launch(options).await.with_hint(failure(), hint)
    }

    async fn launch(options: &Options) -> Result<Self> {
        let address = free_address()?;
        let log = File::create(&options.log).with_context(|| format!("can't write `{}`", options.log.display()))?;
        let mut command = Command::new(&options.python);
        let launcher = options.run.join("launch.py");
        fs::write(&launcher, include_str!("launch.py")).context("can't write the engine's launcher")?;
        command.arg("-I").arg(launcher).current_dir(&options.run);
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        set_environment(&mut command, options, address);
        let mut group = Group::spawn(&mut command)?;
        let _lifeline = group.child().stdin.take();
        let client = EngineClient::new(format!("http://{address}"), options.account.clone(), options.region.clone());
        let mut engine = Self { group, _lifeline, client };
        engine.until_healthy().await.map_err(|error| anyhow!("{error}{}", last_lines(&options.log)))?;
        Ok(engine)
    }

    async fn until_healthy(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        while Instant::now() < deadline {
            if let Some(status) = self.group.child().try_wait()? {
                return Err(anyhow!("it ended with {status}"));
            }
            if let Ok((200, _)) = self.client.get("health", "/_ministack/health").await {
                return Ok(());
            }
            sleep(Duration::from_millis(25)).await;
        }
        Err(anyhow!("it did not answer within {} s", START_DEADLINE.as_secs()))
    }

    /// A client of it.
    pub fn client(&self) -> &EngineClient {
        &self.client
    }

    /// Its process id, which is its process group's too.
    pub fn id(&self) -> i32 {
        self.group.id()
    }

    /// Waits until it ends by itself, which it should not.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        self.group.wait().await
    }

    /// Ends it and the functions' processes.
    pub async fn stop(self) {
        self.group.stop(Signal::TERM, GRACE).await;
    }
}

/// Nothing of the user's own settings reaches the engine or the functions, which inherit its environment.
fn set_environment(command: &mut Command, options: &Options, address: SocketAddr) {
    let Options { run, account, region, .. } = options;
    command.env_clear();
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8").env("PYTHONUNBUFFERED", "1");
    command.env("HOME", run.join("home")).env("TMPDIR", run.join("tmp"));
    command.env("BIND_HOST", address.ip().to_string()).env("GATEWAY_PORT", address.port().to_string());
    command.env("MINISTACK_ACCOUNT_ID", account).env("MINISTACK_REGION", region).env("AWS_DEFAULT_REGION", region);
    command.env("AWS_ENDPOINT_URL", &options.endpoint);
    command.env("AWS_SECRET_ACCESS_KEY", &options.secret_key).env("AWS_SESSION_TOKEN", &options.session_token);
    command.env("LAMBDA_EXECUTOR", "local").env("LOG_LEVEL", "INFO");
    // It would remove containers of other engines at its start, and open ports that nothing here uses.
    command.env("DOCKER_HOST", format!("unix://{}", run.join("no-docker.sock").display()));
    command.env("SFTP_ENABLED", "0").env("IOT_MTLS_ENABLED", "0");
}

/// A free port of a random loopback address, which a web page can't guess. Systems with one loopback address get that.
fn free_address() -> Result<SocketAddr> {
    let mut host = [0; 3];
    getrandom::fill(&mut host).context("the system has no randomness")?;
    let [b, c, d] = host;
    let random = Ipv4Addr::new(127, b, c, d.clamp(1, 254));
    let listener = TcpListener::bind((random, 0)).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    listener.and_then(|listener| listener.local_addr()).context("no free port on loopback")
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().collect::<Vec<_>>();
    let last = &lines[lines.len().saturating_sub(15)..];
    if last.is_empty() { String::new() } else { format!("; its last words:\n{}", last.join("\n")) }
}
