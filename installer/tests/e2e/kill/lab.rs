//! A sandbox account of its own, where nothing happens but what these tests do.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use runvoy_sandbox::{
    Layout, Sandbox,
    proxy::{Call, Caller},
};
use serde_json::{Value, json};

use crate::{
    http,
    world::{RUNTIME, artifact},
};

static LAB: OnceLock<Lab> = OnceLock::new();

pub struct Lab {
    pub sandbox: Sandbox,
    scratch: tempfile::TempDir,
    turn: Mutex<()>,
    zips: [PathBuf; 2],
}

impl Lab {
    pub fn get() -> &'static Self {
        LAB.get_or_init(|| {
            let sandbox = RUNTIME.block_on(Sandbox::start(&Layout::named("e2e-kill").unwrap())).unwrap();
            // More networks than a fresh account may have.
            sandbox.script().quota("L-F678F1CE", 100.0);
            let scratch = tempfile::tempdir().unwrap();
            let zips = [artifact(&sandbox).to_owned(), scratch.path().join("other.zip")];
            fs::write(&zips[1], commented(fs::read(&zips[0]).unwrap())).unwrap();
            Self { sandbox, scratch, turn: Mutex::new(()), zips }
        })
    }

    /// What is told from all calls of the account needs the account for itself.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    }

    /// The code, and the same code in another zip.
    pub fn zip(&self, other: bool) -> &Path {
        &self.zips[usize::from(other)]
    }

    pub fn mark(&self) -> u64 {
        self.sandbox.calls().last().map_or(0, |call| call.seq)
    }

    /// The calls of the program since the mark that are of a kind that changes something.
    pub fn changes(&self, mark: u64) -> Vec<Call> {
        let calls = self.sandbox.calls_since(mark).into_iter();
        calls.filter(|call| call.caller == Caller::Client && call.is_mutation()).collect()
    }

    pub fn json(&self, service: &str, target: &str, body: &Value) -> Value {
        RUNTIME.block_on(self.sandbox.engine().json(service, target, body)).unwrap()
    }

    /// A form that needs no escapes; the reply is XML, whatever its status.
    pub fn query(&self, service: &str, form: &str) -> String {
        RUNTIME.block_on(self.sandbox.engine().query(service, form)).unwrap().1
    }

    pub fn get_json(&self, service: &str, path: &str) -> Value {
        let (status, body) = RUNTIME.block_on(self.sandbox.engine().get(service, path)).unwrap();
        assert_eq!(status, 200, "{path}");
        serde_json::from_slice(&body).unwrap()
    }

    pub fn s3(&self, path: &str) -> String {
        http::s3(&self.sandbox, "GET", path, "")
    }

    /// As if nobody had used ECS in this account yet.
    pub fn forget_service_linked_role(&self) {
        let reply = self.query("iam", "Action=DeleteRole&Version=2010-05-08&RoleName=AWSServiceRoleForEcs");
        assert!(reply.contains("DeleteRoleResponse") || reply.contains("NoSuchEntity"), "{reply}");
    }

    /// How many there are of what a deployment has for itself: tables, networks, roles.
    pub fn inventory(&self) -> [usize; 3] {
        let (mut tables, mut ask) = (0, json!({}));
        loop {
            let page = self.json("dynamodb", "DynamoDB_20120810.ListTables", &ask);
            tables += page["TableNames"].as_array().unwrap().len();
            match &page["LastEvaluatedTableName"] {
                Value::Null => break,
                last => ask = json!({ "ExclusiveStartTableName": last }),
            }
        }
        let vpcs = self.query("ec2", "Action=DescribeVpcs&Version=2016-11-15");
        let roles = self.query("iam", "Action=ListRoles&Version=2010-05-08&MaxItems=1000");
        let roles = roles.matches("<RoleName>").count() - roles.matches("<RoleName>AWSServiceRoleFor").count();
        [tables, vpcs.matches("<vpcId>").count(), roles]
    }
}

/// The same zip with a comment at its end.
fn commented(mut zip: Vec<u8>) -> Vec<u8> {
    let length = zip.len() - 2;
    zip[length..].copy_from_slice(&5_u16.to_le_bytes());
    zip.extend(b"other");
    zip
}
