//! One sandbox with the product deployed, shared by all tests of this binary.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio},
    sync::{LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use runvoy_sandbox::{CLEARED, Layout, REGION, Sandbox, proxy::Call, set_by_cargo};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::http;

pub const ADMIN: &str = "admin@example.com";

/// Runs the proxy and local Fargate for as long as the tests run.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static WORLD: OnceLock<World> = OnceLock::new();

pub struct World {
    sandbox: Sandbox,
    scratch: tempfile::TempDir,
    turn: Mutex<()>,
    /// What the first `init` printed.
    pub first_init: Ran,
    pub endpoint: String,
    pub admin_key: String,
}

/// What one run of the program left behind.
#[derive(Debug, Clone)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("not ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no `{text}` in stderr: {}", self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

impl World {
    /// The deployment, made by the first test that asks for it.
    pub fn get() -> &'static Self {
        WORLD.get_or_init(|| {
            let layout = Layout::named("e2e").unwrap();
            let sandbox = RUNTIME.block_on(Sandbox::start(&layout)).unwrap();
            // Each deployment has a network, and AWS allows few.
            sandbox.script().quota("L-F678F1CE", 100.0);
            let scratch = tempfile::tempdir().unwrap();
            let mut init = command(&sandbox, &init_args("runvoy", ADMIN));
            let first_init = Ran::from(init.current_dir(layout.root()).output().unwrap()).code(0);
            // Nothing is late here, so that nobody has to wait for what is.
            let settings = command(&sandbox, &["admin", "config", "log_grace=0"]).output().unwrap();
            Ran::from(settings).code(0);
            let config = std::fs::read_to_string(layout.config()).unwrap();
            let field = |name: &str| {
                let line = config.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
                line.trim_start_matches(':').trim().trim_matches(['"', '\'']).to_owned()
            };
            let (endpoint, admin_key) = (field("api_endpoint"), field("api_key"));
            Self { sandbox, scratch, turn: Mutex::new(()), first_init, endpoint, admin_key }
        })
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub fn root(&self) -> &Path {
        self.sandbox.layout().root()
    }

    pub fn config(&self) -> PathBuf {
        self.sandbox.layout().config()
    }

    /// A path that nothing is at yet.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = command(&self.sandbox, args);
        command.current_dir(self.scratch.path());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs `init` for another deployment, or again for the first.
    pub fn init(&self, stack: &str, email: &str) -> Ran {
        self.command(&init_args(stack, email)).current_dir(self.root()).output().unwrap().into()
    }

    /// Runs it as somebody else, who has nothing but this key.
    pub fn run_as(&self, key: &str, args: &[&str]) -> Ran {
        let mut command = self.command(args);
        command.env_remove("RUNVOY_CONFIG").env("HOME", self.scratch.path());
        command.env("RUNVOY_ENDPOINT", &self.endpoint).env("RUNVOY_API_KEY", key).output().unwrap().into()
    }

    pub fn spawn(&self, args: &[&str]) -> Running {
        Running::new(self.command(args).spawn().unwrap())
    }

    /// Adds a user and returns their key.
    pub fn add_user(&self, email: &str, role: &str) -> String {
        self.run(&["admin", "add-user", email, "--role", role]).code(0).stdout.trim().to_owned()
    }

    /// The AWS calls since the mark, by the deployed functions or by the CLI.
    pub fn calls_since(&self, mark: u64) -> Vec<Call> {
        self.sandbox.calls_since(mark)
    }

    /// The place of the newest call.
    pub fn mark(&self) -> u64 {
        self.sandbox.calls().last().map_or(0, |call| call.seq)
    }

    /// One AWS call past the proxy, to look at what is there.
    pub fn aws(&self, service: &str, target: &str, body: &Value) -> Value {
        RUNTIME.block_on(self.sandbox.engine().json(service, target, body)).unwrap()
    }

    /// The same for services that speak in forms; the reply is XML.
    pub fn aws_query(&self, service: &str, form: &str) -> String {
        let (status, body) = RUNTIME.block_on(self.sandbox.engine().query(service, form)).unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Calls a deployed function with an event, as AWS would, and waits for what it returns.
    pub fn invoke(&self, name: &str, event: &Value) -> Value {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let (key_id, ..) = self.sandbox.function_credentials();
        let scope = format!("AWS4-HMAC-SHA256 Credential={key_id}/20260101/{REGION}/lambda/aws4_request");
        let engine = self.sandbox.engine().base();
        let reply = http::send(engine, "POST", &path, &[("authorization", &scope)], &event.to_string());
        assert_eq!((reply.status, reply.header("x-amz-function-error")), (200, ""), "{}", reply.body);
        reply.json()
    }

    /// The environment variables of a deployed function.
    pub fn function_environment(&self, name: &str) -> BTreeMap<String, String> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        let (status, body) = RUNTIME.block_on(self.sandbox.engine().get("lambda", &path)).unwrap();
        assert_eq!(status, 200);
        let configuration: Value = serde_json::from_slice(&body).unwrap();
        serde_json::from_value(configuration["Environment"]["Variables"].clone()).unwrap()
    }

    /// Deployments, and what is told from them by its calls, take turns.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the deployed functions sign with.
    pub fn function_credentials(&self) -> Vec<(&str, String)> {
        let (key_id, secret, token) = self.sandbox.function_credentials();
        let pairs = [("AWS_ACCESS_KEY_ID", key_id), ("AWS_SECRET_ACCESS_KEY", secret), ("AWS_SESSION_TOKEN", token)];
        pairs.map(|(name, value)| (name, value.to_owned())).into()
    }

    /// What the CLI signs with.
    pub fn client_credentials(&self) -> Vec<(&'static str, String)> {
        let mine = self.sandbox.environment();
        let value = |name: &str| mine.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap();
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, value(name))).into()
    }

    /// What the functions run, in a file that nobody writes to.
    pub fn bootstrap(&self) -> &Path {
        static BOOTSTRAP: OnceLock<PathBuf> = OnceLock::new();
        BOOTSTRAP.get_or_init(|| {
            let (zip, loose) = (self.file("functions.zip"), self.file("loose"));
            let build = ["build", "--architecture", ARCHITECTURE, "--output", zip.to_str().unwrap()];
            Ran::from(self.command(&build).current_dir(self.root()).output().unwrap()).code(0);
            zip::ZipArchive::new(std::fs::File::open(zip).unwrap()).unwrap().extract(&loose).unwrap();
            // By another process: a program that this one has open for writing can't be started.
            let path = self.file("bootstrap");
            assert!(Command::new("cp").arg(loose.join("bootstrap")).arg(&path).status().unwrap().success());
            path
        })
    }

    /// The deployed artifact as a server of its own, configured like the deployed function.
    pub fn serve(&self, credentials: &[(&str, String)]) -> Server {
        self.serve_as("runvoy-api", credentials)
    }

    /// The same as another deployment's function.
    pub fn serve_as(&self, function: &str, credentials: &[(&str, String)]) -> Server {
        let mut child = Command::new(self.bootstrap())
            .env_clear()
            .envs(self.function_environment(function))
            .envs(credentials.iter().map(|(name, value)| (name, value)))
            .env("AWS_REGION", REGION)
            .env("AWS_ENDPOINT_URL", self.sandbox.endpoint())
            .env("RUNVOY_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = line(&mut BufReader::new(child.stdout.take().unwrap())).trim().to_owned();
        Server { child, address }
    }

    /// The record of an execution, once it is over.
    pub fn ended(&self, id: &str) -> Value {
        until("the execution is over", || {
            let record = self.run(&["status", id, "--json"]).code(0).json();
            let open = ["queued", "starting", "running", "stopping"].contains(&record["status"].as_str().unwrap());
            (!open).then_some(record)
        })
    }
}

