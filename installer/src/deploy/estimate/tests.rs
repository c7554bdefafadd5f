use aws_sdk_cloudformation::{
    primitives::DateTime,
    types::{ResourceStatus, StackEvent},
};

use super::*;

/// A chain of every way to name another resource, and two that stand alone.
const TEMPLATE: &str = r#"
Parameters:
  Key: { Type: String }
Resources:
  Role: { Type: "AWS::IAM::Role" }
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Role: !GetAtt Role.Arn
      Code: { S3Key: !Ref Key }
      Environment: { Variables: { HOME: !Sub "${AWS::Region}/${!Literal}/${Bucket.Arn}" } }
  Url: { Type: "AWS::Lambda::Url", Properties: { TargetFunctionArn: { Ref: Function } } }
  Permission: { Type: "AWS::Lambda::Permission", DependsOn: [Url], Properties: { FunctionName: { "Fn::Sub": ["${Function}", {}] } } }
  Bucket: { Type: "AWS::S3::Bucket" }
  Table: { Type: "AWS::DynamoDB::Table" }
  Odd: { Type: "Custom::Unheard", DependsOn: Table, Properties: { Of: [{ "Fn::GetAtt": [Table, Arn] }] } }
"#;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn event(logical: &str, status: &str, at: i64) -> StackEvent {
    StackEvent::builder()
        .stack_id("arn:stack")
        .logical_resource_id(logical)
        .physical_resource_id(if logical == "stack" { "arn:stack" } else { "it" })
        .resource_type(if logical == "stack" { "AWS::CloudFormation::Stack" } else { "AWS::IAM::Role" })
        .resource_status(ResourceStatus::from(status))
        .timestamp(DateTime::from_secs(at))
        .build()
}

/// As AWS lists them.
fn learned(mut events: Vec<StackEvent>) -> Learned {
    events.reverse();
    Learned::from_events(&events)
}

#[test]
fn a_creation_takes_as_long_as_its_longest_chain() {
    let estimate = Estimate::create(TEMPLATE, &Learned::none()).unwrap();
    // A bucket 30, a function 25, its URL 1, the permission 4.
    assert_eq!(estimate.critical_path(), ["Bucket", "Function", "Url", "Permission"]);
    assert_eq!((estimate.total(), estimate.resources()), (seconds(60), 7));
    assert_eq!(estimate.usual("Odd"), Some(seconds(10)), "a type that nobody has measured");
}

#[test]
fn an_update_takes_what_changes_in_its_order_then_removes() {
    let changed = set(&["Bucket", "Permission", "Gone"]);
    let estimate = Estimate::update(TEMPLATE, &changed, &Learned::none()).unwrap();
    assert_eq!(estimate.critical_path(), ["Bucket", "Permission", "Gone"], "the order of what stays still holds");
    assert_eq!((estimate.total(), estimate.resources()), (seconds(30 + 4 + 10), 3));
    assert_eq!(estimate.usual("Function"), None);
    let nothing = Estimate::update(TEMPLATE, &set(&[]), &Learned::none()).unwrap();
    assert_eq!((nothing.total(), nothing.critical_path()), (Duration::ZERO, &[][..]));
}

#[test]
fn a_removal_goes_the_other_way_round() {
    let all = set(&["Role", "Function", "Url", "Permission", "Bucket", "Table", "Odd"]);
    let estimate = Estimate::remove(TEMPLATE, &all, &Learned::none()).unwrap();
    assert_eq!(estimate.critical_path(), ["Permission", "Url", "Function", "Bucket"]);
    assert_eq!((estimate.total(), estimate.resources()), (seconds(60), 7));
    let rest = Estimate::remove(TEMPLATE, &set(&["Bucket", "Role"]), &Learned::none()).unwrap();
    assert_eq!((rest.total(), rest.resources()), (seconds(30), 2), "what is gone takes no time");
    assert_eq!(Estimate::remove("{}", &all, &Learned::none()).unwrap().total(), Duration::ZERO);
}

