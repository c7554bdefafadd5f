//! One test for each status that CloudFormation has for a stack.

use std::{
    collections::BTreeSet,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use runvoy_sandbox::proxy::script::{Effect, Event, Match, StackScript};

use crate::{
    account::{Account, Deployment, kill_at},
    world::{RUNTIME, Ran, form},
};

const UPDATED: [&str; 2] = ["CreateChangeSet", "ExecuteChangeSet"];
const MADE_ANEW: [&str; 3] = ["DeleteStack", "CreateChangeSet", "ExecuteChangeSet"];
const NOTHING: [&str; 0] = [];

/// A test for each status, and the list of them.
macro_rules! statuses {
    ($($status:literal $test:ident $body:block)*) => {
        $(#[test] fn $test() $body)*
        const TESTED: &[&str] = &[$($status),*];
    };
}

statuses! {
    "REVIEW_IN_PROGRESS" only_a_name { only_a_name_is_made_a_stack_by_the_change_set_of_the_interrupted_run() }
    "CREATE_IN_PROGRESS" create_in_progress { a_running_creation_is_seen_through() }
    "CREATE_COMPLETE" create_complete { compared("CREATE_COMPLETE") }
    "CREATE_FAILED" create_failed { remains_go("s-cf", "CREATE_FAILED") }
    "ROLLBACK_IN_PROGRESS" rollback_in_progress { anothers_failed_creation_is_seen_through() }
    "ROLLBACK_COMPLETE" rollback_complete { remains_go("s-rc", "ROLLBACK_COMPLETE") }
    "ROLLBACK_FAILED" rollback_failed { data_outlives_the_remains() }
    "DELETE_IN_PROGRESS" delete_in_progress { a_deletion_is_waited_out() }
    "DELETE_COMPLETE" delete_complete { what_was_deleted_is_made_anew_around_its_data() }
    "DELETE_FAILED" delete_failed { what_holds_data_is_for_destroy() }
    "UPDATE_IN_PROGRESS" update_in_progress { seen_through("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE") }
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" update_complete_cleanup_in_progress {
        seen_through("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE")
    }
    "UPDATE_COMPLETE" update_complete { compared("UPDATE_COMPLETE") }
    "UPDATE_FAILED" update_failed { updated("UPDATE_FAILED") }
    "UPDATE_ROLLBACK_IN_PROGRESS" update_rollback_in_progress {
        seen_through("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
    }
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" update_rollback_complete_cleanup_in_progress {
        seen_through("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE")
    }
    "UPDATE_ROLLBACK_COMPLETE" update_rollback_complete { updated("UPDATE_ROLLBACK_COMPLETE") }
    "UPDATE_ROLLBACK_FAILED" update_rollback_failed { a_rollback_is_finished_first() }
    "IMPORT_IN_PROGRESS" import_in_progress { seen_through("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE") }
    "IMPORT_COMPLETE" import_complete { compared("IMPORT_COMPLETE") }
    "IMPORT_ROLLBACK_IN_PROGRESS" import_rollback_in_progress {
        seen_through("IMPORT_ROLLBACK_IN_PROGRESS", "IMPORT_ROLLBACK_COMPLETE")
    }
    "IMPORT_ROLLBACK_FAILED" import_rollback_failed { only_aws_leads_out_of_it() }
    "IMPORT_ROLLBACK_COMPLETE" import_rollback_complete { updated("IMPORT_ROLLBACK_COMPLETE") }
}

/// The page has AWS's own list: a test of the table's sees to that.
#[test]
fn every_status_is_tested() {
    let page = include_str!("../../../docs/stack-statuses.md");
    let listed: BTreeSet<_> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!((TESTED.len(), TESTED.iter().copied().collect::<BTreeSet<_>>()), (23, listed));
}

/// A deployment that works, and of which each test shows another state. They take turns.
struct Settled {
    deployment: Deployment<'static>,
    /// The answer that each test changes.
    days: &'static str,
}

static SETTLED: LazyLock<Mutex<Settled>> = LazyLock::new(|| {
    let deployment = Account::shared().deployment("s-old");
    deployment.init(&["--log-retention-days", "30"]).code(0);
    Mutex::new(Settled { deployment, days: "30" })
});

fn settled() -> MutexGuard<'static, Settled> {
    let settled = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
    settled.deployment.forget_calls();
    settled
}

impl Settled {
    fn story(&self) -> StackScript {
        self.deployment.story(&self.deployment.name)
    }

    fn again(&self) -> Ran {
        self.deployment.init(&[])
    }

    fn change(&mut self) -> Ran {
        self.days = if self.days == "30" { "60" } else { "30" };
        self.deployment.init(&["--log-retention-days", self.days])
    }

