//! Stacks in whatever state a removal finds them, and what AWS can't delete.

use runvoy_sandbox::proxy::script::{Effect, Event, Match};

use crate::{
    land::{Deployment, Land},
    world::Ran,
};

/// The statuses of a stack that is there, how a removal gets on from each, and how many deletions that takes.
const STATUSES: [(&str, &str, usize); 20] = [
    ("REVIEW_IN_PROGRESS", "", 1),
    ("CREATE_IN_PROGRESS", "", 1),
    ("CREATE_COMPLETE", "", 1),
    ("CREATE_FAILED", "", 1),
    ("ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE", 1),
    ("ROLLBACK_COMPLETE", "", 1),
    ("ROLLBACK_FAILED", "", 1),
    ("DELETE_IN_PROGRESS", "DELETE_COMPLETE", 0),
    ("DELETE_FAILED", "", 1),
    ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", 1),
    ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE", 1),
    ("UPDATE_COMPLETE", "", 1),
    ("UPDATE_FAILED", "", 1),
    ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", 1),
    ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", 1),
    ("UPDATE_ROLLBACK_COMPLETE", "", 1),
    ("UPDATE_ROLLBACK_FAILED", "", 1),
    ("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE", 1),
    ("IMPORT_COMPLETE", "", 1),
    ("IMPORT_ROLLBACK_FAILED", "", 1),
];

#[test]
fn from_every_status_a_stack_is_removed() {
    let land = Land::get();
    let mine = land.deployment("states");
    std::thread::scope(|scope| {
        for half in 0..2 {
            let mine = &mine;
            scope.spawn(move || {
                for (index, (status, then, deletions)) in
                    STATUSES.iter().enumerate().filter(|(index, _)| index % 2 == half)
                {
                    let name = format!("state{index}x");
                    let script = land.script().stack(&name).status(status, "");
                    if !then.is_empty() {
                        // The look beforehand, and the one that finds it busy: then it comes to rest while it is followed.
                        script.polls(2).then(then, "");
                    }
                    let mark = land.mark();
                    let ran = mine.run(&["destroy", "--yes", "--stack-name", &name]);
                    assert_eq!(ran.code, 0, "{status}: {}", ran.stderr);
                    let changes = land.changes(mark, &name).into_iter().map(|call| call.action).collect::<Vec<_>>();
                    assert_eq!(changes, vec!["DeleteStack"; *deletions], "{status}");
                    assert!(ran.stderr.contains("Nothing of it is left"), "{status}: {}", ran.stderr);
                }
            });
        }
    });
}

#[test]
fn a_stack_of_somebody_else_is_not_touched() {
    let land = Land::get();
    let mine = land.deployment("theirs");
    land.script().stack("theirs").deployment("another").status("CREATE_COMPLETE", "");
    let mark = land.mark();
    mine.destroy(&["--delete-data", "--force", "--disable-protection"]).code(5).says("not part of a runvoy deployment");
    assert_eq!(land.changes(mark, "theirs").len(), 0);
}

#[test]
fn what_came_into_the_bucket_meanwhile_is_cleared_away() {
    let land = Land::get();
    let one = land.deployed("meanwhile");
    let held = land
        .script()
        .on(Match::client("cloudformation", "DeleteStack").about("stack/meanwhile-bucket/"), Effect::HoldBefore);
    let child = one.spawn(&["--delete-data"]);
    Deployment::reached(&held);
    land.s3("PUT", &format!("/{}/late", one.bucket()), "x");
    held.release();
    let ran = Ran::from(child.wait_with_output().unwrap()).code(0);
    assert!(ran.stderr.contains("Nothing of it is left"), "{}", ran.stderr);
    one.is_gone();
}

/// A made-up stack that AWS fails to delete `failures` times, for its firewall.
fn stubborn(land: &Land, name: &str, failures: usize) {
    let failed = || {
        Event::failed(
            "SecurityGroup",
            "AWS::EC2::SecurityGroup",
            "DELETE_FAILED",
            "resource sg-1 has a dependent object",
        )
    };
    let mut script = land.script().stack(name).status("CREATE_COMPLETE", "");
    for _ in 0..failures {
        script = script.until("DeleteStack").then("DELETE_FAILED", "stuck").event(failed());
    }
    script.until("DeleteStack").then("DELETE_COMPLETE", "");
    let members = "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries><member>\
         <LogicalResourceId>SecurityGroup</LogicalResourceId><PhysicalResourceId>sg-1</PhysicalResourceId>\
         <ResourceType>AWS::EC2::SecurityGroup</ResourceType><ResourceStatus>DELETE_FAILED</ResourceStatus>\
         </member></StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>";
    let reply = Effect::Reply { status: 200, content_type: "text/xml".into(), body: members.into() };
    land.script().on(Match::client("cloudformation", "ListStackResources").about(name).always(), reply);
}

#[test]
fn what_aws_can_not_delete_is_tried_again_then_left_and_told() {
    let land = Land::get();
    let mine = land.deployment("stubborn");
    let deletions = |name: &str| land.changes(0, name).into_iter().filter(|call| call.action == "DeleteStack").count();
    // It mostly works the second time.
    stubborn(land, "stubborn-once", 1);
    mine.run(&["destroy", "--yes", "--stack-name", "stubborn-once"]).code(0);
    assert_eq!(deletions("stubborn-once"), 2);
    for (name, flags) in [("stubborn-never", &[][..]), ("stubborn-forced", &["--force"])] {
        stubborn(land, name, 3);
        let ran = mine.run(&[&["destroy", "--yes", "--stack-name", name], flags].concat()).code(4);
        assert!(ran.stderr.contains("AWS can't delete `sg-1`"), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("delete-resource --type-name AWS::EC2::SecurityGroup --identifier 'sg-1'"),
            "{}",
            ran.stderr
        );
        assert_eq!(deletions(name), 4);
    }
    // One that fails for no reason that AWS tells ends with what is known, and is gone on with by the same command.
    land.script()
        .stack("stubborn-mute")
        .status("CREATE_COMPLETE", "")
        .until("DeleteStack")
        .then("DELETE_FAILED", "no reason");
    let failed = mine.run(&["destroy", "--yes", "--stack-name", "stubborn-mute"]).code(1);
    failed
        .says("stack `stubborn-mute` failed and is now `DELETE_FAILED`")
        .says("runvoy destroy --stack-name stubborn-mute");
}
