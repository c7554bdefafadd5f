//! What programs see of a removal: every line is one of the schema's events, and the last one is the result.

use runvoy_sandbox::proxy::script::{Effect, Match};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    json::{Runs, of},
    land::{Deployment, Land},
    site::signal,
    world::{Ran, until},
};

fn plan(events: &[Value]) -> &Value {
    let plans = of(events, "plan");
    assert_eq!(plans.len(), 1);
    &plans[0]["plan"]
}

#[test]
fn a_removal_in_json_from_refusal_to_proof() {
    let land = Land::get();
    let one = land.deployed("j-gone");
    let mut runs = Runs::default();
    let mark = land.mark();
    runs.take("no yes", one.run(&["destroy", "--json", "--stack-name", one.name]), 2, "failed");
    let other = one.run(&["destroy", "--json", "--yes", "--stack-name", "j-gone-never"]);
    let nothing = runs.take("nothing there", other, 0, "nothing-to-do");
    assert!(of(&nothing, "plan").is_empty());

    // What takes a flag of its own.
    let protect = "Action=UpdateTerminationProtection&Version=2010-05-15&EnableTerminationProtection";
    land.query("cloudformation", &format!("{protect}=true&StackName=j-gone-bucket"));
    let refused = runs.take("protected", one.destroy(&["--json"]), 5, "refused");
    assert!(refused.last().unwrap()["hint"].as_str().unwrap().contains("--disable-protection"));
    land.query("cloudformation", &format!("{protect}=false&StackName=j-gone-bucket"));
    let id = one.run(&["exec", "--detach", "sleep 600"]).code(0).stdout.trim().to_owned();
    let refused = runs.take("running", one.destroy(&["--json"]), 5, "refused");
    assert!(refused.last().unwrap()["error"].as_str().unwrap().contains(&id));
    one.run(&["stop", &id]).code(0);
    until("it has ended", || one.run(&["status", &id, "--json"]).json()["completed_at"].is_string().then_some(()));
    assert_eq!(land.changes(mark, one.name).len(), 0);

    // Somebody leaves; the next one goes on.
    let first = Match::client("ecs", "DeregisterTaskDefinition").about("j-gone-");
    let held = land.script().on(first, Effect::HoldBefore);
    let child = one.spawn(&["--json", "--export", "kept"]);
    Deployment::reached(&held);
    signal(&child, Signal::TERM);
    let left = runs.take("interrupted", Ran::from(child.wait_with_output().unwrap()), 130, "interrupted");
    Deployment::gone(&held);
    let (result, removal) = (left.last().unwrap(), plan(&left));
    assert_eq!(result["resume"], "runvoy destroy --stack-name j-gone --region us-east-1 --export kept --yes");
    assert_eq!((&removal["data"], &removal["export"]), (&json!("export"), &json!("kept")));
    assert_eq!((removal["keys"].as_u64(), removal["tables"].as_array().unwrap().len()), (Some(1), 4), "{removal}");
    assert!(removal.get("unfinished_since").is_none(), "{removal}");

    // AWS fails, and says why.
    land.script().stack(one.name).own().until("DeleteStack").then("DELETE_FAILED", "no reason that it tells");
    let failed = runs.take("card", one.destroy(&["--json", "--export", "kept"]), 1, "failed");
    let cards = of(&failed, "failure");
    assert_eq!((cards.len(), &cards[0]["failure"]["status"]), (1, &json!("DELETE_FAILED")), "{cards:?}");
    assert!(plan(&failed)["unfinished_since"].is_string());
    land.script().stack(one.name).own();

    // Something is left, and is removed by hand.
    land.aws("logs", "Logs_20140328.CreateLogGroup", &json!({ "logGroupName": "/runvoy/j-gone/planted" }));
    let left = runs.take("leftovers", one.destroy(&["--json", "--export", "kept"]), 4, "failed");
    let result = left.last().unwrap();
    assert_eq!((&result["export"], result["leftovers"]["leftovers"].as_array().unwrap().len()), (&json!("kept"), 1));
    let steps: Vec<_> = of(&left, "step").iter().map(|step| step["id"].as_str().unwrap()).collect();
    for step in ["drain", "export", "network-interfaces", "main-stack", "bucket-stack", "data", "proof"] {
        assert!(steps.contains(&step), "no {step}: {steps:?}");
    }
    let unfinished = runs.take("still there", one.destroy(&["--json"]), 4, "failed");
    assert_eq!(unfinished.last().unwrap()["leftovers"]["leftovers"][0]["name"], "/runvoy/j-gone/planted");
    land.aws("logs", "Logs_20140328.DeleteLogGroup", &json!({ "logGroupName": "/runvoy/j-gone/planted" }));
    runs.take("nothing left", one.destroy(&["--json"]), 0, "nothing-to-do");

    // The other ways of data.
    one.init(&[]).code(0);
    let kept = runs.take("kept", one.destroy(&["--json", "--keep-data"]), 0, "done");
    assert_eq!(plan(&kept)["data"], "keep");
    let deleted = runs.take("deleted", one.destroy(&["--json", "--delete-data"]), 0, "done");
    assert_eq!((&plan(&deleted)["data"], &plan(&deleted)["stacks"]), (&json!("delete"), &json!([])));
    runs.check();
    one.is_gone();
}
