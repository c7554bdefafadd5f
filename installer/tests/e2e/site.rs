//! A deployment of a test's own, with its own config file, in the shared sandbox or another one.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::OnceLock,
};

use runvoy_sandbox::{
    Sandbox,
    proxy::{Call, Caller},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::world::{self, Ran, World};

pub struct Site<'a> {
    pub sandbox: &'a Sandbox,
    pub name: &'static str,
    home: tempfile::TempDir,
}

impl<'a> Site<'a> {
    /// Nothing yet. The deployment's name must be no other test's.
    pub fn new(sandbox: &'a Sandbox, name: &'static str) -> Self {
        Self { sandbox, name, home: tempfile::tempdir().unwrap() }
    }

    /// The same deployment from another machine.
    pub fn elsewhere(&self) -> Self {
        Self::new(self.sandbox, self.name)
    }

    pub fn config(&self) -> PathBuf {
        self.home.path().join("config.yaml")
    }

    /// The files beside the config, which is one of them.
    pub fn files(&self) -> Vec<String> {
        let names = fs::read_dir(self.home.path()).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    /// Any command, with this deployment's config.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = world::command(self.sandbox, args);
        command.current_dir(self.home.path()).env("RUNVOY_CONFIG", self.config());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// `init` that asks nothing and runs no probe, with the first artifact unless `more` says otherwise.
    pub fn init_command(&self, more: &[&str]) -> Command {
        let artifact = artifact(1).display().to_string();
        let mut args = vec!["init", "--yes", "--stack-name", self.name];
        if !more.iter().any(|arg| ["--artifact", "--rollback", "--reissue-admin-key"].contains(arg)) {
            args.extend(["--artifact", &artifact, "--architecture", ARCHITECTURE]);
        }
        self.command(&[&args[..], &["--no-probe"], more].concat())
    }

    pub fn init(&self, more: &[&str]) -> Ran {
        let ran = Ran::from(self.init_command(more).output().unwrap());
        // A pipe gets plain lines.
        assert!(!ran.stderr.contains(['\u{1b}', '\r']), "{:?}", ran.stderr);
        ran
    }

    /// The first `init`.
    pub fn install(&self) -> Ran {
        self.init(&["--admin-email", "admin@example.com"]).code(0)
    }

    /// The key in the config file.
    pub fn key(&self) -> String {
        let config = fs::read_to_string(self.config()).unwrap();
        let key = config.split("sk_live_").nth(1).unwrap_or_else(|| panic!("no key"));
        let digits = key.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
        format!("sk_live_{digits}")
    }

    /// The API's address in the config file.
    pub fn endpoint(&self) -> String {
        let config = fs::read_to_string(self.config()).unwrap();
        let endpoint = config.lines().find_map(|line| line.trim().strip_prefix("api_endpoint:")).unwrap();
        endpoint.trim().trim_matches(['"', '\'']).to_owned()
    }

    pub fn mark(&self) -> u64 {
        self.sandbox.calls().last().map_or(0, |call| call.seq)
    }

    /// The CLI's calls since the mark that are about this deployment.
    pub fn calls(&self, mark: u64) -> Vec<Call> {
        let calls = self.sandbox.calls_since(mark).into_iter();
        calls.filter(|call| call.caller == Caller::Client && call.detail.contains(self.name)).collect()
    }

    /// The actions of those that may have changed something.
    pub fn mutations(&self, mark: u64) -> Vec<String> {
        self.calls(mark).into_iter().filter(Call::is_mutation).map(|call| call.action).collect()
    }

    /// One AWS call past the proxy.
    pub fn aws(&self, service: &str, target: &str, body: &Value) -> Value {
        world::wait(self.sandbox.engine().json(service, target, body)).unwrap()
    }

    /// One CloudFormation call past the proxy; the reply is XML.
    pub fn cloudformation(&self, action: &str, fields: &[(&str, &str)]) -> String {
        let form = world::form(action, fields);
        let (status, reply) = world::wait(self.sandbox.engine().query("cloudformation", &form)).unwrap();
        assert_eq!(status, 200, "{reply}");
        reply
    }

    /// What the main stack is made from.
    pub fn template(&self) -> String {
        let reply = self.cloudformation("GetTemplate", &[("StackName", self.name)]);
        unescape(between(&reply, "<TemplateBody>", "</TemplateBody>"))
    }

    /// Changes the main stack's template behind everybody's back.
    pub fn edit_template(&self, edit: impl FnOnce(&str) -> String) {
        let before = self.template();
        let after = edit(&before);
        assert_ne!(before, after);
        let previous = [("1", "ArtifactBucket"), ("2", "ArtifactKey")].map(|(number, name)| {
            let field = |field| format!("Parameters.member.{number}.{field}");
            [(field("ParameterKey"), name), (field("UsePreviousValue"), "true")]
        });
        let fixed =
            [("StackName", self.name), ("TemplateBody", &after), ("Capabilities.member.1", "CAPABILITY_NAMED_IAM")];
        let parameters = previous.iter().flatten().map(|(name, value)| (name.as_str(), *value));
        self.cloudformation("UpdateStack", &fixed.into_iter().chain(parameters).collect::<Vec<_>>());
        self.until_status("UPDATE_COMPLETE");
    }

    pub fn status(&self) -> String {
        let reply = self.cloudformation("DescribeStacks", &[("StackName", self.name)]);
        between(&reply, "<StackStatus>", "</StackStatus>").to_owned()
    }

    pub fn until_status(&self, wanted: &str) {
        world::until(wanted, || (self.status() == wanted).then_some(()));
    }

    /// The hash of the code that a function runs.
    pub fn code(&self) -> String {
        let path = format!("/2015-03-31/functions/{}-api/configuration", self.name);
        let (status, body) = world::wait(self.sandbox.engine().get("lambda", &path)).unwrap();
        assert_eq!(status, 200);
        serde_json::from_slice::<Value>(&body).unwrap()["CodeSha256"].as_str().unwrap().to_owned()
    }

    pub fn rows(&self, table: &str) -> Vec<Value> {
        let table = format!("{}-{table}", self.name);
        let reply = self.aws("dynamodb", "DynamoDB_20120810.Scan", &json!({ "TableName": table }));
        reply["Items"].as_array().unwrap().clone()
    }
}

pub use world::ARCHITECTURE;

/// A zip of the real orchestrator. Those of other numbers are other zips of the same.
pub fn artifact(number: usize) -> &'static Path {
    static ARTIFACTS: [OnceLock<PathBuf>; 2] = [OnceLock::new(), OnceLock::new()];
    ARTIFACTS[number - 1].get_or_init(|| {
        let world = World::get();
        let path = world.file(&format!("artifact-{number}.zip"));
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        let options =
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored).unix_permissions(0o755);
        zip.start_file("bootstrap", options).unwrap();
        zip.write_all(&fs::read(world.bootstrap()).unwrap()).unwrap();
        zip.start_file("number", options).unwrap();
        write!(zip, "{number}").unwrap();
        zip.finish().unwrap();
        path
    })
}

