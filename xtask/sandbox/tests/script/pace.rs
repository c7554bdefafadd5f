use std::time::{Duration, Instant};

use serde_json::json;

use super::{cloudformation, deploy, described, element, elements, events, settled, status};
use crate::support::{done, sandbox};

/// A tenth of a second for a table of 15 seconds.
const QUICK: f64 = 0.1 / 15.0;
/// Hours: whatever is under way is seen to be, however busy this machine is.
const SLOW: f64 = 1000.0;

#[tokio::test(flavor = "multi_thread")]
async fn stacks_take_their_time() {
    let sandbox = sandbox("pace").await;
    let table = |more: &str| {
        json!({
            "Type": "AWS::DynamoDB::Table", "DependsOn": more,
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
                "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            },
        })
    };
    let template = |name: &str| {
        let group = json!({ "Type": "AWS::Logs::LogGroup", "Properties": { "LogGroupName": name } });
        json!({ "Resources": { "Group": group, "One": table("Group"), "Two": table("One") } })
    };
    sandbox.script().pace(SLOW);
    assert_eq!(deploy(&sandbox, "s", "CREATE", "c", &template("s")).await.0, 200);
    assert_eq!(status(&sandbox, "s").await.as_deref(), Some("CREATE_IN_PROGRESS"));
    let early = events(&sandbox, "s").await;
    assert!(early.iter().all(|(logical, _)| logical != "Two"), "{early:?}");
    // An update meets a stack that is busy.
    let set = [("ChangeSetName", "u"), ("TemplateBody", "{}")];
    assert_eq!(cloudformation(&sandbox, "CreateChangeSet", "s", &set).await.0, 400);

    sandbox.script().pace(QUICK);
    let began = Instant::now();
    assert_eq!(deploy(&sandbox, "p", "CREATE", "c", &template("p")).await.0, 200);
    assert_eq!(settled(&sandbox, "p").await, "CREATE_COMPLETE");
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
    let told = events(&sandbox, "p").await;
    let told = told.iter().rev().skip(2).map(|(logical, status)| format!("{logical} {status}")).collect::<Vec<_>>();
    let order = ["Group CREATE_IN_PROGRESS", "Group CREATE_COMPLETE", "One CREATE_IN_PROGRESS", "One CREATE_COMPLETE"];
    assert_eq!(told[..4], order);
    assert_eq!(told[4..], ["Two CREATE_IN_PROGRESS", "Two CREATE_COMPLETE", "p CREATE_COMPLETE"]);
    let (_, xml) = cloudformation(&sandbox, "DescribeStackEvents", "p", &[]).await;
    let times = elements(&xml, "Timestamp");
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");

    let (_, id) = described(&sandbox, "p").await.unwrap();
    let began = Instant::now();
    assert_eq!(cloudformation(&sandbox, "DeleteStack", "p", &[]).await.0, 200);
    assert_eq!(settled(&sandbox, &id).await, "DELETE_COMPLETE");
    assert_eq!(status(&sandbox, "p").await, None);
    assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());

    assert_eq!(deploy(&sandbox, "q", "CREATE", "c", &template("q")).await.0, 200);
    assert_eq!(settled(&sandbox, "q").await, "CREATE_COMPLETE");
    sandbox.script().pace(SLOW);
    assert_eq!(cloudformation(&sandbox, "DeleteStack", "q", &[]).await.0, 200);
    // The engine is done with it; by name it is seen as long as it is at work.
    assert_eq!(status(&sandbox, "q").await.as_deref(), Some("DELETE_IN_PROGRESS"));
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_can_be_cancelled() {
    let sandbox = sandbox("cancel").await;
    let group = |days: u32| {
        let properties = json!({ "LogGroupName": "g", "RetentionInDays": days });
        json!({ "Resources": { "G": { "Type": "AWS::Logs::LogGroup", "Properties": properties } } })
    };
    assert_eq!(deploy(&sandbox, "c", "CREATE", "one", &group(7)).await.0, 200);
    assert_eq!(settled(&sandbox, "c").await, "CREATE_COMPLETE");
    sandbox.script().pace(SLOW);
    assert_eq!(cloudformation(&sandbox, "CancelUpdateStack", "c", &[]).await.0, 400);
    assert_eq!(deploy(&sandbox, "c", "UPDATE", "two", &group(30)).await.0, 200);
    assert_eq!(status(&sandbox, "c").await.as_deref(), Some("UPDATE_IN_PROGRESS"));
    sandbox.script().pace(QUICK);
    assert_eq!(cloudformation(&sandbox, "CancelUpdateStack", "c", &[]).await.0, 200);
    assert_eq!(settled(&sandbox, "c").await, "UPDATE_ROLLBACK_COMPLETE");
    let own = events(&sandbox, "c").await.into_iter().filter(|(logical, _)| logical == "c").map(|(_, status)| status);
    let own = own.filter(|status| !status.contains("CLEANUP")).take(3).collect::<Vec<_>>();
    assert_eq!(own, ["UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS"]);
    let (_, template) = cloudformation(&sandbox, "GetTemplate", "c", &[]).await;
    assert!(element(&template, "TemplateBody").unwrap().contains('7'), "{template}");
    // From there it can be updated.
    assert_eq!(deploy(&sandbox, "c", "UPDATE", "three", &group(14)).await.0, 200);
    assert_eq!(settled(&sandbox, "c").await, "UPDATE_COMPLETE");
    done(sandbox).await;
}
