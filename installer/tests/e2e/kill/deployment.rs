//! One deployment of the lab: what is done to it, and what it has become.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use runvoy_api::infra;
use runvoy_sandbox::proxy::{
    Call,
    script::{Effect, Fault, Match},
};
use tokio::time::timeout;

use super::lab::Lab;
use crate::world::{ARCHITECTURE, RUNTIME, Ran, command};

/// How long a call that is about to be killed may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(180);

pub struct Deployment {
    pub lab: &'static Lab,
    pub name: String,
    pub home: PathBuf,
}

/// What an admin does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Install,
    Update,
    RollBack,
    Reissue,
}

impl Act {
    pub const ALL: [Self; 4] = [Self::Install, Self::Update, Self::RollBack, Self::Reissue];

    /// How many keys its runs show, all together.
    pub fn keys(self) -> usize {
        usize::from(matches!(self, Self::Install | Self::Reissue))
    }
}

/// A mutating call: which, about what, and the how manyth of its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    pub service: String,
    pub action: String,
    /// Without the deployment's name, and without hashes and times.
    pub about: String,
    pub number: usize,
}

impl Change {
    /// Whether it is about the whole account, which all deployments share.
    pub fn is_shared(&self) -> bool {
        !self.about.contains("NAME")
    }
}

impl Deployment {
    pub fn new(lab: &'static Lab, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { lab, home: lab.directory(&name), name }
    }

    pub fn command(&self, act: Act) -> Command {
        let zip = self.lab.zip(act == Act::Update).to_str().unwrap();
        let what: &[&str] = match act {
            Act::Install => &["--admin-email", "ann@example.com", "--architecture", ARCHITECTURE, "--artifact", zip],
            Act::Update => &["--update", "--viewer", "cloudfront", "--log-retention-days", "30", "--artifact", zip],
            Act::RollBack => &["--rollback"],
            Act::Reissue => &["--reissue-admin-key"],
        };
        let probe: &[&str] = if act == Act::Reissue { &[] } else { &["--no-probe"] };
        self.program(&[&["init", "--yes", "--stack-name", &self.name], what, probe].concat())
    }

    pub fn program(&self, args: &[&str]) -> Command {
        let mut command = command(&self.lab.sandbox, args);
        command.current_dir(&self.home).env("RUNVOY_CONFIG", self.home.join("config.yaml"));
        command
    }

    pub fn run(&self, act: Act) -> Ran {
        if act == Act::Update {
            self.age();
        }
        self.again(act)
    }

    /// The same command, after it was killed.
    pub fn again(&self, act: Act) -> Ran {
        self.command(act).output().unwrap().into()
    }

    /// Runs it until it makes this change, and kills it there: before the change takes effect or, as `after`, when it did
    /// and nobody has heard of it.
    pub fn killed(&self, act: Act, change: &Change, after: bool) -> String {
        if act == Act::Update {
            self.age();
        }
        let mark = self.lab.mark();
        let effect = if after { Effect::HoldAfter } else { Effect::HoldBefore };
        let about = if change.is_shared() { &change.about } else { &self.name };
        let matching = Match::client(&change.service, &change.action).about(about).nth(change.number);
        let stdout = self.killed_at(&mut self.command(act), matching, effect);
        let about = |call: &Call| change.is_shared() || call.detail.contains(&self.name);
        let calls: Vec<_> = self.lab.changes(mark).into_iter().filter(about).collect();
        let hit = calls.iter().find(|call| call.fault.is_some()).unwrap();
        assert_eq!(hit.status, after.then_some(200), "{hit:?}");
        let wanted = (&change.service, &change.action, &change.about);
        let hit = self.changes(std::slice::from_ref(hit)).remove(0);
        if change.action != "UpdateTable" {
            assert_eq!((&hit.service, &hit.action, &hit.about), wanted);
        }
        stdout
    }