/// A call of the query protocol.
pub fn form(action: &str, fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
    };
    let fields = fields.iter().map(|(name, value)| format!("&{name}={}", escape(value)));
    format!("Action={action}{}", fields.collect::<String>())
}

/// The text of the first element of this name; empty if there is none.
pub fn element<'a>(xml: &'a str, name: &str) -> &'a str {
    let found = xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    found.map_or("", |(text, _)| text)
}

/// The one that the functions run on here.
pub const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };

pub fn init_args<'a>(stack: &'a str, email: &'a str) -> [&'a str; 8] {
    ["init", "--yes", "--stack-name", stack, "--admin-email", email, "--architecture", ARCHITECTURE]
}

/// Waits for what runs beside the tests.
pub fn wait<T>(what: impl Future<Output = T>) -> T {
    RUNTIME.block_on(what)
}

/// The functions' code, built once, for deployments of no checkout.
pub fn artifact(sandbox: &Sandbox) -> &'static Path {
    static ARTIFACT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, zip) = ARTIFACT.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let zip = directory.path().join("orchestrator.zip");
        let mut build = command(sandbox, &["build", "--architecture", ARCHITECTURE, "--output", zip.to_str().unwrap()]);
        Ran::from(build.current_dir(sandbox.layout().root()).output().unwrap()).code(0);
        (directory, zip)
    });
    zip
}

/// The program, at work on a sandbox.
pub fn command(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runvoy"));
    apply(sandbox, command.args(args));
    // Colours and prompts are for terminals; this is none.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Makes a program work on a sandbox.
pub fn apply(sandbox: &Sandbox, command: &mut Command) {
    command.envs(sandbox.environment());
    // What is slow here is this machine.
    command.env("RUNVOY_PREFLIGHT_SECONDS", "60");
    for name in CLEARED.map(OsString::from).into_iter().chain(set_by_cargo()) {
        command.env_remove(name);
    }
}

/// Asks again until there is an answer. For what the product itself does in the background and tells nobody.
#[track_caller]
pub fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(180), "still not so after 180 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server that ends with its test.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program that runs, read line by line.
pub struct Running {
    child: Child,
    pub stdout: BufReader<ChildStdout>,
    pub stderr: BufReader<ChildStderr>,
}

impl Running {
    pub fn new(mut child: Child) -> Self {
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// The id on the first line of stderr.
    pub fn execution_id(&mut self) -> String {
        let line = line(&mut self.stderr);
        line.trim_end().rsplit(' ').next().unwrap().to_owned()
    }

    /// Waits for its end; what was read before is not in it.
    pub fn end(self) -> Ran {
        use std::io::Read as _;
        let Self { mut child, mut stdout, mut stderr } = self;
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut output = String::new();
        stdout.read_to_string(&mut output).unwrap();
        let code = child.wait().unwrap().code().expect("not ended by a signal");
        Ran { code, stdout: output, stderr: errors.join().unwrap() }
    }
}

pub fn line(from: &mut impl std::io::BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).unwrap();
    line
}
