use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::engine::{Engine, EngineClient, Options};
use crate::fargate::{Fargate, Flaw};
use crate::proxy::script::Script;
use crate::proxy::{Call, Keys, Proxy};
use crate::{Hinted, Layout, random, setup};

/// Where everything is deployed to.
pub const REGION: &str = "us-east-1";

/// Variables of the user's own that must not reach programs that work on the sandbox.
pub const CLEARED: [&str; 6] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "RUNVOY_API_KEY",
];

/// Variables that cargo sets for the programs it runs, as it runs us. A cargo that we run must not see them: build scripts that
/// read them would run again, and everything that rests on them would be built anew, each time another program asks.
pub fn set_by_cargo() -> impl Iterator<Item = OsString> {
    let ours = |name: &OsString| {
        let name = name.to_string_lossy();
        ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
    };
    std::env::vars_os().map(|(name, _)| name).filter(ours)
}

/// A running sandbox: an empty AWS account on loopback. Dropping it ends all its processes.
pub struct Sandbox {
    layout: Layout,
    endpoint: String,
    key_id: String,
    secret_key: String,
    session_token: String,
    // Fields drop in order: the door closes first.
    proxy: Proxy,
    fargate: Fargate,
    engine: Engine,
}

impl Sandbox {
    /// Sets up what is missing and starts engine, proxy and local Fargate in an empty run directory. Deploys nothing.
    pub async fn start(layout: &Layout) -> Result<Self> {
        tokio::try_join!(setup::ENGINE.ensure(layout), setup::TOOLS.ensure(layout))?;
        layout.empty_run()?;
        // Bound first: the functions' endpoint is the proxy, so the engine must be told its address at its start.
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port on loopback")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let account = random::text(random::DIGITS, 12)?;
        let key_id = format!("AKIA{}", random::text(random::UPPER, 16)?);
        let secret_key = random::text(random::LETTERS, 40)?;
        let session_token = random::text(random::LETTERS, 64)?;
        let engine = Engine::start(&Options {
            python: setup::ENGINE.bin(layout).join("python"),
            run: layout.run().to_owned(),
            log: layout.engine_log(),
            account: account.clone(),
            region: REGION.to_owned(),
            endpoint: endpoint.clone(),
            secret_key: secret_key.clone(),
            session_token: session_token.clone(),
        })
        .await?;
        let fargate = Fargate::new(engine.client().clone(), layout.run().join("fargate"));
        let keys = Keys { client: key_id.clone(), function: account, function_token: session_token.clone() };
        let proxy = Proxy::start(
            listener,
            keys,
            engine.client().clone(),
            fargate.clone(),
            &layout.calls_log(),
            &layout.used_grants(),
        )?;
        let sandbox =
            Self { layout: layout.clone(), endpoint, key_id, secret_key, session_token, proxy, fargate, engine };
        sandbox.write_aws_files()?;
        Ok(sandbox)
    }

    /// What a program needs in its environment to work on this sandbox.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |path: &Path| path.display().to_string();
        let (credentials, config) = self.aws_files();
        let pairs = [
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_ACCESS_KEY_ID", self.key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret_key.clone()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_CONFIG_FILE", path(&config)),
            ("AWS_SHARED_CREDENTIALS_FILE", path(&credentials)),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("RUNVOY_CONFIG", path(&self.layout.config())),
            // cargo-lambda would ask rustup to add its target; what the host can build it has.
            ("RUSTUP", "none".to_owned()),
            ("NO_PROXY", no_proxy()),
            ("PATH", self.path()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Makes a program work on this sandbox.
    pub fn apply(&self, command: &mut tokio::process::Command) {
        for name in CLEARED.map(OsString::from).into_iter().chain(set_by_cargo()) {
            command.env_remove(name);
        }
        command.envs(self.environment());
    }

    /// The proxy's address, without a trailing slash.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where this sandbox has its files.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The engine, past the proxy: for looking at what a test did.
    pub fn engine(&self) -> &EngineClient {
        self.engine.client()
    }

    /// The engine's process id, which is its process group's too.
    pub fn engine_id(&self) -> i32 {
        self.engine.id()
    }

    /// Access key id, secret key and session token of functions, but of no function: no role's policies hold for them.
    pub fn function_credentials(&self) -> (&str, &str, &str) {
        (self.engine.client().account(), &self.secret_key, &self.session_token)
    }

    /// Has containers of this image find a variable that the image would set.
    pub fn set_image_variable(&self, image: &str, name: &str, value: &str) {
        self.fargate.set_image_variable(image, name, value);
    }

    /// Has something be wrong with this image.
    pub fn set_image_flaw(&self, image: &str, flaw: Flaw) {
        self.fargate.set_image_flaw(image, flaw);
    }

    /// Has all images of a registry demand this user name and password.
    pub fn set_registry_login(&self, host: &str, login: [&str; 2]) {
        self.fargate.set_registry_login(host, login);
    }

    /// What callers of this sandbox meet with, for tests to change.
    pub fn script(&self) -> &Script {
        self.proxy.script()
    }

    /// All AWS calls so far that are about `text`, such as a stack's name: for tests that share a sandbox.
    pub fn calls_about(&self, text: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|call| call.detail.contains(text)).collect()
    }

    /// All AWS calls so far, in the order in which they came in.
    pub fn calls(&self) -> Vec<Call> {
        self.calls_since(0)
    }

    /// The calls after the `seq`th.
    pub fn calls_since(&self, seq: u64) -> Vec<Call> {
        self.proxy.calls_since(seq)
    }

    /// Waits until the engine ends by itself; the error says so. For those who have nothing else to wait for.
    pub async fn failed(&mut self) -> anyhow::Error {
        let log = self.layout.engine_log();
        match self.engine.ended().await {
            Ok(status) => {
                Hinted::error(format!("the AWS engine ended with {status}"), format!("see `{}`", log.display()))
            }
            Err(error) => error,
        }
    }

    /// Ends everything.
    pub async fn stop(self) {
        let Self { proxy, fargate, engine, .. } = self;
        // Tasks first: they report their end to the functions, which need the engine.
        fargate.shutdown().await;
        engine.stop().await;
        drop(proxy);
    }

    fn aws_files(&self) -> (std::path::PathBuf, std::path::PathBuf) {
        (self.layout.run().join("aws-credentials"), self.layout.run().join("aws-config"))
    }

    /// For programs that read files only, and so that nobody reads the user's own.
    fn write_aws_files(&self) -> Result<()> {
        let (credentials, config) = self.aws_files();
        let Self { key_id, secret_key, .. } = self;
        let keys = format!("[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret_key}\n");
        write_private(&credentials, &keys)?;
        write_private(&config, &format!("[default]\nregion = {REGION}\n"))
    }

    fn path(&self) -> String {
        let own = [self.layout.bin().to_owned(), setup::TOOLS.bin(&self.layout)];
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let all = own.into_iter().chain(std::env::split_paths(&inherited));
        std::env::join_paths(all).unwrap_or(inherited).to_string_lossy().into_owned()
    }
}

/// A proxy of the user's must not be asked for loopback addresses.
fn no_proxy() -> String {
    let own = "127.0.0.1,localhost";
    match std::env::var("NO_PROXY").or_else(|_| std::env::var("no_proxy")) {
        Ok(inherited) if !inherited.is_empty() => format!("{inherited},{own}"),
        _ => own.to_owned(),
    }
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.with_context(|| format!("can't write `{}`", path.display()))
}