    /// What CloudFormation was asked to change; nothing may have been refused.
    #[track_caller]
    fn changes(&self) -> Vec<String> {
        let refused: Vec<_> = self.deployment.mutations().into_iter().filter(|call| call.status != Some(200)).collect();
        assert!(refused.is_empty(), "{refused:?}");
        assert_eq!(self.deployment.changes(&self.deployment.bucket_stack()), NOTHING);
        self.deployment.changes(&self.deployment.name)
    }
}

/// A stack in the middle of an operation: it has begun, init finds it in this status at its `look`, and there it stays until
/// its events have been read.
fn busy(story: StackScript, status: &str, look: usize) -> StackScript {
    let verb = status.split('_').next().filter(|verb| *verb != "ROLLBACK").unwrap_or("CREATE");
    let story = story.status(&format!("{verb}_IN_PROGRESS"), "").polls(look - 1).then(status, "").polls(1);
    story.then(status, "").until("DescribeStackEvents")
}

fn compared(status: &str) {
    let mut settled = settled();
    settled.story().status(status, "");
    settled.again().code(0);
    assert_eq!(settled.deployment.mutations().len(), 0);
    settled.change().code(0);
    assert_eq!(settled.changes(), UPDATED);
}

fn updated(status: &str) {
    let mut settled = settled();
    settled.story().status(status, "");
    settled.change().code(0);
    assert_eq!(settled.changes(), UPDATED);
    // What such a stack was last told to be need not be what it is, so AWS is asked even where nothing has changed.
    settled.story().status(status, "");
    settled.deployment.forget_calls();
    settled.again().code(0);
    assert_eq!(settled.changes(), ["CreateChangeSet", "DeleteChangeSet"]);
}

/// The first look is the one for what is there already.
fn seen_through(status: &str, end: &str) {
    let mut settled = settled();
    busy(settled.story(), status, 2).then(end, "");
    settled.change().code(0).says(&format!("is `{status}`"));
    assert_eq!(settled.changes(), UPDATED);
}

fn only_a_name_is_made_a_stack_by_the_change_set_of_the_interrupted_run() {
    let account = Account::shared();
    let deployment = account.deployment("s-rv");
    let stack = deployment.bucket_stack();
    let held = account.script().on(Match::client("cloudformation", "CreateChangeSet").about(&stack), Effect::HoldAfter);
    kill_at(&held, deployment.spawn(&[]));
    assert_eq!(deployment.status(&stack), "REVIEW_IN_PROGRESS");
    deployment.forget_calls();
    deployment.init(&[]).code(0);
    assert_eq!(deployment.changes(&stack), UPDATED);
    // The name was taken: by the one that was executed then.
    let made = deployment.calls().into_iter().find(|call| call.action == "CreateChangeSet").unwrap();
    assert_eq!(made.status, Some(400));
}

fn a_running_creation_is_seen_through() {
    let account = Account::shared();
    let deployment = account.deployment("s-ci");
    let stack = deployment.bucket_stack();
    let executed = Match::client("cloudformation", "ExecuteChangeSet").about(&stack);
    kill_at(&account.script().on(executed, Effect::HoldAfter), deployment.spawn(&[]));
    busy(deployment.story(&stack), "CREATE_IN_PROGRESS", 2).then("CREATE_COMPLETE", "");
    deployment.forget_calls();
    deployment.init(&[]).code(0).says("is `CREATE_IN_PROGRESS`");
    assert_eq!(deployment.changes(&stack), NOTHING);
    assert_eq!(deployment.changes(&deployment.name), UPDATED);
}

/// In an account that takes its time.
#[test]
fn ones_own_creation_is_known_by_its_token_and_goes_on() {
    let account = Account::start("e2e-again");
    account.script().pace(0.05);
    let deployment = account.deployment("s-ag");
    let second = |action| Match::client("cloudformation", action).about("s-ag").nth(2);
    let made = account.script().on(second("CreateChangeSet"), Effect::HoldBefore);
    let executed = account.script().on(second("ExecuteChangeSet"), Effect::HoldAfter);
    let run = deployment.spawn(&[]);
    RUNTIME.block_on(made.reached());
    // The bucket stands. What comes now takes half a minute: enough for a busy machine to come and look.
    account.script().pace(0.5);
    made.release();
    kill_at(&executed, run);
    deployment.forget_calls();
    let again =
        deployment.init(&[]).code(0).says("stack `s-ag`: going on with the creation that an earlier run of this");
    assert!(!again.stderr.contains("adopted"), "{}", again.stderr);
    assert_eq!((deployment.changes("s-ag"), deployment.changes("s-ag-bucket")), (vec![], vec![]));

    // Somebody else's operation is only waited for.
    account.script().pace(6.0);
    let executed = Match::client("cloudformation", "ExecuteChangeSet").about("s-ag");
    let other = ["--log-retention-days", "90"];
    kill_at(&account.script().on(executed, Effect::HoldAfter), deployment.spawn(&other));
    account.script().pace(0.05);
    deployment.forget_calls();
    let ran = deployment.init(&["--log-retention-days", "60"]).code(0).says("is `UPDATE_IN_PROGRESS`");
    assert!(!ran.stderr.contains("going on with"), "{}", ran.stderr);
    assert_eq!(deployment.changes("s-ag"), UPDATED);
    RUNTIME.block_on(account.sandbox.stop());
}

