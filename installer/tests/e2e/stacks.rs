//! Stacks that the engine itself has brought into the state they are found in.

use runvoy_sandbox::proxy::script::{Effect, Match};

use crate::{
    account::Account,
    world::{RUNTIME, Ran, form, until},
};

const QUEUE: &str = "Resources: { Queue: { Type: AWS::SQS::Queue } }";
const UPDATED: [&str; 2] = ["CreateChangeSet", "ExecuteChangeSet"];

#[test]
fn a_failed_creation_is_explained_and_the_next_run_goes_on() {
    let account = Account::shared();
    let deployment = account.deployment("s-fifth");
    let stack = deployment.bucket_stack();
    // Somebody takes the bucket's name when init has just seen it free.
    let made = Match::client("cloudformation", "CreateChangeSet").about(&stack);
    let held = account.script().on(made, Effect::HoldBefore);
    let run = deployment.spawn(&[]);
    RUNTIME.block_on(held.reached());
    deployment.put_bucket("PUT");
    held.release();
    let failed = Ran::from(run.wait_with_output().unwrap()).code(1);
    let failed = failed.says("bucket for the orchestrator's code and uploads").says("already exists");
    let failed = failed.says("exists  nothing").says("runvoy init --stack-name s-fifth");
    assert_eq!(failed.stdout, "");
    assert_eq!(deployment.changes(&stack), UPDATED);
    // Now it is there to be seen.
    deployment.forget_calls();
    deployment.init(&[]).code(3).says("✗ bucket");
    assert_eq!(deployment.mutations().len(), 0);
    deployment.put_bucket("DELETE");
    deployment.init(&[]).code(0);
    assert_eq!((deployment.changes(&stack), deployment.changes("s-fifth")), (words(&UPDATED), words(&UPDATED)));

    // One choice becomes another: one stack changes, once.
    deployment.forget_calls();
    deployment.init(&["--log-retention-days", "14"]).code(0);
    assert_eq!((deployment.changes(&stack), deployment.changes("s-fifth")), (vec![], words(&UPDATED)));
}

#[test]
fn what_interrupted_runs_left_is_healed() {
    let account = Account::shared();
    let deployment = account.deployment("s-sixth");
    let stack = deployment.bucket_stack();
    let set = [("StackName", "s-sixth"), ("ChangeSetName", "runvoy-old"), ("ChangeSetType", "CREATE")];
    // Through the proxy, which else would not know what stack it is of.
    account.as_client("cloudformation", &form("CreateChangeSet", &[&set[..], &[("TemplateBody", QUEUE)]].concat()));
    deployment.put_bucket("PUT");
    let bucket = deployment.bucket();
    let broken =
        format!("Resources: {{ Bucket: {{ Type: AWS::S3::Bucket, Properties: {{ BucketName: {bucket} }} }} }}");
    let tag = [("Tags.member.1.Key", runvoy_api::infra::TAG), ("Tags.member.1.Value", "s-sixth")];
    let create = [("StackName", stack.as_str()), ("TemplateBody", &broken)];
    account.cloudformation("CreateStack", &[&create[..], &tag[..]].concat());
    until("the creation is undone", || (deployment.status(&stack) == "ROLLBACK_COMPLETE").then_some(()));
    deployment.put_bucket("DELETE");

    deployment.forget_calls();
    deployment.init(&[]).code(0).says("`ROLLBACK_COMPLETE`");
    assert_eq!(deployment.changes(&stack), [&["DeleteStack"], &UPDATED[..]].concat());
    assert_eq!(deployment.changes("s-sixth"), [&["DeleteChangeSet"], &UPDATED[..]].concat());
}

#[test]
fn somebody_elses_change_set_is_left_alone() {
    let account = Account::shared();
    let deployment = account.deployment("s-seventh");
    let stack = deployment.bucket_stack();
    let set = [("StackName", stack.as_str()), ("ChangeSetName", "theirs"), ("ChangeSetType", "CREATE")];
    account.cloudformation("CreateChangeSet", &[&set[..], &[("TemplateBody", QUEUE)]].concat());
    deployment.init(&[]).code(5).says("`theirs`").says("--stack-name");
    assert_eq!(deployment.mutations().len(), 0);
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
