//! A sandbox of its own for removals: what is scripted and counted here is nobody else's.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::OnceLock,
};

use runvoy_api::infra::TABLES;
use runvoy_sandbox::{
    Layout, REGION, Sandbox,
    proxy::{
        Call, Caller,
        script::{Effect, Fault, Match, Script},
    },
};
use serde_json::{Value, json};

use crate::{
    http,
    world::{self, ARCHITECTURE, RUNTIME, Ran, artifact},
};

static LAND: OnceLock<Land> = OnceLock::new();

pub struct Land {
    sandbox: Sandbox,
    scratch: tempfile::TempDir,
}

/// One deployment there, with a config file and a directory of its own.
pub struct Deployment {
    pub name: &'static str,
    pub directory: PathBuf,
}

impl Land {
    pub fn get() -> &'static Self {
        LAND.get_or_init(|| {
            let sandbox = RUNTIME.block_on(Sandbox::start(&Layout::named("e2e-destroy").unwrap())).unwrap();
            // Deployments of all tests at once are more than a new account may have.
            sandbox.script().quota("L-F678F1CE", 50.0);
            Self { sandbox, scratch: tempfile::tempdir().unwrap() }
        })
    }

    pub fn script(&self) -> &Script {
        self.sandbox.script()
    }

    pub fn root(&self) -> &Path {
        self.sandbox.layout().root()
    }

    pub fn account(&self) -> &str {
        self.sandbox.engine().account()
    }

    pub fn endpoint(&self) -> &str {
        self.sandbox.engine().base()
    }

    fn command(&self, directory: &Path, args: &[&str]) -> Command {
        let mut command = world::command(&self.sandbox, args);
        command.env("RUNVOY_CONFIG", directory.join("config.yaml")).current_dir(directory);
        command
    }

    pub fn aws(&self, service: &str, target: &str, body: &Value) -> Value {
        RUNTIME.block_on(self.sandbox.engine().json(service, target, body)).unwrap()
    }

    pub fn query(&self, service: &str, form: &str) -> String {
        let (status, body) = RUNTIME.block_on(self.sandbox.engine().query(service, form)).unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }

    /// One plain S3 call past the proxy.
    pub fn s3(&self, method: &str, path: &str, body: &str) -> String {
        http::s3(&self.sandbox, method, path, body)
    }

    pub fn mark(&self) -> u64 {
        self.sandbox.calls().last().map_or(0, |call| call.seq)
    }

    /// All of the program's own calls since the mark.
    pub fn calls(&self, mark: u64) -> Vec<Call> {
        self.sandbox.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client).collect()
    }

    /// The program's own calls since the mark that change something and are about `text`.
    pub fn changes(&self, mark: u64, text: &str) -> Vec<Call> {
        self.calls(mark).into_iter().filter(|call| call.is_mutation() && call.detail.contains(text)).collect()
    }

    pub fn deployment(&'static self, name: &'static str) -> Deployment {
        let directory = self.scratch.path().join(name);
        std::fs::create_dir(&directory).unwrap();
        Deployment { name, directory }
    }

    /// A deployment that was just made.
    pub fn deployed(&'static self, name: &'static str) -> Deployment {
        let deployment = self.deployment(name);
        deployment.init(&[]).code(0);
        deployment
    }
}

