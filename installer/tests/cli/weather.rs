//! AWS's bad days: credentials that expire, throttling, server errors. Against a server that plays AWS.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;

use crate::{
    Machine,
    server::{Reply, Request, Server},
};

const ACCOUNT: &str = "123456789012";

fn identity(account: &str) -> Reply {
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:user/jo</Arn><UserId>AIDA</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult></GetCallerIdentityResponse>"
    );
    Reply::Text(200, "text/xml", body.leak())
}

fn refusal(status: u16, code: &str) -> Reply {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>so it is</Message></Error></ErrorResponse>"
    );
    Reply::Text(status, "text/xml", body.leak())
}

fn action(request: &Request) -> String {
    let field = |pair: &str| pair.strip_prefix("Action=").map(str::to_owned);
    request.body.split('&').find_map(field).or_else(|| request.headers.get("x-amz-target").cloned()).unwrap_or_default()
}

fn access_key(request: &Request) -> &str {
    let credential = request.headers["authorization"].split_once("Credential=").unwrap().1;
    credential.split_once('/').unwrap().0
}

/// A machine whose credentials come from a program that gives others each time: `FRESH1`, `FRESH2`, …
fn machine(server: &Server) -> Machine {
    let machine =
        Machine::new().env("AWS_ENDPOINT_URL", server.url.trim_end_matches('/')).env("AWS_REGION", "eu-west-1");
    let home = machine.home.path().to_owned();
    let script = home.join("credentials.sh");
    let text = "#!/bin/sh\necho x >> \"$0.runs\"\nruns=$(/usr/bin/wc -l < \"$0.runs\")\necho \"{\\\"Version\\\": 1, \\\"AccessKeyId\\\": \\\"FRESH$((runs))\\\", \\\"SecretAccessKey\\\": \\\"s\\\"}\"\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(home.join(".aws")).unwrap();
    fs::write(home.join(".aws/config"), format!("[default]\ncredential_process = {}\n", script.display())).unwrap();
    machine.env("AWS_EC2_METADATA_DISABLED", "true").env("PATH", "/usr/bin:/bin")
}

/// `destroy` of a deployment that isn't there: it looks for stacks and what may be left of them.
fn destroy(machine: &Machine) -> crate::Ran {
    machine.run(&["destroy", "--stack-name", "gone", "--yes"])
}

/// Answers like an account in which nothing is, after `weather` has had its say.
fn account(weather: impl Fn(&Request, usize) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let counts: Arc<std::sync::Mutex<HashMap<String, usize>>> = Arc::default();
    Server::start(move |request| {
        let action = action(request);
        let count = {
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(action.clone()).or_default();
            *count += 1;
            *count
        };
        if let Some(reply) = weather(request, count) {
            return reply;
        }
        match action.as_str() {
            "GetCallerIdentity" => identity(ACCOUNT),
            "DescribeStacks" if request.body.contains("StackName=") => {
                let body = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id gone does not exist</Message></Error></ErrorResponse>";
                Reply::Text(400, "text/xml", body)
            }
            "DynamoDB_20120810.DescribeTable" | "DynamoDB_20120810.GetItem" => {
                Reply::Json(400, json!({ "__type": "ResourceNotFoundException" }))
            }
            "" if request.line.contains("?versions") => {
                Reply::Text(404, "application/xml", "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>")
            }
            "" if request.line.contains("/functions/") => Reply::Json(200, json!({ "Functions": [] })),
            // Lists of nothing, in either protocol.
            action if action.contains('.') => Reply::Json(200, json!({})),
            _ => {
                Reply::Text(200, "text/xml", "<DescribeStacksResponse><DescribeStacksResult/></DescribeStacksResponse>")
            }
        }
    })
}

#[test]
fn expired_credentials_are_looked_up_anew_and_the_call_goes_on() {
    let server = account(|request, _| {
        (action(request) == "DescribeStacks" && access_key(request) == "FRESH1").then(|| refusal(403, "ExpiredToken"))
    });
    destroy(&machine(&server)).code(0).never_says("expired");
    let calls: Vec<_> =
        server.requests().iter().map(|request| (action(request), access_key(request).to_owned())).take(4).collect();
    let call = |action: &str, key: &str| (action.to_owned(), key.to_owned());
    // Fresh ones are asked for their account before anything is done with them.
    assert_eq!(
        calls,
        [
            call("GetCallerIdentity", "FRESH1"),
            call("DescribeStacks", "FRESH1"),
            call("GetCallerIdentity", "FRESH2"),
            call("DescribeStacks", "FRESH2"),
        ]
    );
}

#[test]
fn twenty_throttles_in_a_row_are_sat_out() {
    let throttled = Arc::new(AtomicUsize::new(0));
    let seen = throttled.clone();
    let server = account(move |request, count| {
        let now = action(request) == "DescribeStacks" && count <= 20;
        now.then(|| {
            seen.fetch_add(1, Ordering::SeqCst);
            refusal(400, "Throttling")
        })
    });
    destroy(&machine(&server)).code(0);
    assert_eq!(throttled.load(Ordering::SeqCst), 20);
}

#[test]
fn credentials_of_another_account_are_not_taken() {
    let server = account(|request, _| match (action(request).as_str(), access_key(request)) {
        ("DescribeStacks", "FRESH1") => Some(refusal(403, "ExpiredToken")),
        ("GetCallerIdentity", key) if key != "FRESH1" => Some(identity("999999999999")),
        _ => None,
    });
    let ran = destroy(&machine(&server)).code(1);
    ran.says("`999999999999`").says("`123456789012`").says("hint:").says("sign in again");
    assert!(
        server
            .requests()
            .iter()
            .all(|request| action(request) == "GetCallerIdentity" || access_key(request) == "FRESH1")
    );
}

#[test]
fn credentials_from_the_environment_end_with_a_hint_at_once() {
    let server = account(|request, count| match action(request).as_str() {
        "GetCallerIdentity" if count == 1 => None,
        _ => Some(refusal(403, "ExpiredToken")),
    });
    let machine = machine(&server).env("AWS_ACCESS_KEY_ID", "STATIC").env("AWS_SECRET_ACCESS_KEY", "s");
    destroy(&machine).code(1).says("the AWS credentials have expired").says("sign in again");
}