/// A `cargo` that waits before it builds, as one with much to do would.
pub struct SlowCargo(PathBuf);

impl SlowCargo {
    pub fn new(name: &str) -> Self {
        let directory = World::get().file(name);
        fs::create_dir(&directory).unwrap();
        let wait = format!("touch {0}/begun; while [ ! -e {0}/go ]; do sleep 0.02; done", directory.display());
        let script = format!(
            "#!/bin/sh\nif [ \"$1 $2\" = 'lambda build' ]; then {wait}; fi\nPATH=${{PATH#*:}} exec cargo \"$@\"\n"
        );
        let cargo = directory.join("cargo");
        fs::write(&cargo, script).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        Self(directory)
    }

    /// Has a command build with it, in the checkout.
    pub fn apply(&self, command: &mut Command) {
        let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
        let path = [self.0.clone()].into_iter().chain(env::split_paths(&path));
        command.env("PATH", env::join_paths(path).unwrap()).current_dir(World::get().root());
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn until_begun(&self) {
        world::until("the build has begun", || self.0.join("begun").exists().then_some(()));
    }

    pub fn go(&self) {
        fs::write(self.0.join("go"), "").unwrap();
    }
}

pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} in {text}")).0
}

pub fn unescape(xml: &str) -> String {
    let xml = xml.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#x27;", "'");
    xml.replace("&#39;", "'").replace("&apos;", "'").replace("&#xA;", "\n").replace("&#13;", "\r").replace("&amp;", "&")
}
