use aws_sdk_cloudformation::types::{ResourceChangeDetail, ResourceTargetDefinition};

use super::*;

const OLD: &str = r#"
Resources:
  ExecutionsTable:
    Type: AWS::DynamoDB::Table
    Metadata: { runvoy: { description: "table: executions", group: history, data: true } }
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      TableName: acme-executions
      GlobalSecondaryIndexes:
        - { IndexName: a, KeySchema: [x], Projection: { ProjectionType: ALL } }
  ApiFunction:
    Type: AWS::Lambda::Function
    Metadata: { runvoy: { description: function for the API, group: api } }
    Properties: { MemorySize: 128, Code: { S3Key: !Ref ArtifactKey } }
  TaskRole:
    Type: AWS::IAM::Role
    Metadata: { runvoy: { description: what commands may do, group: permissions } }
    Properties: { ManagedPolicyArns: [a] }
"#;

fn aws(action: &str, logical: &str, kind: &str, replacement: &str, details: &[(&str, &str)]) -> AwsChange {
    let detail = |(name, source): &(&str, &str)| {
        ResourceChangeDetail::builder()
            .target(ResourceTargetDefinition::builder().name(*name).build())
            .change_source((*source).into())
            .build()
    };
    let change = ResourceChange::builder()
        .action(action.into())
        .logical_resource_id(logical)
        .resource_type(kind)
        .set_replacement((!replacement.is_empty()).then(|| replacement.into()))
        .set_details(Some(details.iter().map(detail).collect()))
        .build();
    AwsChange::builder().resource_change(change).build()
}

fn shown(changes: &[Change]) -> String {
    console::strip_ansi_codes(&show::lines(changes).join("\n")).into_owned()
}

#[test]
fn new_code_is_told_as_such_whatever_refers_to_the_function() {
    let set = [
        aws(
            "Modify",
            "ApiFunction",
            "AWS::Lambda::Function",
            "False",
            &[("Code", "ParameterReference"), ("Code", "DirectModification")],
        ),
        aws("Modify", "ApiUrl", "AWS::Lambda::Url", "Conditional", &[("TargetFunctionArn", "ResourceAttribute")]),
    ];
    let changes = of_change_set(&set, Some(OLD), OLD).unwrap();
    assert!(is_code_only(&changes) && json(&changes)["code_only"] == true);
    assert_eq!(shown(&changes), "API: new code, in place; nothing else changes\nexecution history: no change");
    check_data(&changes, &[]).unwrap();
}

#[test]
fn an_update_is_told_by_what_it_belongs_to() {
    let set = [
        aws("Modify", "TaskRole", "AWS::IAM::Role", "False", &[("ManagedPolicyArns", "DirectModification")]),
        aws("Modify", "ApiFunction", "AWS::Lambda::Function", "True", &[("FunctionName", "DirectModification")]),
        aws("Add", "Alarm", "AWS::CloudWatch::Alarm", "", &[]),
        aws("Modify", "ExecutionsTable", "AWS::DynamoDB::Table", "False", &[]),
    ];
    let expected = "\
execution history: no change
permissions:
  ~ what commands may do: what it allows, in place (IAM: who may do what)
API:
  ! function for the API: `FunctionName`, replaced
alarms:
  + new: `Alarm`
1 more: descriptions only, or looked at again because of what they refer to";
    assert_eq!(shown(&of_change_set(&set, Some(OLD), OLD).unwrap()), expected);
}

