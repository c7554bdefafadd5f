//! Stacks in whatever state they are found.

use runvoy_sandbox::proxy::Caller;

use crate::world::{Ran, World};

/// The changes that the program has asked CloudFormation for since the mark, in order.
fn changes(world: &World, mark: u64) -> Vec<String> {
    let asked = world.calls_since(mark).into_iter().filter(|call| call.caller == Caller::Client);
    let asked = asked.filter(|call| call.service == "cloudformation").map(|call| call.action);
    asked.filter(|action| !["Describe", "Get", "List"].iter().any(|read| action.starts_with(read))).collect()
}

fn init(world: &World, stack: &str, more: &[&str]) -> Ran {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let args = ["init", "--yes", "--stack-name", stack, "--architecture", architecture];
    let args = [&args[..], &["--admin-email", "ann@example.com"], more].concat();
    world.command(&args).current_dir(world.root()).output().unwrap().into()
}

#[test]
fn a_failed_creation_is_explained_and_the_next_run_goes_on() {
    let world = World::get();
    let _turn = world.turn();
    world.bucket("PUT", "fifth");
    let failed = init(world, "fifth", &[]).code(1).says("bucket for the orchestrator's code and uploads");
    let failed = failed.says("already exists").says("exists  nothing").says("runvoy init --stack-name fifth");
    assert_eq!(failed.stdout, "");
    world.bucket("DELETE", "fifth");
    let mark = world.mark();
    init(world, "fifth", &[]).code(0);
    assert_eq!(changes(world, mark), ["CreateChangeSet", "ExecuteChangeSet", "CreateChangeSet", "ExecuteChangeSet"]);

    // One choice becomes another: one stack changes, once.
    let mark = world.mark();
    init(world, "fifth", &["--log-retention-days", "14"]).code(0);
    assert_eq!(changes(world, mark), ["CreateChangeSet", "ExecuteChangeSet"]);
    world.run(&["destroy", "--stack-name", "fifth", "--yes", "--delete-data"]).code(0);
}

#[test]
fn what_interrupted_runs_left_is_healed() {
    let world = World::get();
    let _turn = world.turn();
    let queue = "Resources: { Queue: { Type: AWS::SQS::Queue } }";
    let set = [("StackName", "sixth"), ("ChangeSetName", "runvoy-old"), ("ChangeSetType", "CREATE")];
    world.cloudformation("CreateChangeSet", &[&set[..], &[("TemplateBody", queue)]].concat());
    world.bucket("PUT", "sixth");
    let bucket = runvoy_api::infra::name::bucket("sixth", world.account(), world.region());
    let broken =
        format!("Resources: {{ Bucket: {{ Type: AWS::S3::Bucket, Properties: {{ BucketName: {bucket} }} }} }}");
    let tag = [("Tags.member.1.Key", runvoy_api::infra::TAG), ("Tags.member.1.Value", "sixth")];
    let stack = [("StackName", "sixth-bucket"), ("TemplateBody", &broken)];
    world.cloudformation("CreateStack", &[&stack[..], &tag[..]].concat());
    crate::world::until("the creation is undone", || {
        let reply = world.cloudformation("DescribeStacks", &[("StackName", "sixth-bucket")]);
        reply.contains("<StackStatus>ROLLBACK_COMPLETE<").then_some(())
    });
    world.bucket("DELETE", "sixth");

    let mark = world.mark();
    init(world, "sixth", &[]).code(0).says("`ROLLBACK_COMPLETE`");
    let expected = ["DeleteStack", "CreateChangeSet", "ExecuteChangeSet"];
    assert_eq!(
        changes(world, mark),
        [&expected[..], &["DeleteChangeSet", "CreateChangeSet", "ExecuteChangeSet"]].concat()
    );
    world.run(&["destroy", "--stack-name", "sixth", "--yes", "--delete-data"]).code(0);
}

#[test]
fn somebody_elses_change_set_is_left_alone() {
    let world = World::get();
    let _turn = world.turn();
    let queue = "Resources: { Queue: { Type: AWS::SQS::Queue } }";
    let set = [("StackName", "seventh-bucket"), ("ChangeSetName", "theirs"), ("ChangeSetType", "CREATE")];
    world.cloudformation("CreateChangeSet", &[&set[..], &[("TemplateBody", queue)]].concat());
    let mark = world.mark();
    init(world, "seventh", &[]).code(5).says("`theirs`").says("--stack-name");
    assert_eq!(changes(world, mark), Vec::<String>::new());
}