/// A bucket stack that never worked.
fn remains_go(name: &str, status: &str) {
    let deployment = Account::shared().deployment(name);
    let stack = deployment.bucket_stack();
    deployment.story(&stack).status(status, "");
    deployment.init(&[]).code(0).says(&format!("is `{status}`"));
    assert_eq!(deployment.changes(&stack), MADE_ANEW);
    assert_eq!(deployment.status(&stack), "CREATE_COMPLETE");
}

fn anothers_failed_creation_is_seen_through() {
    let deployment = Account::shared().deployment("s-ri");
    let stack = deployment.bucket_stack();
    busy(deployment.story(&stack), "ROLLBACK_IN_PROGRESS", 2).then("ROLLBACK_COMPLETE", "");
    deployment.init(&[]).code(0).says("is `ROLLBACK_IN_PROGRESS`").says("is `ROLLBACK_COMPLETE`");
    assert_eq!(deployment.changes(&stack), MADE_ANEW);
}

fn data_outlives_the_remains() {
    let deployment = Account::shared().deployment("s-rf");
    deployment.init(&[]).code(0);
    let before = deployment.state();
    deployment.story(&deployment.name).status("ROLLBACK_FAILED", "");
    deployment.forget_calls();
    assert!(!deployment.init(&[]).code(0).stdout.contains("sk_live_"));
    assert_eq!(deployment.changes(&deployment.name), MADE_ANEW);
    let after = deployment.state();
    assert_eq!((&after["keys"], &after["audit"]), (&before["keys"], &before["audit"]));
}

fn a_deletion_is_waited_out() {
    let account = Account::shared();
    let deployment = account.deployment("s-di");
    deployment.init(&[]).code(0);
    let before = deployment.state();
    busy(deployment.story(&deployment.name), "DELETE_IN_PROGRESS", 2).then("DELETE_COMPLETE", "");
    let read = Match::client("cloudformation", "DescribeStackEvents").about(":stack/s-di/").nth(2);
    let held = account.script().on(read, Effect::HoldBefore);
    deployment.forget_calls();
    let run = deployment.spawn(&[]);
    RUNTIME.block_on(held.reached());
    delete_stack(&deployment);
    held.release();
    let ran = Ran::from(run.wait_with_output().unwrap()).code(0).says("is `DELETE_IN_PROGRESS`");
    assert!(!ran.stdout.contains("sk_live_"), "{}", ran.stdout);
    assert_eq!(deployment.changes(&deployment.name), UPDATED);
    assert_eq!(deployment.state()["keys"], before["keys"]);
}

fn what_was_deleted_is_made_anew_around_its_data() {
    let deployment = Account::shared().deployment("s-dc");
    deployment.init(&[]).code(0);
    let before = deployment.state();
    delete_stack(&deployment);
    deployment.forget_calls();
    let ran = deployment.init(&[]).code(0).says("will be adopted");
    assert!(!ran.stdout.contains("sk_live_"), "{}", ran.stdout);
    assert_eq!(deployment.changes(&deployment.name), UPDATED);
    assert_eq!(deployment.state()["keys"], before["keys"]);
}

/// Deletes the main stack past the proxy, as somebody might in the console.
fn delete_stack(deployment: &Deployment<'_>) {
    let (status, reply) = deployment.account.cloudformation("DeleteStack", &[("StackName", &deployment.name)]);
    assert_eq!(status, 200, "{reply}");
    crate::world::until("the stack is gone", || deployment.status(&deployment.name).is_empty().then_some(()));
}

fn what_holds_data_is_for_destroy() {
    let account = Account::shared();
    let deployment = account.deployment("s-df");
    deployment.init(&[]).code(0);
    // AWS deletes no bucket that holds objects.
    let stack = deployment.bucket_stack();
    account.as_client("cloudformation", &form("DeleteStack", &[("StackName", &stack)]));
    deployment.forget_calls();
    let refused = deployment.init(&[]).code(5).says(&deployment.bucket()).says("holds data");
    refused.says("`runvoy destroy --stack-name s-df --region us-east-1`");
    assert_eq!(deployment.mutations().len(), 0);
}