impl Deployment {
    pub fn command(&self, args: &[&str]) -> Command {
        Land::get().command(&self.directory, args)
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    pub fn init(&self, more: &[&str]) -> Ran {
        self.init_command(&[&["--yes"], more].concat()).output().unwrap().into()
    }

    pub fn init_command(&self, more: &[&str]) -> Command {
        let artifact = artifact(&Land::get().sandbox);
        let email = format!("admin@{}.example.com", self.name);
        let args = ["init", "--no-probe", "--stack-name", self.name, "--architecture", ARCHITECTURE];
        self.command(&[&args[..], &["--admin-email", &email, "--artifact", artifact.to_str().unwrap()], more].concat())
    }

    pub fn destroy(&self, more: &[&str]) -> Ran {
        self.run(&self.destroy_args(more))
    }

    pub fn destroy_args<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["destroy", "--yes", "--stack-name", self.name], more].concat()
    }

    pub fn spawn(&self, more: &[&str]) -> Child {
        self.command(&self.destroy_args(more)).spawn().unwrap()
    }

    /// Runs a removal and ends it for good at the call that `matching` picks; whether there was such a call.
    pub fn killed(&self, more: &[&str], matching: Match, effect: Effect) -> Option<Fault> {
        Self::killed_at(self.command(&self.destroy_args(more)), matching, effect)
    }

    /// The same of any command.
    pub fn killed_at(command: Command, matching: Match, effect: Effect) -> Option<Fault> {
        let fault = Land::get().script().on(matching, effect);
        RUNTIME.block_on(async {
            let mut child = tokio::process::Command::from(command).spawn().unwrap();
            let ended = tokio::select! {
                biased;
                () = fault.reached() => false,
                status = child.wait() => status.map(|_| fault.fired() == 0).unwrap(),
            };
            if ended {
                // It came to its end without such a call, and nothing else may stumble over the fault.
                fault.release();
                Ran::from(child.wait_with_output().await.unwrap()).code(0);
                return None;
            }
            // One that has ended meanwhile can't be killed any more.
            let _ = child.start_kill();
            child.wait().await.unwrap();
            fault.gone().await;
            Some(fault)
        })
    }

    pub fn reached(fault: &Fault) {
        let reached = async { tokio::time::timeout(std::time::Duration::from_secs(300), fault.reached()).await };
        assert!(RUNTIME.block_on(reached).is_ok(), "no call has met {fault}");
    }

    pub fn gone(fault: &Fault) {
        RUNTIME.block_on(fault.gone());
    }

    /// Whether new executions are refused by a removal's mark.
    pub fn is_drained(&self) -> bool {
        self.table("api-keys").iter().any(|row| row["draining_by"]["S"] == "destroy")
    }

    /// The rows of all tables that are there, in a fixed order.
    pub fn rows(&self) -> BTreeMap<&'static str, Vec<String>> {
        let land = Land::get();
        let names = land.aws("dynamodb", "DynamoDB_20120810.ListTables", &json!({}));
        let names = names["TableNames"].as_array().unwrap();
        let there = TABLES.iter().filter(|table| names.contains(&json!(table.name(self.name))));
        there
            .map(|table| (table.suffix, self.table(table.suffix).iter().map(Value::to_string).collect()))
            .map(sorted)
            .collect()
    }

    pub fn table(&self, suffix: &str) -> Vec<Value> {
        let body = json!({ "TableName": format!("{}-{suffix}", self.name) });
        Land::get().aws("dynamodb", "DynamoDB_20120810.Scan", &body)["Items"].as_array().unwrap().clone()
    }

    pub fn put(&self, suffix: &str, item: &Value) {
        let body = json!({ "TableName": format!("{}-{suffix}", self.name), "Item": item });
        Land::get().aws("dynamodb", "DynamoDB_20120810.PutItem", &body);
    }

    pub fn bucket(&self) -> String {
        runvoy_api::infra::name::bucket(self.name, Land::get().account(), REGION)
    }

    /// Lines of an exported file.
    pub fn exported(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.join(file)).unwrap();
        sorted(("", text.lines().map(str::to_owned).collect())).1
    }

    pub fn config(&self) -> String {
        std::fs::read_to_string(self.directory.join("config.yaml")).unwrap_or_default()
    }

    /// That nothing but what the names of others say is in the account.
    #[track_caller]
    pub fn is_gone(&self) {
        let land = Land::get();
        assert_eq!(self.rows(), BTreeMap::new());
        let tagged = json!({ "TagFilters": [{ "Key": runvoy_api::infra::TAG, "Values": [self.name] }] });
        let tagged = land.aws("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", &tagged);
        assert_eq!(tagged["ResourceTagMappingList"], json!([]));
        let groups = json!({ "logGroupNamePrefix": format!("/runvoy/{}/", self.name) });
        assert_eq!(land.aws("logs", "Logs_20140328.DescribeLogGroups", &groups)["logGroups"], json!([]));
        let stacks = land.query("cloudformation", "Action=DescribeStacks&Version=2010-05-15");
        for stack in [self.name.to_owned(), format!("{}-bucket", self.name)] {
            assert!(!stacks.contains(&format!("<StackName>{stack}<")), "{stack} is still there");
        }
    }
}

fn sorted<T>((name, mut lines): (T, Vec<String>)) -> (T, Vec<String>) {
    lines.sort();
    (name, lines)
}
