use aws_sdk_cloudformation::types::Parameter;

use super::*;

fn wanted() -> Wanted<'static> {
    Wanted {
        name: "acme".into(),
        deployment: "acme",
        template: "Resources: {}",
        template_url: None,
        parameters: vec![("B", "2".into()), ("A", "1".into())],
    }
}

fn stack(parameters: &[(&str, &str)], tag: &str) -> Stack {
    let parameter =
        |(key, value): &(&str, &str)| Parameter::builder().parameter_key(*key).parameter_value(*value).build();
    Stack::builder()
        .set_parameters(Some(parameters.iter().map(parameter).collect()))
        .tags(Tag::builder().key(infra::TAG).value(tag).build())
        .tags(Tag::builder().key("team").value("platform").build())
        .build()
}

#[test]
fn a_stack_is_as_wanted_by_its_parameters_and_its_tag() {
    assert!(wanted().matches(&stack(&[("A", "1"), ("B", "2")], "acme")));
    assert!(!wanted().matches(&stack(&[("A", "1"), ("B", "3")], "acme")));
    assert!(!wanted().matches(&stack(&[("A", "1")], "acme")));
    assert!(!wanted().matches(&stack(&[("A", "1"), ("B", "2"), ("C", "3")], "acme")));
    assert!(!wanted().matches(&stack(&[("A", "1"), ("B", "2")], "other")));
    assert!(is_same("a: 1", "a: 1\n") && !is_same("a: 1", "a: 2\n"));
}

#[test]
fn the_order_of_parameters_is_no_difference() {
    let mut other = wanted();
    other.parameters.reverse();
    assert_eq!(wanted().mark(), other.mark());
    other.parameters[0].1 = "9".into();
    assert_ne!(wanted().mark(), other.mark());
    assert_ne!(token("x").unwrap(), token("x").unwrap());
}

#[test]
fn somebody_elses_stack_is_left_alone() {
    let theirs = |status| Stack::builder().stack_name("acme").stack_status(status).build();
    assert_eq!(check_ours(&theirs(StackStatus::CreateComplete), "acme").unwrap_err().code(), 5);
    assert_eq!(check_ours(&theirs(StackStatus::RollbackComplete), "acme").unwrap_err().code(), 5);
    check_ours(&theirs(StackStatus::ReviewInProgress), "acme").unwrap();
    check_ours(&stack(&[], "acme"), "acme").unwrap();
}