    /// Runs a command until it meets this effect, which holds it, and kills it there; what it has printed.
    pub fn killed_at(&self, command: &mut Command, matching: Match, effect: Effect) -> String {
        let (fault, child) = self.held_at(command, matching, effect);
        let stdout = end(child);
        RUNTIME.block_on(async { timeout(PATIENCE, fault.gone()).await }).expect("the caller is gone");
        assert_eq!(fault.fired(), 1);
        stdout
    }

    /// Runs a command until it meets this effect, which holds it.
    pub fn held_at(&self, command: &mut Command, matching: Match, effect: Effect) -> (Fault, Child) {
        let fault = self.lab.sandbox.script().on(matching, effect);
        let mut child = command.spawn().unwrap();
        if RUNTIME.block_on(async { timeout(PATIENCE, fault.reached()).await }).is_err() {
            child.kill().unwrap();
            panic!("never came to {fault}: {:?}", child.wait_with_output());
        }
        (fault, child)
    }

    /// These calls, so that they can be compared with those of other deployments.
    pub fn changes(&self, calls: &[Call]) -> Vec<Change> {
        let mut numbers = BTreeMap::new();
        let change = |call: &Call| {
            let number = numbers.entry((call.service.clone(), call.action.clone())).or_insert(0);
            *number += 1;
            let detail = call.detail.replace(&self.name, "NAME");
            let about = match call.service.as_str() {
                "s3" => detail.rsplit_once('/').map_or(detail.as_str(), |(folder, _)| folder).to_owned(),
                _ => detail,
            };
            Change { service: call.service.clone(), action: call.action.clone(), about, number: *number }
        };
        calls.iter().map(change).collect()
    }

    /// What took effect since the mark, each as often as it did, in no order.
    pub fn effects(&self, mark: u64) -> Vec<(String, String)> {
        let calls = self.lab.changes(mark).into_iter();
        let calls: Vec<_> = calls.filter(|call| call.status.is_some_and(|status| status < 300)).collect();
        let calls: Vec<_> = calls.into_iter().filter(|call| call.detail.contains(&self.name)).collect();
        let mut effects: Vec<_> =
            self.changes(&calls).into_iter().map(|change| (change.action, change.about)).collect();
        effects.sort();
        effects
    }

    /// Makes the bucket stack look as if an earlier release of the program had made it.
    fn age(&self) {
        let stack = format!("{}-bucket", self.name);
        let template = self.template(&stack).replace("ExpirationInDays: 7", "ExpirationInDays: 8");
        let encoded: String = template
            .bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
            .collect();
        let tag = format!("&Tags.member.1.Key={}&Tags.member.1.Value={}", infra::TAG, self.name);
        let form = format!("Action=UpdateStack&StackName={stack}&TemplateBody={encoded}{tag}");
        let reply = self.lab.query("cloudformation", &form);
        assert!(reply.contains("UpdateStackResult"), "{reply}");
        crate::world::until("the bucket stack is older", || {
            let described = self.lab.query("cloudformation", &format!("Action=DescribeStacks&StackName={stack}"));
            described.contains("<StackStatus>UPDATE_COMPLETE<").then_some(())
        });
    }

    /// The admin's key, and that there is nothing else in the file.
    pub fn key(&self) -> String {
        let config = fs::read_to_string(self.home.join("config.yaml")).unwrap();
        let keys: Vec<_> = config.lines().filter(|line| line.contains("sk_live_")).collect();
        assert_eq!(keys.len(), 1, "{config}");
        let key = keys[0].trim().strip_prefix("api_key: ").unwrap_or_else(|| panic!("{config}"));
        key.to_owned()
    }

    pub fn whoami(&self) -> Ran {
        self.program(&["--profile", &self.name, "whoami"]).stdin(Stdio::null()).output().unwrap().into()
    }
}

/// `kill -9`; what it has printed.
pub fn end(mut child: Child) -> String {
    child.kill().unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}
