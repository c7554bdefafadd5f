use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use runvoy_sandbox::Layout;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::child::{self, Outcome};
use crate::interrupts::{Interrupts, exit_code};

/// Shows how much processor time the released CLI takes for what people do all day; promises nothing
#[derive(clap::Args)]
pub struct Args {
    /// How often each command is run
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
}

const COMMANDS: [&str; 3] = ["--help", "version", "list"];

/// Runs the command: one line a command, with the milliseconds that the kernel counts for one run, start and end included.
pub async fn run(args: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    let layout = Layout::named("bench")?;
    let mut build = child::cargo(&layout);
    build.args(["build", "--workspace", "--release", "--bin", "runvoy"]);
    if let Outcome::Ended(code) = child::run(&mut build, &mut interrupts).await? {
        return Ok(code);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
    let endpoint = format!("http://{}/", listener.local_addr()?);
    let measure = async {
        for command in COMMANDS {
            let spent = spent(&layout, command, args.runs, &endpoint).await?;
            println!("runvoy {command:<8} {spent}");
        }
        Ok(0)
    };
    tokio::select! {
        done = measure => done,
        never = serve(&listener) => never,
        signal = interrupts.next() => Ok(exit_code(signal)),
    }
}

/// Has a shell run it so often, and say what all of that took.
async fn spent(layout: &Layout, command: &str, runs: u32, endpoint: &str) -> Result<String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let runvoy = layout.root().join(target).join("release/runvoy");
    let script =
        format!("time for ((i = 0; i < {runs}; i++)); do '{}' {command} >/dev/null || exit; done", runvoy.display());
    let mut bash = Command::new("bash");
    bash.args(["-c", &script])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TIMEFORMAT", "%U %S %R")
        .kill_on_drop(true);
    bash.env("HOME", "/nowhere")
        .env("RUNVOY_ENDPOINT", endpoint)
        .env("RUNVOY_API_KEY", format!("sk_live_{}", "0".repeat(64)));
    let output = bash.stdin(Stdio::null()).output().await.context("can't run `bash`")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "`runvoy {command}` failed: {}", said.trim());
    let seconds = said.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>();
    let seconds = seconds.with_context(|| format!("`bash` does not tell times: {}", said.trim()))?;
    let each: Vec<_> = seconds.iter().map(|all| all * 1000.0 / f64::from(runs)).collect();
    let [user, system, real] = each[..] else {
        anyhow::bail!("`bash` tells other times than asked for: {}", said.trim())
    };
    Ok(format!("{:.1} ms of CPU ({user:.1} user, {system:.1} system), {real:.1} ms in all", user + system))
}

/// Answers every request with the same page of a history.
async fn serve(listener: &TcpListener) -> Result<u8> {
    let execution = |number: u32| {
        serde_json::json!({"execution_id": format!("exec_20251026143210_{number:06x}"), "status": "completed", "exit_code": 0,
            "user_email": "alice@example.com", "command": "terraform apply -auto-approve", "image": "alpine:3", "cpu": 256,
            "memory": 512, "started_at": "2025-10-26T14:32:10Z", "duration_seconds": 65, "cost_usd": 0.0012,
            "timeout_seconds": 3600})
    };
    let body = serde_json::json!({"executions": (0..20).map(execution).collect::<Vec<_>>()}).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
    let reply = format!("{head} {}\r\n\r\n{body}", body.len());
    loop {
        let (connection, _) = listener.accept().await.context("can't take a connection")?;
        // The client tells what went wrong.
        let _ = answer(connection, &reply).await;
    }
}

async fn answer(mut connection: TcpStream, reply: &str) -> std::io::Result<()> {
    let (reading, mut writing) = connection.split();
    let mut head = BufReader::new(reading).lines();
    while head.next_line().await?.is_some_and(|line| !line.is_empty()) {}
    writing.write_all(reply.as_bytes()).await?;
    writing.shutdown().await
}
