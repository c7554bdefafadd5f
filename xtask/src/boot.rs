use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use runvoy_api::infra::API_FUNCTION;
use runvoy_sandbox::{Group, Layout, REGION, RuntimeApi, Sandbox};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::child::Outcome;
use crate::deploy::{ADMIN, Pace, STACK, deploy};
use crate::interrupts::{Interrupts, exit_code};

/// Emulated, a start takes seconds; native, milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts an artifact as Lambda would, beside a deployed sandbox, and shows that it answers
#[derive(clap::Args)]
pub struct Args {
    /// The artifact: a zip with `bootstrap` in it
    #[arg(long, value_name = "ZIP")]
    artifact: PathBuf,
    /// What runs `bootstrap` where this machine can't, such as an emulator with its arguments
    #[arg(long, value_name = "COMMAND", default_value = "")]
    runner: String,
}

/// Runs the command.
pub async fn run(args: Args) -> Result<u8> {
    let mut interrupts = Interrupts::catch()?;
    let artifact = fs::canonicalize(&args.artifact).with_context(|| format!("no `{}`", args.artifact.display()))?;
    let layout = Layout::named(&format!("boot-{}", std::process::id()))?;
    let sandbox = match deploy(&layout, Pace { pace: None }, &mut interrupts).await? {
        Outcome::Done(sandbox) => sandbox,
        Outcome::Ended(code) => return Ok(code),
    };
    let outcome = tokio::select! {
        checked = check(&sandbox, &artifact, &args.runner) => checked.map(|()| 0),
        signal = interrupts.next() => Ok(exit_code(signal)),
    };
    sandbox.stop().await;
    let _ = fs::remove_dir_all(layout.run());
    outcome
}

async fn check(sandbox: &Sandbox, artifact: &Path, runner: &str) -> Result<()> {
    let api = RuntimeApi::start().await?;
    let bootstrap = unpack(artifact, &sandbox.layout().run().join("artifact"))?;
    let mut command = runner.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    command.push(bootstrap.display().to_string());
    let mut function = start(sandbox, &api, &command).await?;
    let key = saved(sandbox, "api_key")?;
    let checked = tokio::select! {
        checked = requests(&api, &key) => checked,
        status = function.wait() => Err(anyhow::anyhow!("the function ended with {}", status?)),
    };
    function.stop(Signal::TERM, Duration::from_secs(2)).await;
    checked
}

async fn requests(api: &RuntimeApi, key: &str) -> Result<()> {
    let wrong = format!("sk_live_{}", "0".repeat(64));
    answers(api, "/api/v1/health", None, 200, |body| body["status"] == "ok").await?;
    answers(api, "/api/v1/whoami", Some(key), 200, |body| body["email"] == ADMIN).await?;
    answers(api, "/api/v1/whoami", Some(&wrong), 401, |body| body["error"]["code"].is_string()).await
}

async fn answers(
    api: &RuntimeApi,
    path: &str,
    key: Option<&str>,
    status: u16,
    holds: impl Fn(&Value) -> bool,
) -> Result<()> {
    let began = Instant::now();
    let reply = api.invoke(event(path, key), PATIENCE).await.with_context(|| format!("GET {path} failed"))?;
    let body = reply["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    ensure!(reply["statusCode"] == status && holds(&body), "GET {path}: expected {status}, got {reply}");
    println!("ok  GET {path} -> {status} in {:.2} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// A Function URL's event, payload version 2.0.
fn event(path: &str, key: Option<&str>) -> Value {
    let host = format!("boot.lambda-url.{REGION}.on.aws");
    let mut headers = json!({ "host": host, "x-forwarded-proto": "https", "x-forwarded-port": "443", "accept": "*/*" });
    if let Some(key) = key {
        headers["x-api-key"] = json!(key);
    }
    let http = json!({
        "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "boot",
    });
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "headers": headers,
        "requestContext": {
            "accountId": "anonymous", "apiId": "boot", "domainName": host, "domainPrefix": "boot", "http": http,
            "requestId": "boot", "routeKey": "$default", "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
        },
        "isBase64Encoded": false,
    })
}

/// The function as the deployed one is configured, with the credentials that the engine would give it.
async fn start(sandbox: &Sandbox, api: &RuntimeApi, words: &[String]) -> Result<Group> {
    let (program, arguments) = words.split_first().context("there is nothing to run")?;
    let name = format!("{STACK}-{}", API_FUNCTION.suffix);
    let (key, secret, token) = sandbox.function_credentials();
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(deployed_environment(sandbox, &name).await?);
    command.env("AWS_LAMBDA_RUNTIME_API", api.address()).env("_HANDLER", API_FUNCTION.handler);
    command.env("AWS_LAMBDA_FUNCTION_NAME", &name).env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", API_FUNCTION.memory.to_string());
    command.env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")).env("AWS_LAMBDA_LOG_STREAM_NAME", "boot");
    command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret).env("AWS_SESSION_TOKEN", token);
    command.env("AWS_REGION", REGION).env("AWS_ENDPOINT_URL", sandbox.endpoint());
    // Its log is worth seeing when a check fails, and standard output is for the checks.
    command.stdin(Stdio::null()).stdout(std::io::stderr());
    Group::spawn(&mut command)
}

async fn deployed_environment(sandbox: &Sandbox, name: &str) -> Result<BTreeMap<String, String>> {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let (status, body) = sandbox.engine().get("lambda", &path).await?;
    ensure!(status == 200, "there is no function `{name}`: {}", String::from_utf8_lossy(&body));
    let configuration: Value = serde_json::from_slice(&body)?;
    serde_json::from_value(configuration["Environment"]["Variables"].clone()).context("the function has no environment")
}

/// What `init` has saved in the config file about the one deployment: `api_key`, `api_endpoint`.
pub fn saved(sandbox: &Sandbox, what: &str) -> Result<String> {
    let path = sandbox.layout().config();
    let text = fs::read_to_string(&path).with_context(|| format!("can't read `{}`", path.display()))?;
    let config: serde_yaml::Value = serde_yaml::from_str(&text).context("the config file is broken")?;
    let profiles = config.get("profiles").and_then(serde_yaml::Value::as_mapping).context("it has no profiles")?;
    let values = profiles.values().filter_map(|profile| profile.get(what)?.as_str()).collect::<Vec<_>>();
    match values[..] {
        [value] => Ok(value.to_owned()),
        _ => bail!("`{}` should hold one `{what}`, not {}", path.display(), values.len()),
    }
}

fn unpack(artifact: &Path, directory: &Path) -> Result<PathBuf> {
    let mut archive = zip::ZipArchive::new(File::open(artifact)?).context("the artifact is no zip")?;
    let mut packed = archive.by_name("bootstrap").context("the artifact holds no `bootstrap`")?;
    fs::create_dir_all(directory)?;
    let path = directory.join("bootstrap");
    let mut file = File::create(&path)?;
    std::io::copy(&mut packed, &mut file).context("can't unpack `bootstrap`")?;
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    Ok(path)
}
