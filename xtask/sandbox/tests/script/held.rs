use std::time::Duration;

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{json, refusal, rest};
use crate::support::{done, sandbox};

const PATIENCE: Duration = Duration::from_secs(120);
const CREATE_GROUP: &str = "Logs_20140328.CreateLogGroup";

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_can_be_ended_before_and_after_its_call_takes_effect() {
    let sandbox = sandbox("held").await;
    let script = sandbox.script();
    for (name, effect, status) in [("before", Effect::HoldBefore, None), ("after", Effect::HoldAfter, Some(200))] {
        let held = script.on(Match::client("s3", "CreateBucket").about(name), effect);
        let path = format!("/{name}");
        tokio::select! {
            reply = rest(&sandbox, "s3", "PUT", &path) => panic!("not held: {reply:?}"),
            () = held.reached() => {}
        }
        // The call is dropped with its connection, as if its caller had been killed.
        held.gone().await;
        held.release();
        let call = sandbox.calls_about(name).remove(0);
        assert_eq!((call.status, call.fault.is_some()), (status, true), "{call:?}");
        let exists = if status.is_some() { 200 } else { 404 };
        assert_eq!(refusal(rest(&sandbox, "s3", "HEAD", &path).await).0, exists, "{name}");
    }
    // What came to nothing is in the file, too: soon, since nobody waits for that.
    let log = || std::fs::read_to_string(sandbox.layout().calls_log()).unwrap();
    let of_nothing = || log().lines().filter(|line| line.contains(r#""status":null"#)).count();
    let written = async {
        while of_nothing() == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, written).await.unwrap();
    assert_eq!(of_nothing(), 1);
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_takes_effect_also_when_nobody_waits_for_the_reply() {
    let sandbox = sandbox("impatient").await;
    let late = sandbox.script().on(Match::client("logs", "CreateLogGroup"), Effect::Delay(Duration::from_millis(100)));
    tokio::select! {
        biased;
        () = late.reached() => {}
        reply = json(&sandbox, "logs", CREATE_GROUP, json!({ "logGroupName": "g" })) => panic!("not late: {reply:?}"),
    }
    let created = async {
        while sandbox.calls_about("g")[0].status.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, created).await.unwrap();
    let again = refusal(json(&sandbox, "logs", CREATE_GROUP, json!({ "logGroupName": "g" })).await);
    assert_eq!(again.0, 400, "it is there: {again:?}");
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_call_goes_on_when_it_is_released() {
    let sandbox = sandbox("released").await;
    let script = sandbox.script();
    let held = script.on(Match::client("logs", "CreateLogGroup"), Effect::HoldBefore);
    let call = json(&sandbox, "logs", CREATE_GROUP, json!({ "logGroupName": "g" }));
    let (reply, ()) = tokio::join!(call, async {
        held.reached().await;
        script.clear();
    });
    assert_eq!(reply.unwrap().0, 200);
    done(sandbox).await;
}
