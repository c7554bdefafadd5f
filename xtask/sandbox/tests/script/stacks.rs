use runvoy_sandbox::proxy::script::{Event, Validation};
use serde_json::json;

use super::{cloudformation, deploy, described, element, elements, events, settled, status};
use crate::support::{done, sandbox};

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_not_there_tells_a_story() {
    let sandbox = sandbox("canned").await;
    sandbox
        .script()
        .stack("stuck")
        .deployment("runvoy")
        .status("UPDATE_ROLLBACK_FAILED", "broke")
        .until("ContinueUpdateRollback")
        .then("UPDATE_ROLLBACK_IN_PROGRESS", "")
        .polls(2)
        .then("UPDATE_ROLLBACK_COMPLETE", "");
    let (_, seen) = cloudformation(&sandbox, "DescribeStacks", "stuck", &[]).await;
    let field = |tag| element(&seen, tag).unwrap();
    assert_eq!(["StackStatusReason", "Key", "Value"].map(field), ["broke", runvoy_api::infra::TAG, "runvoy"]);
    let id = field("StackId");
    let (_, all) =
        cloudformation(&sandbox, "ListStacks", "", &[("StackStatusFilter.member.1", "UPDATE_ROLLBACK_FAILED")]).await;
    assert_eq!(elements(&all, "StackId"), [id]);
    let (refused, why) =
        cloudformation(&sandbox, "CreateChangeSet", "stuck", &[("ChangeSetName", "c"), ("TemplateBody", "{}")]).await;
    let expected = format!("Stack:{id} is in UPDATE_ROLLBACK_FAILED state and can not be updated.");
    assert_eq!((refused, element(&why, "Message")), (400, Some(expected.as_str())));
    assert_eq!(cloudformation(&sandbox, "CancelUpdateStack", "stuck", &[]).await.0, 400);

    assert_eq!(cloudformation(&sandbox, "ContinueUpdateRollback", id, &[]).await.0, 200);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(status(&sandbox, id).await.unwrap());
    }
    let (busy, end) = ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(seen, [busy, busy, end, end]);
    let told = events(&sandbox, "stuck").await.into_iter().map(|(_, status)| status).collect::<Vec<_>>();
    assert_eq!(told, [end, busy, "UPDATE_ROLLBACK_FAILED"]);
    // Deleted, it is known by its id alone, and its name is free.
    assert_eq!(cloudformation(&sandbox, "DeleteStack", "stuck", &[]).await.0, 200);
    assert_eq!(status(&sandbox, "stuck").await, None);
    assert_eq!(status(&sandbox, id).await.as_deref(), Some("DELETE_COMPLETE"));
    let topic = json!({ "Resources": { "T": { "Type": "AWS::SNS::Topic" } } });
    assert_eq!(deploy(&sandbox, "stuck", "CREATE", "new", &topic).await.0, 200);
    assert_eq!(settled(&sandbox, "stuck").await, "CREATE_COMPLETE");
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_fails_for_one_cause_among_many_events() {
    let sandbox = sandbox("cause").await;
    let table = "AWS::DynamoDB::Table";
    let cancelled = |n: usize| Event::failed(&format!("T{n}"), table, "CREATE_FAILED", "Resource creation cancelled");
    sandbox
        .script()
        .stack("s")
        .own()
        .until("ExecuteChangeSet")
        .then("CREATE_IN_PROGRESS", "User Initiated")
        .event(Event::failed("Cause", table, "CREATE_FAILED", "limit <exceeded>"))
        .events((0..10).map(cancelled))
        .polls(1)
        .then("ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create")
        .polls(1)
        .then("ROLLBACK_COMPLETE", "");
    let topic = json!({ "Resources": { "T": { "Type": "AWS::SNS::Topic" } } });
    assert_eq!(deploy(&sandbox, "s", "CREATE", "c", &topic).await.0, 200);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(status(&sandbox, "s").await.unwrap());
    }
    assert_eq!(seen, ["CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "ROLLBACK_COMPLETE"]);
    let told = events(&sandbox, "s").await;
    let failed = told.iter().filter(|(_, status)| status == "CREATE_FAILED").map(|(logical, _)| logical.as_str());
    let failed = failed.collect::<Vec<_>>();
    assert_eq!((failed.len(), failed.first(), failed.last()), (11, Some(&"T9"), Some(&"Cause")));
    let call = sandbox.calls().into_iter().find(|call| call.action == "ExecuteChangeSet").unwrap();
    assert_eq!(call.detail, "s");
    // AWS creates nothing over what is left of it; once it is deleted, it does.
    let (_, id) = described(&sandbox, "s").await.unwrap();
    let again = [("ChangeSetName", "d"), ("ChangeSetType", "CREATE"), ("TemplateBody", "{}")];
    assert_eq!(cloudformation(&sandbox, "CreateChangeSet", "s", &again).await.0, 400);
    assert_eq!(cloudformation(&sandbox, "DeleteStack", &id, &[]).await.0, 200);
    assert_eq!(settled(&sandbox, &id).await, "DELETE_COMPLETE");
    assert_eq!(deploy(&sandbox, "s", "CREATE", "e", &topic).await.0, 200);
    assert_eq!(settled(&sandbox, "s").await, "CREATE_COMPLETE");
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn validations_and_updates_look_as_on_aws() {
    let sandbox = sandbox("validation").await;
    let template = |name: &str| json!({ "Resources": { "A": { "Type": "AWS::SNS::Topic", "Properties": { "DisplayName": name } }, "B": { "Type": "AWS::SNS::Topic" } } });
    assert_eq!(deploy(&sandbox, "v", "CREATE", "c", &template("a")).await.0, 200);
    assert_eq!(settled(&sandbox, "v").await, "CREATE_COMPLETE");
    let before = events(&sandbox, "v").await.len();
    assert_eq!(deploy(&sandbox, "v", "UPDATE", "u", &template("b")).await.0, 200);
    assert_eq!(settled(&sandbox, "v").await, "UPDATE_COMPLETE");
    // The engine updates both.
    let told = events(&sandbox, "v").await;
    let touched =
        told[..told.len() - before].iter().map(|(logical, _)| logical.as_str()).filter(|logical| *logical != "v");
    assert_eq!(touched.collect::<Vec<_>>(), ["A", "A"]);

    let [logical, kind, name, path, reason] =
        ["A", "AWS::SNS::Topic", "NAME_CONFLICT_VALIDATION", "/Resources/A", "it exists"].map(str::to_owned);
    sandbox.script().stack("v").validation(Validation { logical, kind, name, path, reason });
    let template = template("c").to_string();
    let set = [("ChangeSetName", "x"), ("TemplateBody", template.as_str())];
    assert_eq!(cloudformation(&sandbox, "CreateChangeSet", "v", &set).await.0, 200);
    let (_, seen) = cloudformation(&sandbox, "DescribeChangeSet", "v", &[("ChangeSetName", "x")]).await;
    assert_eq!((element(&seen, "Status"), element(&seen, "ExecutionStatus")), (Some("FAILED"), Some("UNAVAILABLE")));
    let (_, told) = cloudformation(&sandbox, "DescribeEvents", "v", &[]).await;
    assert_eq!(elements(&told, "ValidationStatusReason"), ["it exists"]);
    done(sandbox).await;
}
