use std::time::{Duration, Instant};

use runvoy_sandbox::proxy::script::{Effect, Match};
use serde_json::json;

use super::{cloudformation, element, json, query, refusal, rest};
use crate::support::{done, sandbox};

const LIST: &str = "DynamoDB_20120810.ListTables";
const CREATE_GROUP: &str = "Logs_20140328.CreateLogGroup";

#[tokio::test(flavor = "multi_thread")]
async fn calls_fail_as_their_services_fail_them() {
    let sandbox = sandbox("faults").await;
    let script = sandbox.script();
    let stacks = Match::client("cloudformation", "DescribeStacks").about("mine").nth(2).times(2);
    let fault = script.on(stacks, Effect::Throttle);
    let mut seen = Vec::new();
    for stack in ["mine", "other", "mine-too", "mine", "mine"] {
        let reply = cloudformation(&sandbox, "DescribeStacks", stack, &[]).await;
        seen.push(element(&reply.1, "Code").unwrap().to_owned());
    }
    assert_eq!(seen, ["ValidationError", "ValidationError", "Throttling", "Throttling", "ValidationError"]);
    assert_eq!(fault.fired(), 2);
    let faults = sandbox.calls_about("mine").into_iter().map(|call| call.fault).collect::<Vec<_>>();
    assert_eq!(faults, [None, Some("throttle"), Some("throttle"), None]);

    for (effect, expected) in [
        (Effect::Throttle, [(400, "ThrottlingException"), (503, "SlowDown"), (503, "RequestLimitExceeded")]),
        (Effect::ExpiredToken, [(400, "ExpiredTokenException"), (400, "ExpiredToken"), (400, "RequestExpired")]),
        (Effect::Status(503), [(503, "InternalFailure"); 3]),
        (Effect::error(403, "AccessDenied", "no <way>"), [(403, "AccessDenied"); 3]),
    ] {
        let faults = ["dynamodb", "s3", "ec2"].map(|service| script.on(Match::client(service, "*"), effect.clone()));
        let replies = [
            json(&sandbox, "dynamodb", LIST, json!({})).await,
            rest(&sandbox, "s3", "PUT", "/bucket").await,
            query(&sandbox, "ec2", &[("Action", "DescribeVpcs")]).await,
        ];
        assert_eq!(replies.map(refusal), expected.map(|(status, code)| (status, code.to_owned())));
        assert!(faults.iter().all(|fault| fault.fired() == 1));
    }
    // None of these came to anything.
    assert_eq!(refusal(rest(&sandbox, "s3", "HEAD", "/bucket").await).0, 404);

    let own = Effect::Reply { status: 200, content_type: "text/xml".to_owned(), body: "<Mine/>".to_owned() };
    script.on(Match::client("sts", "GetCallerIdentity"), own);
    let identity = query(&sandbox, "sts", &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(identity, Some((200, "<Mine/>".to_owned())));
    assert!(script.unfired().is_empty());
    script.on(Match::function("s3", "PutObject").about("zip"), Effect::Throttle);
    assert_eq!(script.unfired(), ["throttle on s3 PutObject about `zip`, from number 1"]);
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_get_lost_and_calls_come_twice_or_late() {
    let sandbox = sandbox("replies").await;
    let script = sandbox.script();
    script.on(Match::mutation().about("lost"), Effect::LoseReply);
    // Reading is no mutation.
    assert_eq!(refusal(rest(&sandbox, "s3", "HEAD", "/lost").await).0, 404);
    assert_eq!(rest(&sandbox, "s3", "PUT", "/lost").await, None);
    assert_eq!(refusal(rest(&sandbox, "s3", "HEAD", "/lost").await).0, 200);
    let lost = sandbox.calls_about("lost").into_iter().find(|call| call.fault.is_some()).unwrap();
    assert_eq!((lost.action.as_str(), lost.status, lost.fault), ("CreateBucket", Some(200), Some("lose-reply")));

    script.on(Match::client("logs", "CreateLogGroup").always(), Effect::Duplicate);
    let twice = json(&sandbox, "logs", CREATE_GROUP, json!({ "logGroupName": "twice" })).await;
    assert_eq!(refusal(twice), (400, "ResourceAlreadyExistsException".to_owned()));

    let late = script.on(Match::client("dynamodb", "ListTables"), Effect::Delay(Duration::from_millis(200)));
    let began = Instant::now();
    assert_eq!(json(&sandbox, "dynamodb", LIST, json!({})).await.unwrap().0, 200);
    assert!(began.elapsed() >= Duration::from_millis(200));
    late.reached().await;
    done(sandbox).await;
}