#[test]
fn data_is_not_replaced_or_removed_unless_that_is_named() {
    for (action, replacement) in [("Remove", ""), ("Modify", "True"), ("Modify", "Conditional"), ("Dynamic", "")] {
        let set = [aws(
            action,
            "ExecutionsTable",
            "AWS::DynamoDB::Table",
            replacement,
            &[("KeySchema", "DirectModification")],
        )];
        // A removed resource is known from the deployed template alone.
        let changes = of_change_set(&set, Some(OLD), "Resources: {}").unwrap();
        let refusal = check_data(&changes, &["OtherTable".to_owned()]).unwrap_err();
        assert_eq!(refusal.code(), 5, "{action}");
        assert!(refusal.message().contains("table: executions (`ExecutionsTable`, execution history)"), "{refusal:?}");
        assert!(format!("{refusal:?}").contains("--allow-replacing ExecutionsTable"), "{refusal:?}");
        check_data(&changes, &["ExecutionsTable".to_owned()]).unwrap();
    }
    let harmless = [
        aws("Modify", "ExecutionsTable", "AWS::DynamoDB::Table", "False", &[("Tags", "DirectModification")]),
        aws("Modify", "Output", "AWS::Logs::LogGroup", "Conditional", &[("RetentionInDays", "DirectModification")]),
        aws("Import", "ExecutionsTable", "AWS::DynamoDB::Table", "", &[]),
        aws("Remove", "TaskRole", "AWS::IAM::Role", "", &[]),
    ];
    check_data(&of_change_set(&harmless, Some(OLD), OLD).unwrap(), &[]).unwrap();
}

#[test]
fn data_is_known_even_in_a_template_that_does_not_tell() {
    let set = [aws("Remove", "OldTable", "AWS::DynamoDB::Table", "", &[])];
    let changes = of_change_set(&set, None, "Resources: {}").unwrap();
    assert_eq!((changes[0].group, changes[0].holds_data), (Group::History, true));
}

#[test]
fn templates_are_compared_without_aws() {
    assert_eq!(of_templates(OLD, OLD).unwrap(), []);
    let new = OLD.replace("MemorySize: 128", "MemorySize: 256").replace("TableName: acme-", "TableName: other-");
    let changes = of_templates(OLD, &new.replace("TaskRole:", "OtherRole:")).unwrap();
    let told: Vec<_> =
        changes.iter().map(|one| (one.logical.as_str(), one.action, one.replacement, one.kept)).collect();
    let expected = [
        ("ExecutionsTable", Action::Modify, Replacement::Yes, true),
        ("ApiFunction", Action::Modify, Replacement::No, false),
        ("OtherRole", Action::Add, Replacement::No, false),
        ("TaskRole", Action::Remove, Replacement::No, false),
    ];
    assert_eq!(told, expected);
    assert_eq!(changes[1].properties, ["MemorySize"]);
    assert!(check_data(&changes, &[]).is_err());
}

#[test]
fn two_indexes_of_a_table_are_not_changed_at_once() {
    let index = |name: &str, key: &str| {
        format!("- {{ IndexName: {name}, KeySchema: [{key}], Projection: {{ ProjectionType: ALL }} }}")
    };
    let with = |lines: &[String]| OLD.replace(&index("a", "x"), &lines.join("\n        "));
    assert_ne!(with(&[]), OLD);
    check_indexes(OLD, &with(&[index("a", "x"), index("b", "x")])).unwrap();
    check_indexes(
        OLD,
        &OLD.replace("    Type: AWS::DynamoDB::Table", "    Type: AWS::DynamoDB::Table\n    DependsOn: x"),
    )
    .unwrap();
    let two = check_indexes(OLD, &with(&[index("a", "x"), index("b", "x"), index("c", "x")])).unwrap_err();
    assert!(two.code() == 5 && two.message().contains("`b`, `c` of `ExecutionsTable`"), "{two:?}");
    // Another key is another index of the same name: one goes, one comes.
    check_indexes(OLD, &with(&[index("a", "y")])).unwrap_err();
}

/// Each type that our templates have: otherwise a dry run could only say that it may be replaced.
#[test]
fn the_types_of_our_templates_are_known() {
    let template = templates::bucket("acme", &templates::samples::answers()).unwrap();
    let changed = template.replace("Properties:", "Properties:\n      SomethingNew: 1");
    for change in of_templates(&template, &changed).unwrap() {
        assert_eq!(change.replacement, Replacement::No, "{}", change.kind);
    }
}
