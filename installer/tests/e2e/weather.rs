//! AWS on a bad day: throttled, failing, forgetful. The run completes, and nothing is done twice.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use runvoy_sandbox::proxy::{
    Call, Caller,
    script::{Effect, Fault, Match},
};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    account::{Account, Deployment},
    world::{RUNTIME, Ran, until},
};

/// A first installation in good weather.
struct Clean {
    /// What it changed, in order.
    mutations: Vec<Call>,
    effects: Vec<String>,
    state: Value,
}

static CLEAN: LazyLock<Clean> = LazyLock::new(|| {
    let deployment = Account::shared().deployment("w-clean");
    deployment.init(&[]).code(0);
    let mutations = deployment.mutations();
    assert!(mutations.iter().all(|call| call.status == Some(200)), "{mutations:?}");
    Clean { effects: effects(&deployment), mutations, state: deployment.state() }
});

/// The changes that took effect, comparable between deployments: in any order, for some are made side by side.
fn effects(deployment: &Deployment<'_>) -> Vec<String> {
    let done = deployment.mutations().into_iter().filter(|call| call.status == Some(200));
    let mut effects: Vec<_> = done.map(|call| effect(&call, &deployment.name)).collect();
    effects.sort();
    effects
}

/// Hashes and numbers differ from one to the next.
fn effect(call: &Call, name: &str) -> String {
    let detail = call.detail.replace(name, "NAME");
    let words = detail.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let plain = |word: &str| if word.contains(|c: char| c.is_ascii_digit()) { "#".into() } else { word.to_owned() };
    format!("{} {} {}", call.service, call.action, words.map(plain).collect::<String>())
}

/// The run came to the same end as in good weather.
#[track_caller]
fn same_end(deployment: &Deployment<'_>, ran: &Ran) {
    assert_eq!(ran.stdout.matches("sk_live_").count(), 1, "{}", ran.stdout);
    assert_eq!(deployment.state(), CLEAN.state);
}

#[test]
fn credentials_expire_once_and_then_a_poll_is_throttled_twenty_times() {
    let account = Account::shared();
    let deployment = account.deployment("w-slow");
    let poll = || Match::client("cloudformation", "DescribeStackEvents").about(":stack/w-slow/");
    let expired = account.script().on(poll().nth(2), Effect::ExpiredToken);
    let throttled = account.script().on(poll().nth(3).times(20), Effect::Throttle);
    let ran = deployment.init(&[]).code(0);
    assert_eq!((expired.fired(), throttled.fired()), (1, 20));
    same_end(&deployment, &ran);
    assert_eq!(effects(&deployment), CLEAN.effects);
    // Pauses grow, and have an end.
    let calls = deployment.calls();
    let at = |call: &Call| OffsetDateTime::parse(&call.at, &Rfc3339).unwrap();
    let times: Vec<_> = calls.iter().filter(|call| call.fault == Some("throttle")).map(at).collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_seconds_f64()).collect();
    let (sum, longest) = (pauses.iter().sum::<f64>(), pauses.iter().copied().fold(0.0, f64::max));
    // The client's own are 3 s at most; a busy machine adds to them. Without an end, the last would take days.
    assert!(sum > 5.0 && longest < 20.0, "{pauses:?}");
}

#[test]
fn what_changes_something_is_throttled() {
    let account = Account::shared();
    let deployment = account.deployment("w-many");
    let calls = [("cloudformation", "ExecuteChangeSet"), ("s3", "PutObject"), ("dynamodb", "TransactWriteItems")];
    let throttle = |(service, action): (&str, &str)| {
        account.script().on(Match::client(service, action).about("w-many").times(2), Effect::Throttle)
    };
    let faults = calls.map(throttle);
    let ran = deployment.init(&[]).code(0);
    assert!(faults.iter().all(|fault| fault.fired() == 2));
    same_end(&deployment, &ran);
    assert_eq!(effects(&deployment), CLEAN.effects);
}

/// One after the other, the reply to each call that changes something is lost.
#[test]
fn every_reply_may_get_lost() {
    let next = AtomicUsize::new(1);
    let count = CLEAN.mutations.len();
    assert!(count > 10, "{:?}", CLEAN.mutations);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > count {
                        return;
                    }
                    lose(number);
                }
            });
        }
    });
}

