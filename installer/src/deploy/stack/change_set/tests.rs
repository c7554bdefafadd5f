use aws_sdk_cloudformation::primitives::DateTime;

use super::*;

fn set(status: &str, execution: &str, reason: &str) -> DescribeChangeSetOutput {
    DescribeChangeSetOutput::builder()
        .status(status.into())
        .execution_status(execution.into())
        .status_reason(reason)
        .build()
}

#[test]
fn a_change_set_is_used_only_where_it_can_be() {
    let expected = [
        ("CREATE_COMPLETE", "AVAILABLE", "", Verdict::Usable),
        ("CREATE_IN_PROGRESS", "UNAVAILABLE", "", Verdict::Wait),
        ("CREATE_PENDING", "UNAVAILABLE", "", Verdict::Wait),
        ("DELETE_IN_PROGRESS", "UNAVAILABLE", "", Verdict::Wait),
        ("CREATE_COMPLETE", "EXECUTE_IN_PROGRESS", "", Verdict::Running),
        ("CREATE_COMPLETE", "EXECUTE_COMPLETE", "", Verdict::Spent),
        ("CREATE_COMPLETE", "EXECUTE_FAILED", "", Verdict::Spent),
        ("CREATE_COMPLETE", "OBSOLETE", "", Verdict::Spent),
        ("DELETE_FAILED", "UNAVAILABLE", "", Verdict::Spent),
        ("FAILED", "UNAVAILABLE", "bad", Verdict::Refused("bad".into())),
        ("FAILED", "UNAVAILABLE", "The submitted information didn't contain changes.", Verdict::Superfluous),
        ("FAILED", "UNAVAILABLE", "No updates are to be performed.", Verdict::Superfluous),
    ];
    for (status, execution, reason, verdict) in expected {
        assert_eq!(super::verdict(&set(status, execution, reason)), verdict, "{status} {execution}");
    }
}

#[test]
fn the_name_is_the_same_for_the_same_and_another_for_anything_else() {
    let wanted = |template, value: &str| Wanted {
        name: "acme".into(),
        deployment: "acme",
        template,
        template_url: None,
        parameters: vec![("Key", value.to_owned())],
    };
    let stack = |time| Stack::builder().stack_id("arn").creation_time(DateTime::from_secs(time)).build();
    let name = name(&wanted("a", "1"), Some(&stack(1)));
    assert_eq!(name, super::name(&wanted("a", "1"), Some(&stack(1))));
    assert!(name.starts_with(&wanted("a", "1").mark()) && name.len() < 128, "{name}");
    assert!(name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'), "{name}");
    for other in [
        super::name(&wanted("b", "1"), Some(&stack(1))),
        super::name(&wanted("a", "2"), Some(&stack(1))),
        super::name(&wanted("a", "1"), Some(&stack(2))),
        super::name(&wanted("a", "1"), None),
    ] {
        assert_ne!(name, other);
    }
}

#[test]
fn an_admins_own_tags_stay() {
    let wanted =
        Wanted { name: "acme".into(), deployment: "acme", template: "", template_url: None, parameters: vec![] };
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let stack =
        Stack::builder().tags(tag("team", "platform")).tags(tag("aws:x", "y")).tags(tag(infra::TAG, "old")).build();
    assert_eq!(tags(&wanted, Some(&stack)), [tag("team", "platform"), tag(infra::TAG, "acme")]);
    let template = r#"Metadata: { runvoy-tags: {"team":"core"} }"#;
    let wanted = Wanted { template, ..wanted };
    assert_eq!(tags(&wanted, Some(&stack)), [tag(infra::TAG, "acme"), tag("team", "core")]);
}
