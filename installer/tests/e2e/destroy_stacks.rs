//! Stacks in whatever state a removal finds them, and what AWS can't delete.

use runvoy_sandbox::proxy::script::{Effect, Event, Match};
use serde_json::Value;

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

/// What a made-up stack consists of, by AWS's own words: its firewall and subnet.
fn members(statuses: [&str; 2]) -> Effect {
    let member = |logical: &str, physical: &str, kind: &str, status: &str| {
        format!(
            "<member><LogicalResourceId>{logical}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
             <ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus></member>"
        )
    };
    let [group, subnet] = statuses;
    let body = format!(
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{}{}{}\
         </StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>",
        member("SecurityGroup", "sg-1", "AWS::EC2::SecurityGroup", group),
        member("Subnet1", "subnet-1", "AWS::EC2::Subnet", subnet),
        member("AuditTable", "kept-by-the-template", "AWS::DynamoDB::Table", "DELETE_SKIPPED"),
    );
    Effect::Reply { status: 200, content_type: "text/xml".into(), body }
}

/// A made-up stack that AWS fails to delete `failures` times, for its firewall; its subnet it skips then as well.
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
    // One look beforehand, one for the network's interfaces, one after each failure; then what is left.
    let looks = || Match::client("cloudformation", "ListStackResources").about(name);
    land.script().on(looks().times(2 + failures), members(["DELETE_FAILED", "CREATE_COMPLETE"]));
    land.script().on(looks().nth(3 + failures).always(), members(["DELETE_SKIPPED", "DELETE_SKIPPED"]));
}

#[test]
fn what_aws_can_not_delete_is_tried_again_then_left_and_told() {
    let land = Land::get();
    let mine = land.deployment("stubborn");
    // How each deletion was asked for, behind the stack's id.
    let deletions = |name: &str| -> Vec<String> {
        let calls = land.changes(0, name).into_iter().filter(|call| call.action == "DeleteStack");
        calls.map(|call| call.detail.split_once(' ').map_or(String::new(), |(_, how)| how.to_owned())).collect()
    };
    // It mostly works the second time.
    stubborn(land, "stubborn-once", 1);
    mine.run(&["destroy", "--yes", "--stack-name", "stubborn-once"]).code(0);
    assert_eq!(deletions("stubborn-once"), ["", ""]);
    let last = [
        ("stubborn-never", &[][..], "RetainResources=SecurityGroup"),
        ("stubborn-forced", &["--force"], "DeletionMode=FORCE_DELETE_STACK"),
    ];
    for (name, flags, how) in last {
        stubborn(land, name, 3);
        let ran = mine.run(&[&["destroy", "--yes", "--stack-name", name], flags].concat()).code(4);
        assert_eq!(deletions(name), ["", "", "", how]);
        let ran = ran.says("AWS can't delete `sg-1` (`AWS::EC2::SecurityGroup`, `SecurityGroup`)");
        let left: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("left:")).collect();
        let [group, subnet] = left[..] else { panic!("{left:?}") };
        assert!(group.ends_with("aws ec2 delete-security-group --group-id 'sg-1' --region us-east-1"), "{group}");
        assert!(subnet.ends_with("aws ec2 delete-subnet --subnet-id 'subnet-1' --region us-east-1"), "{subnet}");
        ran.says("2 of its resources left in the account");
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

#[test]
fn the_network_goes_once_no_container_is_connected_to_it() {
    let land = Land::get();
    let one = land.deployed("wired");
    let resources = land.query("cloudformation", "Action=ListStackResources&Version=2010-05-15&StackName=wired");
    let group = resources.split("<PhysicalResourceId>").find_map(|part| part.split('<').next()?.strip_prefix("sg-"));
    let looks = || Match::client("ec2", "DescribeNetworkInterfaces").about(&format!("sg-{}", group.unwrap()));
    let busy = |ids: &[&str]| {
        let items = ids.iter().map(|id| format!("<item><networkInterfaceId>{id}</networkInterfaceId></item>"));
        let body = format!(
            "<DescribeNetworkInterfacesResponse><networkInterfaceSet>{}</networkInterfaceSet>\
             </DescribeNetworkInterfacesResponse>",
            items.collect::<String>()
        );
        Effect::Reply { status: 200, content_type: "text/xml".into(), body }
    };
    let two = land.script().on(looks(), busy(&["eni-1", "eni-2"]));
    let last = land.script().on(looks().nth(2), busy(&["eni-1"]));
    let mark = land.mark();
    let ran = one.destroy(&["--delete-data", "--json"]).code(0);
    assert_eq!((two.fired(), last.fired()), (1, 1));

    let events: Vec<Value> = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let waited = events.iter().filter(|event| event["id"] == "network-interfaces");
    let told: Vec<_> = waited.map(|event| (event["state"].as_str().unwrap(), event["note"].as_str())).collect();
    let expected = [
        ("start", None),
        ("detail", Some("2 network interfaces are left")),
        ("detail", Some("1 network interface is left")),
        ("done", Some("none is left")),
    ];
    assert_eq!(told, expected);
    let calls = land.calls(mark);
    let looked: Vec<_> = (0..calls.len())
        .filter(|at| calls[*at].action == "DescribeNetworkInterfaces" && calls[*at].detail.contains(group.unwrap()))
        .collect();
    let deleted = calls.iter().position(|call| call.action == "DeleteStack" && call.detail.contains("stack/wired/"));
    assert!(looked.len() == 3 && looked.iter().all(|at| *at < deleted.unwrap()), "{looked:?} {deleted:?}");
    one.is_gone();
}