fn lose(number: usize) {
    let account = Account::shared();
    let deployment = account.deployment(&format!("w-l{number:02}"));
    let lost = account.script().on(Match::mutation().about(&deployment.name).nth(number), Effect::LoseReply);
    let ran = deployment.init(&[]).code(0);
    let call = deployment.calls().into_iter().find(|call| call.fault.is_some());
    assert_eq!((lost.fired(), call.as_ref().and_then(|call| call.status)), (1, Some(200)), "{call:?}");
    same_end(&deployment, &ran);
    // What was asked for again is what had been asked for; nothing else was done for it.
    let distinct = |effects: Vec<String>| effects.into_iter().collect::<BTreeSet<_>>();
    let expected = distinct(CLEAN.effects.clone());
    assert_eq!(distinct(effects(&deployment)), expected, "without the reply to {call:?}");
}

#[test]
fn credentials_are_read_again_when_they_have_expired() {
    let account = Account::shared();
    let deployment = account.deployment("w-file");
    let file = account.file("w-file-credentials");
    let mine = account.sandbox.environment();
    let key = |name: &str| mine.iter().find(|(known, _)| known == name).unwrap().1.clone();
    let (good, secret) = (key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY"));
    write_credentials(&file, &good, &secret);
    let execute = Match::client("cloudformation", "ExecuteChangeSet").about("w-file-bucket");
    let held = account.script().on(execute, Effect::HoldBefore);
    let mut command = deployment.command(&[]);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let run = command.env("AWS_SHARED_CREDENTIALS_FILE", &file).spawn().unwrap();
    RUNTIME.block_on(held.reached());
    // They are over, and there are none that AWS would take; somebody signs in when it has been seen to try.
    write_credentials(&file, "AKIAOLDANDUSELESS000", &secret);
    let poll = Match::client("cloudformation", "DescribeStackEvents").about("w-file");
    let expired = account.script().on(poll, Effect::ExpiredToken);
    held.release();
    let strangers = || account.sandbox.calls().into_iter().filter(|call| call.caller == Caller::Stranger).count();
    until("the useless credentials were tried", || (strangers() > 0).then_some(()));
    write_credentials(&file, &good, &secret);
    let ran = Ran::from(run.wait_with_output().unwrap()).code(0);
    assert_eq!(expired.fired(), 1);
    same_end(&deployment, &ran);
    assert_eq!(effects(&deployment), CLEAN.effects);
}

fn write_credentials(file: &Path, key_id: &str, secret: &str) {
    let text = format!("[default]\naws_access_key_id = {key_id}\naws_secret_access_key = {secret}\n");
    fs::write(file, text).unwrap();
}

/// What is about an account as a whole, one after the other.
#[test]
fn an_account_of_its_own() {
    let account = Account::start("e2e-weather");
    every_call_fails_once(&account);
    permissions_are_looked_at_first(&account);
    a_full_account_is_left_alone(&account);
    what_hangs_is_unknown_in_time(&account);
    without_new_credentials_it_ends_and_goes_on_with_them(&account);
}

/// Calls that change something, each, and one of each kind of those that look.
fn every_call_fails_once(account: &Account) {
    let first = account.deployment("w-one");
    first.init(&[]).code(0);
    let calls = || account.sandbox.calls().into_iter().filter(|call| call.caller == Caller::Client);
    let reads: BTreeSet<_> =
        calls().filter(|call| !call.is_mutation()).map(|call| (call.service, call.action)).collect();
    assert!(reads.len() > 15, "{reads:?}");
    let mutations: Vec<_> = calls().filter(Call::is_mutation).collect();
    assert!(mutations.iter().any(|call| call.action == "CreateServiceLinkedRole"), "{mutations:?}");
    delete_service_linked_role(account);

    let mut faults: Vec<Fault> = Vec::new();
    for (service, action) in &reads {
        faults.push(account.script().on(Match::client(service, action), Effect::Status(500)));
    }
    for call in &mutations {
        // The same thing of another deployment; what is named by its hash, by the place that it is put at.
        let about = call.detail.rsplit_once('/').map_or(call.detail.as_str(), |(place, _)| place);
        // The bucket stack's name has the main stack's in it, and comes first, twice.
        let before =
            |other: &&Call| other.action == call.action && other.detail.contains(about) && other.seq < call.seq;
        let nth = 1 + 2 * mutations.iter().filter(before).count();
        let matching = Match::client(&call.service, &call.action).about(&about.replace("w-one", "w-two")).nth(nth);
        faults.push(account.script().on(matching, Effect::Status(500)));
    }
    let second = account.deployment("w-two");
    let ran = second.init(&[]).code(0);
    let unfired: Vec<_> = faults.iter().filter(|fault| fault.fired() != 1).map(ToString::to_string).collect();
    assert!(unfired.is_empty(), "{unfired:?}");
    assert_eq!(ran.stdout.matches("sk_live_").count(), 1);
    assert_eq!(second.state(), first.state());
    assert_eq!(effects(&second), effects(&first));
}

/// As in an account that never used ECS. The engine has its own name for the role.
fn delete_service_linked_role(account: &Account) {
    let form = "Action=DeleteServiceLinkedRole&Version=2010-05-08&RoleName=AWSServiceRoleForEcs";
    let (status, reply) = RUNTIME.block_on(account.sandbox.engine().query("iam", form)).unwrap();
    assert_eq!(status, 200, "{reply}");
}

fn permissions_are_looked_at_first(account: &Account) {
    let deployment = account.deployment("w-role");
    account.script().assume_role("deployer", &["iam:CreateRole"]);
    let ran = deployment.init(&[]).code(3).says("✗ permissions").says("not allowed to you: `iam:CreateRole`");
    ran.says(":assumed-role/deployer/");
    account.script().assume_role("deployer", &[]);
    deployment.init(&["--dry-run"]).code(0).says("✓ permissions");
    assert_eq!(deployment.mutations().len(), 0);
    assert!(!account.sandbox.calls().iter().any(|call| call.is_mutation() && call.detail.contains("w-role")));
}

fn a_full_account_is_left_alone(account: &Account) {
    let deployment = account.deployment("w-full");
    account.script().quota("L-F678F1CE", 2.0);
    deployment.init(&[]).code(3).says("✗ vpcs").says("`--network existing`").says("--desired-value");
    account.script().quota("L-F678F1CE", 1000.0);
    assert_eq!(deployment.mutations().len(), 0);
}

fn what_hangs_is_unknown_in_time(account: &Account) {
    let deployment = account.deployment("w-hang");
    let look = || {
        let began = Instant::now();
        let alarm = ["--dry-run", "--alarm-email", "ops@example.com"];
        let ran = deployment.command(&alarm).env_remove("RUNVOY_PREFLIGHT_SECONDS").output().unwrap();
        (Ran::from(ran).code(0), began.elapsed())
    };
    let (_, usual) = look();
    let slow = Effect::Delay(Duration::from_secs(40));
    let hangs = [("servicequotas", "GetServiceQuota"), ("iam", "SimulatePrincipalPolicy"), ("ec2", "DescribeVpcs")];
    let faults =
        hangs.map(|(service, action)| account.script().on(Match::client(service, action).always(), slow.clone()));
    let (ran, took) = look();
    assert!(faults.iter().all(|fault| fault.fired() > 0));
    for check in ["permissions", "vpcs", "fargate-vcpus", "choices"] {
        assert!(ran.stderr.contains(&format!("? {check}")), "{check}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("no answer within 4.0 seconds"), "{}", ran.stderr);
    // It says so itself, and it is no more than that: a busy machine takes longer for all of it.
    assert!(took < usual + Duration::from_secs(20), "{took:?} instead of {usual:?}");
}

fn without_new_credentials_it_ends_and_goes_on_with_them(account: &Account) {
    account.script().clear();
    let deployment = account.deployment("w-over");
    let over = |service, action: &str, from| {
        account.script().on(Match::client(service, action).nth(from).always(), Effect::ExpiredToken)
    };
    let faults = [over("cloudformation", "DescribeStackEvents", 1), over("sts", "GetCallerIdentity", 2)];
    deployment.init(&[]).code(1).says("the AWS credentials have expired").says("sign in again");
    assert!(faults.iter().all(|fault| fault.fired() > 0));
    account.script().clear();
    let ran = deployment.init(&[]).code(0);
    assert_eq!(ran.stdout.matches("sk_live_").count(), 1);
}
