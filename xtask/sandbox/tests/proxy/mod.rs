//! The proxy, on a real engine.

use http::Request;
use runvoy_sandbox::Sandbox;
use runvoy_sandbox::proxy::Caller;
use serde_json::Value;

use crate::support::{done, python, sandbox, send, variable};

fn list_tables(sandbox: &Sandbox, key: &str) -> http::request::Builder {
    let scope = format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/aws4_request, Signature=0");
    Request::post(sandbox.endpoint())
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .header("content-type", "application/x-amz-json-1.0")
        .header("authorization", scope)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_holders_of_the_runs_keys_reach_the_engine() {
    let sandbox = sandbox("gate").await;
    let key = variable(&sandbox, "AWS_ACCESS_KEY_ID");
    let good = send(list_tables(&sandbox, &key).body("{}").unwrap()).await;
    assert_eq!((good.status().as_u16(), good.body().as_str()), (200, r#"{"TableNames": []}"#));

    let wrong_key = send(list_tables(&sandbox, "AKIAWRONG").body("{}").unwrap()).await;
    assert_eq!(wrong_key.status(), 403);
    assert_eq!(serde_json::from_str::<Value>(wrong_key.body()).unwrap()["__type"], "UnrecognizedClientException");
    let account = sandbox.engine().account();
    assert_eq!(send(list_tables(&sandbox, account).body("{}").unwrap()).await.status(), 403);
    let page = list_tables(&sandbox, &key).header("origin", "http://127.0.0.1").body("{}").unwrap();
    assert_eq!(send(page).await.status(), 403);
    let rebound = list_tables(&sandbox, &key).header("host", "attacker.example").body("{}").unwrap();
    assert_eq!(send(rebound).await.status(), 403);
    let anonymous = Request::get(format!("{}/bucket/key", sandbox.endpoint())).body("").unwrap();
    assert_eq!(send(anonymous).await.status(), 403);
    let reset = Request::post(format!("{}/_ministack/reset", sandbox.endpoint())).body("").unwrap();
    assert_eq!(send(reset).await.status(), 403);

    let calls = sandbox.calls();
    assert_eq!(calls.iter().map(|call| call.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((calls[0].caller, calls[0].action.as_str(), calls[0].status), (Caller::Client, "ListTables", Some(200)));
    assert!(calls[1..].iter().all(|call| call.caller == Caller::Stranger && call.status == Some(403)));
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_sees_aws() {
    let sandbox = sandbox("sdk").await;
    let (key, secret, token) = sandbox.function_credentials();
    python(&sandbox, "proxy/storage.py", &[key, secret, token]).await;
    let named = |action: &str| sandbox.calls().into_iter().filter(|call| call.action == action).collect::<Vec<_>>();
    assert_eq!(named("CreateBucket")[0].detail, "uploads");
    assert_eq!(named("PutObject")[0].detail, "uploads/large");
    assert_eq!(named("TransactWriteItems")[0].detail, "Put executions, Put locks");
    // The file says the same as the memory, and no secret.
    let log = std::fs::read_to_string(sandbox.layout().calls_log()).unwrap();
    assert_eq!(log.lines().count(), sandbox.calls().len());
    for secret in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        assert!(!log.contains(&variable(&sandbox, secret)), "{secret}");
    }
    assert!(!log.contains("Signature"));
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stacks_fail_where_aws_fails_them() {
    let sandbox = sandbox("stacks").await;
    python(&sandbox, "proxy/stacks.py", &[]).await;
    done(sandbox).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_url_is_an_address_of_this_machine() {
    let sandbox = sandbox("function").await;
    let url = python(&sandbox, "proxy/function.py", &[]).await;
    let url = url.trim();
    assert!(url.starts_with("http://127.0.0.1:") && url.ends_with('/'), "{url}");

    let request = Request::put(format!("{url}a/b?x=1&y=%20z")).header("x-api-key", "k").body(r#"{"n":1}"#).unwrap();
    let reply = send(request).await;
    assert_eq!((reply.status().as_u16(), reply.headers()["x-made-by"].to_str().unwrap()), (201, "function"));
    let seen: Value = serde_json::from_str(reply.body()).unwrap();
    assert_eq!(seen["method"], "PUT");
    assert_eq!(seen["path"], "/a/b");
    assert_eq!(seen["query"], "x=1&y=%20z");
    assert_eq!(seen["body"], r#"{"n":1}"#);
    assert_eq!(seen["key"], "k");
    // The link that the function makes to itself leads back here.
    assert_eq!(seen["link"], format!("{url}logs"));
    assert_eq!(reply.headers()["location"], format!("{url}logs"));
    // Its own AWS calls pass through the proxy, with its own credentials.
    let own = sandbox.calls().into_iter().filter(|call| call.caller == Caller::Function).collect::<Vec<_>>();
    let actions = own.iter().map(|call| (call.action.as_str(), call.status)).collect::<Vec<_>>();
    let expected = [("ListBuckets", 200), ("GetObject", 403), ("Scan", 400), ("GetBucketLocation", 403)]
        .map(|(a, s)| (a, Some(s)));
    assert_eq!(actions, expected);
    // What its role does not grant is refused in AWS's words, and so is what nobody has thought of.
    let account = sandbox.engine().account();
    let refusal = |at: usize| (&seen["refusals"][at]["Code"], seen["refusals"][at]["Message"].as_str().unwrap());
    let (code, message) = refusal(0);
    let session = format!("User: arn:aws:sts::{account}:assumed-role/f-Role-");
    assert!(code == "AccessDenied" && message.starts_with(&session), "{code} {message}");
    let what = "/f is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::code/function.zip because no \
                identity-based policy allows the s3:GetObject action";
    assert!(message.ends_with(what), "{message}");
    assert_eq!(refusal(1).0, "AccessDeniedException");
    assert!(refusal(2).1.contains("does not know"), "{}", refusal(2).1);

    let rebound = Request::get(url).header("host", "attacker.example").body("").unwrap();
    assert_eq!(send(rebound).await.status(), 403);
    // A page may ask: who may do what is the function's affair, as on AWS.
    let page = Request::get(url).header("origin", url.trim_end_matches('/')).body("").unwrap();
    assert_eq!(send(page).await.status(), 201);
    done(sandbox).await;
}
