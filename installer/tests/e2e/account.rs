//! Accounts beside the one that most tests share, for tests that fill them or script what is true of a whole account.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Child, Command},
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use runvoy_api::infra::name;
use runvoy_sandbox::{
    Layout, REGION, Sandbox,
    proxy::{
        Call, Caller,
        script::{Script, StackScript},
    },
};
use serde_json::{Value, json};

use crate::{
    http,
    world::{self, RUNTIME, Ran},
};

/// The quota of networks in a region.
const VPCS: &str = "L-F678F1CE";

/// An empty account on a sandbox of its own.
pub struct Account {
    pub sandbox: Sandbox,
    scratch: tempfile::TempDir,
    artifact: PathBuf,
}

/// The one that tests share which keep to deployments of their own.
static SHARED: LazyLock<Account> = LazyLock::new(|| Account::start("e2e-shared"));

impl Account {
    pub fn shared() -> &'static Self {
        &SHARED
    }

    pub fn start(name: &str) -> Self {
        let sandbox = RUNTIME.block_on(Sandbox::start(&Layout::named(name).unwrap())).unwrap();
        let artifact = world::artifact(&sandbox).to_owned();
        // Each deployment has a network, and none is removed.
        sandbox.script().quota(VPCS, 1000.0);
        Self { sandbox, scratch: tempfile::tempdir().unwrap(), artifact }
    }

    /// What one machine makes of one deployment, which need not exist yet.
    pub fn deployment(&self, name: &str) -> Deployment<'_> {
        Deployment { account: self, name: name.to_owned(), mark: AtomicUsize::new(0) }
    }

    pub fn script(&self) -> &Script {
        self.sandbox.script()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// One CloudFormation call past the proxy; status and XML.
    pub fn cloudformation(&self, action: &str, fields: &[(&str, &str)]) -> (u16, String) {
        RUNTIME.block_on(self.sandbox.engine().query("cloudformation", &world::form(action, fields))).unwrap()
    }

    /// One call by the query protocol through the proxy, as another program of the same user would make it.
    pub fn as_client(&self, service: &str, form: &str) {
        let mine = self.sandbox.environment();
        let (_, key_id) = mine.iter().find(|(name, _)| name == "AWS_ACCESS_KEY_ID").unwrap();
        let scope = format!("AWS4-HMAC-SHA256 Credential={key_id}/20260101/{REGION}/{service}/aws4_request");
        let headers = [("authorization", scope.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let reply = http::send(self.sandbox.endpoint(), "POST", "/", &headers, form);
        assert_eq!(reply.status, 200, "{}", reply.body);
    }

    pub fn aws(&self, service: &str, target: &str, body: &Value) -> Value {
        RUNTIME.block_on(self.sandbox.engine().json(service, target, body)).unwrap()
    }
}

/// One deployment and the config file that knows its key.
pub struct Deployment<'a> {
    pub account: &'a Account,
    pub name: String,
    /// The number of its calls that are not asked for any more.
    mark: AtomicUsize,
}

impl Deployment<'_> {
    pub fn config(&self) -> PathBuf {
        self.account.file(&format!("{}.yaml", self.name))
    }

    pub fn bucket_stack(&self) -> String {
        name::bucket_stack(&self.name)
    }

    /// The bucket's own name.
    pub fn bucket(&self) -> String {
        let engine = self.account.sandbox.engine();
        name::bucket(&self.name, engine.account(), engine.region())
    }

    /// Makes (`PUT`) or removes (`DELETE`) its bucket, past the proxy.
    pub fn put_bucket(&self, method: &str) {
        http::s3(&self.account.sandbox, method, &format!("/{}", self.bucket()), "");
    }

    /// `runvoy init` for it, as a script would run it.
    pub fn command(&self, more: &[&str]) -> Command {
        let email = format!("{}@example.com", self.name);
        let artifact = self.account.artifact.display().to_string();
        let args = world::init_args(&self.name, &email);
        let args = [&args[..], &["--artifact", &artifact, "--no-probe"], more].concat();
        let mut command = world::command(&self.account.sandbox, &args);
        command.current_dir(self.account.scratch.path()).env("RUNVOY_CONFIG", self.config());
        command
    }

    pub fn init(&self, more: &[&str]) -> Ran {
        self.command(more).output().unwrap().into()
    }

    pub fn spawn(&self, more: &[&str]) -> Child {
        self.command(more).spawn().unwrap()
    }

    /// From now on calls are those to come.
    pub fn forget_calls(&self) {
        self.mark.store(self.all_calls().len(), Ordering::Relaxed);
    }

    /// The calls of `runvoy` about this deployment, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.all_calls().split_off(self.mark.load(Ordering::Relaxed))
    }

    fn all_calls(&self) -> Vec<Call> {
        let calls = self.account.sandbox.calls_about(&self.name).into_iter();
        calls.filter(|call| call.caller == Caller::Client).collect()
    }

    /// What was asked to be changed, of any service.
    pub fn mutations(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::is_mutation).collect()
    }

    /// What CloudFormation was asked to change of one stack.
    pub fn changes(&self, stack: &str) -> Vec<String> {
        let id = format!(":stack/{stack}/");
        let about =
            |call: &Call| call.service == "cloudformation" && (call.detail == stack || call.detail.contains(&id));
        self.mutations().into_iter().filter(about).map(|call| call.action).collect()
    }

    /// Begins a story of its main stack, or of its bucket stack.
    pub fn story(&self, stack: &str) -> StackScript {
        self.account.script().stack(stack).deployment(&self.name)
    }

    pub fn status(&self, stack: &str) -> String {
        let (_, reply) = self.account.cloudformation("DescribeStacks", &[("StackName", stack)]);
        world::element(&reply, "StackStatus").to_owned()
    }

    /// All that matters of where it stands, with nothing in it that differs from one deployment to the next.
    #[track_caller]
    pub fn state(&self) -> Value {
        let whoami = self.run(&["--profile", &self.name, "whoami", "--json"]).code(0).json();
        let rows = |table: &str| {
            let table = json!({ "TableName": format!("{}-{table}", self.name) });
            let reply = self.account.aws("dynamodb", "DynamoDB_20120810.Scan", &table);
            reply["Items"].as_array().unwrap().clone()
        };
        let keys = rows("api-keys");
        let active = keys.iter().filter(|row| row["revoked"]["BOOL"] == false).count();
        let audit: Vec<_> = rows("audit").iter().map(|row| row["action"]["S"].clone()).collect();
        json!({
            "bucket stack": self.stack_state(&self.bucket_stack()),
            "main stack": self.stack_state(&self.name),
            "objects": self.objects(),
            "keys": [keys.len(), active],
            "audit": audit,
            "role": whoami["role"],
        })
    }

    /// Status, the operations so far, and the change sets that are left.
    fn stack_state(&self, stack: &str) -> Value {
        let (_, events) = self.account.cloudformation("DescribeStackEvents", &[("StackName", stack)]);
        let own = |event: &&str| event.contains(&format!("<LogicalResourceId>{stack}</LogicalResourceId>"));
        let operations: Vec<_> = events
            .split("<member>")
            .filter(own)
            .map(|event| world::element(event, "ResourceStatus").to_owned())
            .collect();
        let (_, sets) = self.account.cloudformation("ListChangeSets", &[("StackName", stack)]);
        let open = sets.matches("<ExecutionStatus>AVAILABLE<").count();
        json!([self.status(stack), operations, open])
    }

    /// The kinds of objects in the bucket, and how many of each.
    fn objects(&self) -> Value {
        let path = format!("/{}?list-type=2", self.bucket());
        let (status, listed) = RUNTIME.block_on(self.account.sandbox.engine().get("s3", &path)).unwrap();
        assert_eq!(status, 200);
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let keys = || listed.split("<Key>").skip(1).filter_map(|rest| rest.split_once('/')).map(|(folder, _)| folder);
        let kinds: BTreeSet<_> = keys().collect();
        kinds.into_iter().map(|kind| (kind.to_owned(), keys().filter(|key| *key == kind).count())).collect()
    }

    /// Any other command of this machine.
    pub fn run(&self, args: &[&str]) -> Ran {
        let mut command = world::command(&self.account.sandbox, args);
        command.env("RUNVOY_CONFIG", self.config()).output().unwrap().into()
    }
}

/// Kills a program that a fault holds at a call, and waits until nothing of that call can happen any more.
pub fn kill_at(fault: &runvoy_sandbox::proxy::script::Fault, mut child: Child) {
    RUNTIME.block_on(fault.reached());
    child.kill().unwrap();
    child.wait().unwrap();
    RUNTIME.block_on(fault.gone());
}