#[test]
fn a_circle_ends() {
    let template =
        "Resources: { A: { Type: X, DependsOn: B }, B: { Type: X, DependsOn: C }, C: { Type: X, DependsOn: [A, C] } }";
    let estimate = Estimate::create(template, &Learned::none()).unwrap();
    assert_eq!(estimate.total(), seconds(30), "each once");
    assert!(Estimate::create("Resources: [", &Learned::none()).is_err());
    assert_eq!(Estimate::create("{}", &Learned::none()).unwrap().total(), Duration::ZERO);
}

#[test]
fn what_is_done_and_under_way_is_subtracted() {
    let estimate = Estimate::create(TEMPLATE, &Learned::none()).unwrap();
    let remaining = |stages: &[(&'static str, Stage)]| estimate.remaining(&stages.iter().copied().collect()).as_secs();
    use Stage::{Done, Running};
    assert_eq!(remaining(&[("Bucket", Running(seconds(10)))]), 50);
    assert_eq!(remaining(&[("Bucket", Done(seconds(30)))]), 42, "the role is on the longest chain now");
    // Longer than usual: it may take a tenth longer still, and the ETA never falls below that.
    assert_eq!(remaining(&[("Role", Done(seconds(12))), ("Bucket", Running(seconds(100)))]), 10 + 30);
    let all = ["Role", "Function", "Url", "Permission", "Bucket", "Table", "Odd"];
    assert_eq!(remaining(&all.map(|logical| (logical, Done(seconds(1))))), 0);
    assert_eq!(remaining(&[("Stranger", Running(seconds(500)))]), 60, "what was not expected changes nothing");
}

#[test]
fn a_run_that_is_slower_than_usual_is_expected_to_stay_slow() {
    let estimate = Estimate::create(TEMPLATE, &Learned::none()).unwrap();
    let after = |took| estimate.remaining(&[("Bucket", Stage::Done(seconds(took)))].into()).as_secs();
    assert!(after(90) > 42 && after(2) < 42, "{} {}", after(90), after(2));
}

#[test]
fn the_accounts_own_past_corrects_the_table() {
    let mut past = learned(vec![
        event("stack", "CREATE_IN_PROGRESS", 0),
        event("Role", "CREATE_IN_PROGRESS", 1),
        event("Other", "CREATE_IN_PROGRESS", 1),
        event("Broken", "CREATE_IN_PROGRESS", 1),
        event("Role", "CREATE_IN_PROGRESS", 3),
        event("Broken", "CREATE_FAILED", 5),
        event("Other", "CREATE_COMPLETE", 18),
        event("Role", "CREATE_COMPLETE", 20),
        event("stack", "CREATE_COMPLETE", 90),
        event("Role", "UPDATE_IN_PROGRESS", 100),
        event("Role", "UPDATE_COMPLETE", 102),
        event("Role", "DELETE_IN_PROGRESS", 200),
    ]);
    let role = |past: &Learned, verb| past.usual("AWS::IAM::Role", verb).as_secs();
    assert_eq!([role(&past, "create"), role(&past, "update"), role(&past, "adopt")], [19, 2, 19]);
    assert_eq!(
        past.usual("AWS::CloudFormation::Stack", "create"),
        seconds(133),
        "the stack is not one of its own resources"
    );
    past.merge(learned(vec![event("Role", "CREATE_IN_PROGRESS", 0), event("Role", "CREATE_COMPLETE", 18)]));
    assert_eq!(role(&past, "create"), 18, "the median of 17, 18 and 19");

    let estimate = Estimate::create(TEMPLATE, &past).unwrap();
    assert_eq!(estimate.usual("Role"), Some(seconds(18)));
}

#[test]
fn the_product_s_own_template_is_understood() {
    let template = crate::templates::bucket("runvoy", &crate::templates::samples::answers()).unwrap();
    let estimate = Estimate::create(&template, &Learned::none()).unwrap();
    assert!(estimate.total() >= seconds(30) && estimate.resources() > 1, "{estimate:?}");
    assert!(estimate.critical_path().len() > 1, "the bucket's policy waits for the bucket: {estimate:?}");
}
