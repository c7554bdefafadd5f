use super::*;

fn policies(document: serde_json::Value) -> Policies {
    Policies { identity: vec![Policy::parse("p", &document.to_string()).unwrap()], boundary: None }
}

fn statement(effect: &str, action: &str, resource: &str, condition: serde_json::Value) -> serde_json::Value {
    serde_json::json!({ "Sid": "S", "Effect": effect, "Action": action, "Resource": resource, "Condition": condition })
}

fn allows(condition: serde_json::Value, request: &Request) -> bool {
    let one = statement("Allow", "*", "*", condition);
    policies(serde_json::json!({ "Statement": one })).decide(request).is_allowed()
}

#[test]
fn wildcards_stay_within_their_part_of_an_arn() {
    use pattern::{arn_matches, text_matches};
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "anything", true),
        ("a*c", "abbc", true),
        ("a*c", "abbd", false),
        ("a*b*c", "aXbYbc", true),
        ("?", "ab", false),
        ("s-??????", "s-AbCdEf", true),
        ("s-??????", "s-other-AbCdEf", false),
    ] {
        assert_eq!(text_matches(pattern, text), expected, "{pattern} {text}");
    }
    let table = "arn:aws:dynamodb:us-east-1:1:table/acme-locks";
    assert!(arn_matches("arn:aws:dynamodb:*:1:table/acme-*", table));
    assert!(!arn_matches("arn:aws:*:table/acme-locks", table));
    assert!(!arn_matches("arn:aws:dynamodb:us-east-1:1:table/acme", table));
    assert!(arn_matches("arn:aws:logs:r:1:log-group:/a:*", "arn:aws:logs:r:1:log-group:/a:log-stream:b"));
}

#[test]
fn a_deny_wins_and_silence_is_no() {
    let document = serde_json::json!({ "Statement": [
        statement("Allow", "s3:*", "*", serde_json::json!({})),
        statement("Deny", "S3:deleteObject", "arn:aws:s3:::b/*", serde_json::json!({})),
    ] });
    let policies = policies(document);
    let decide = |action: &str, resource: &str| policies.decide(&Request::new(action, resource)).is_allowed();
    assert!(decide("s3:GetObject", "arn:aws:s3:::b/k"));
    assert!(!decide("s3:DeleteObject", "arn:aws:s3:::b/k"));
    assert!(decide("s3:DeleteObject", "arn:aws:s3:::other/k"));
    assert_eq!(policies.decide(&Request::new("sqs:SendMessage", "*")), Decision::NotAllowed);
}

#[test]
fn a_grant_says_which_part_allowed() {
    let document = serde_json::json!({ "Statement": { "Sid": "Two", "Effect": "Allow",
        "Action": ["iam:GetRole", "iam:PassRole"], "Resource": ["arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"] } });
    let policies = policies(document);
    let decision = policies.decide(&Request::new("iam:PassRole", "arn:aws:iam::1:role/b"));
    assert_eq!(decision, Decision::Allowed(Grant { policy: "p", sid: "Two", action: "iam:PassRole", resource: 1 }));
}

#[test]
fn what_is_not_meant_is_the_rest() {
    let document = serde_json::json!({ "Statement": { "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" } });
    let policies = policies(document);
    assert!(policies.decide(&Request::new("s3:GetObject", "arn:aws:s3:::b/k")).is_allowed());
    assert!(!policies.decide(&Request::new("iam:PassRole", "arn:aws:iam::1:role/a")).is_allowed());
}

#[test]
fn conditions_hold_as_iams_do() {
    use serde_json::json;
    let bare = Request::new("ecs:RunTask", "*");
    let cluster = "arn:aws:ecs:r:1:cluster/acme";
    let on_cluster = bare.clone().with("ecs:Cluster", cluster);
    let is_cluster = json!({ "ArnEquals": { "ecs:cluster": cluster } });
    assert!(allows(is_cluster.clone(), &on_cluster) && !allows(is_cluster, &bare));
    assert!(allows(json!({ "StringNotEquals": { "ecs:cluster": cluster } }), &bare));
    assert!(allows(json!({ "StringEqualsIfExists": { "ecs:cluster": cluster } }), &bare));
    assert!(allows(json!({ "Null": { "ecs:cluster": "true" } }), &bare));
    assert!(!allows(json!({ "Null": { "ecs:cluster": "true" } }), &on_cluster));
    let tagged = bare.clone().with("aws:TagKeys", "a").with("aws:TagKeys", "b");
    assert!(allows(json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "b" } }), &tagged));
    assert!(!allows(json!({ "ForAllValues:StringEquals": { "aws:TagKeys": "b" } }), &tagged));
    assert!(allows(json!({ "ForAllValues:StringLike": { "aws:TagKeys": ["a*", "b"] } }), &tagged));
}

#[test]
fn a_boundary_narrows_and_grants_nothing() {
    let boundary = Policy::parse("b", r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#).unwrap();
    let identity = Policy::parse("p", r#"{"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#).unwrap();
    let policies = Policies { identity: vec![identity], boundary: Some(boundary) };
    assert_eq!(policies.decide(&Request::new("sqs:SendMessage", "*")), Decision::OutOfBounds);
    assert_eq!(policies.decide(&Request::new("s3:GetObject", "*")), Decision::NotAllowed);
}

#[test]
fn what_is_not_understood_is_refused() {
    for document in [
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:x":"1"}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:${aws:username}"}}"#,
        r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}}"#,
    ] {
        assert!(Policy::parse("p", document).is_err(), "{document}");
    }
}