#[test]
fn what_can_not_be_deleted_and_holds_nothing_is_left_behind() {
    let account = Account::shared();
    let deployment = account.deployment("s-dl");
    let stack = deployment.bucket_stack();
    let story = deployment.story(&stack).status("DELETE_FAILED", "").until("DeleteStack");
    let story = story.then("DELETE_IN_PROGRESS", "").until("DescribeStackEvents");
    story
        .then("DELETE_FAILED", "The following resource(s) failed to delete: [Role]. ")
        .until("DeleteStack")
        .then("DELETE_COMPLETE", "");
    let member = "<LogicalResourceId>Role</LogicalResourceId><PhysicalResourceId>stuck-role</PhysicalResourceId>\
                  <ResourceType>AWS::IAM::Role</ResourceType><ResourceStatus>DELETE_FAILED</ResourceStatus>";
    let body = format!(
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>{member}</member>\
         </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>"
    );
    let listed = Match::client("cloudformation", "ListStackResources").about(":stack/s-dl-bucket/").always();
    let reply = Effect::Reply { status: 200, content_type: "text/xml".into(), body };
    let listed = account.script().on(listed, reply);
    deployment.init(&[]).code(0).says("`stuck-role` (`AWS::IAM::Role`, `Role`) can't be deleted and is left behind");
    assert_eq!(deployment.changes(&stack), [&["DeleteStack"], &MADE_ANEW[..]].concat());
    assert!(listed.fired() > 0);
}

fn a_rollback_is_finished_first() {
    let mut settled = settled();
    let failed = || settled.story().status("UPDATE_ROLLBACK_FAILED", "").until("ContinueUpdateRollback");
    let again = || failed().then("UPDATE_ROLLBACK_IN_PROGRESS", "").until("DescribeStackEvents");
    let stuck = Event::failed("ApiFunction", "AWS::Lambda::Function", "UPDATE_FAILED", "the role is gone");
    again().then("UPDATE_ROLLBACK_FAILED", "").event(stuck);
    let ran = settled.again().code(1).says("the role is gone").says("failed and is now `UPDATE_ROLLBACK_FAILED`");
    ran.says("--resources-to-skip ApiFunction");
    assert_eq!(settled.changes(), ["ContinueUpdateRollback"]);

    again().then("UPDATE_ROLLBACK_COMPLETE", "");
    settled.deployment.forget_calls();
    settled.change().code(0).says("is `UPDATE_ROLLBACK_FAILED`");
    assert_eq!(settled.changes(), [&["ContinueUpdateRollback"], &UPDATED[..]].concat());
}

fn only_aws_leads_out_of_it() {
    let settled = settled();
    settled.story().status("IMPORT_ROLLBACK_FAILED", "no such role");
    let ran = settled
        .deployment
        .init(&["--log-retention-days", "14"])
        .code(5)
        .says("stuck in `IMPORT_ROLLBACK_FAILED`, and nothing was changed");
    ran.says("no such role").says("describe-stack-events --region us-east-1 --stack-name s-old");
    assert_eq!(settled.deployment.mutations().len(), 0);
    settled.story().own();
}

#[test]
fn a_failed_update_of_an_interrupted_run_is_explained_and_tried_again() {
    let mut settled = settled();
    let account = settled.deployment.account;
    let cause = Event::failed("ApiFunction", "AWS::Lambda::Function", "UPDATE_FAILED", "Rate exceeded");
    let story = settled.story().own().until("ExecuteChangeSet").then("UPDATE_IN_PROGRESS", "").event(cause).polls(1);
    let story = story.then("UPDATE_ROLLBACK_IN_PROGRESS", "").polls(1);
    let story = story.then("UPDATE_ROLLBACK_IN_PROGRESS", "").until("DescribeStackEvents");
    story.then("UPDATE_ROLLBACK_COMPLETE", "");
    let executed = Match::client("cloudformation", "ExecuteChangeSet").about("s-old");
    let held = account.script().on(executed, Effect::HoldAfter);
    settled.days = "90";
    let more = ["--log-retention-days", "90"];
    kill_at(&held, settled.deployment.spawn(&more));
    let run = || settled.deployment.init(&more);
    run().code(1).says("is now `UPDATE_ROLLBACK_COMPLETE`").says("Rate exceeded").says("wait a minute");
    let changes = || settled.deployment.changes("s-old");
    assert_eq!(changes(), UPDATED, "and no second time");
    run().code(0);
    assert_eq!(changes(), [UPDATED, UPDATED].concat());
}
