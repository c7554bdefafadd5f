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
    assert!(is_code_only(&changes) && json(&changes, &[])["code_only"] == true);
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

/// A template with two tables that have these indexes, each by its name and its key.
fn indexed(one: &[(&str, &str)], other: &[(&str, &str)], memory: u32) -> String {
    let table = |name: &str, indexes: &[(&str, &str)]| {
        let keys = indexes.iter().map(|(_, key)| *key).chain(["id"]).collect::<std::collections::BTreeSet<_>>();
        let attribute = |key| serde_json::json!({ "AttributeName": key, "AttributeType": "S" });
        let mut properties = serde_json::json!({
            "TableName": name,
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "AttributeDefinitions": keys.into_iter().map(attribute).collect::<Vec<_>>(),
        });
        if !indexes.is_empty() {
            let index = |(name, key): &(&str, &str)| {
                let key = serde_json::json!([{ "AttributeName": key, "KeyType": "HASH" }]);
                serde_json::json!({ "IndexName": name, "KeySchema": key, "Projection": { "ProjectionType": "ALL" } })
            };
            properties["GlobalSecondaryIndexes"] = indexes.iter().map(index).collect();
        }
        serde_json::json!({
            "Type": "AWS::DynamoDB::Table",
            "Metadata": { "runvoy": { "description": format!("table: {name}") } },
            "Properties": properties,
        })
    };
    let function = serde_json::json!({ "Type": "AWS::Lambda::Function", "Properties": { "MemorySize": memory } });
    serde_json::json!({ "Resources": { "One": table("one", one), "Other": table("other", other), "Api": function } })
        .to_string()
}

/// The indexes of both tables, and whether the function is the old one still.
fn shape(template: &str) -> (Vec<Vec<String>>, bool) {
    let template: serde_yaml::Value = serde_yaml::from_str(template).unwrap();
    let resources = &template["Resources"];
    let of = |table: &str| {
        let properties = &resources[table]["Properties"];
        let indexes = properties["GlobalSecondaryIndexes"].as_sequence().cloned().unwrap_or_default();
        let key = |index: &serde_yaml::Value| index["KeySchema"][0]["AttributeName"].as_str().unwrap().to_owned();
        let mut keys: Vec<_> = indexes.iter().map(key).chain(["id".to_owned()]).collect();
        let defined = properties["AttributeDefinitions"].as_sequence().unwrap().iter();
        let mut defined: Vec<_> = defined.map(|one| one["AttributeName"].as_str().unwrap().to_owned()).collect();
        for list in [&mut keys, &mut defined] {
            list.sort();
            list.dedup();
        }
        assert_eq!(keys, defined, "each attribute of a key is defined, and no other");
        let name = |index: &serde_yaml::Value| format!("{}:{}", index["IndexName"].as_str().unwrap(), key(index));
        let mut names: Vec<_> = indexes.iter().map(name).collect();
        names.sort();
        names
    };
    (["One", "Other"].map(of).into(), resources["Api"]["Properties"]["MemorySize"] == 1)
}

#[test]
fn indexes_change_one_at_a_time_and_never_under_code_that_needs_them() {
    let sets: [&[(&str, &str)]; 5] =
        [&[("a", "x")], &[("a", "y")], &[("a", "x"), ("b", "x")], &[("b", "y"), ("c", "z")], &[]];
    let differing = |one: &[String], other: &[String]| {
        one.iter().filter(|name| !other.contains(name)).count()
            + other.iter().filter(|name| !one.contains(name)).count()
    };
    let all: Vec<_> = sets.iter().map(|one| (*one, sets[0])).chain([(sets[4], sets[3]), (sets[3], sets[4])]).collect();
    for (before, after) in all.iter().flat_map(|before| all.iter().map(move |after| (before, after))) {
        let (old, new) = (indexed(before.0, before.1, 1), indexed(after.0, after.1, 2));
        let plan = stages(&old, &new).unwrap();
        let ways: Vec<_> = plan.iter().map(|stage| stage.template.clone().unwrap_or_else(|| new.clone())).collect();
        let direct: Vec<_> =
            shape(&old).0.iter().zip(&shape(&new).0).map(|(one, other)| differing(one, other)).collect();
        assert_eq!(plan.is_empty(), direct.iter().all(|count| *count < 2), "{before:?} {after:?}");
        let mut from = old.clone();
        for (number, way) in ways.iter().enumerate() {
            let ((was, was_old), (is, is_old)) = (shape(&from), shape(way));
            let changed: Vec<_> = was.iter().zip(&is).map(|(one, other)| differing(one, other)).collect();
            assert!(changed.iter().all(|count| *count < 2), "{before:?} {after:?}: {plan:?}");
            assert!(changed.contains(&1) || (was_old && !is_old), "for nothing: {plan:?}");
            assert_eq!(is_old, !plan[number].is_new);
            for (table, wanted) in shape(&new).0.iter().enumerate() {
                let missing = wanted.iter().filter(|name| !is[table].contains(name)).count();
                assert!(is_old || missing == 0, "new code without its index: {plan:?}");
            }
            // Whoever comes after a crash goes on from there.
            let rest = stages(way, &new).unwrap();
            assert_eq!(rest.len().max(1), (ways.len() - number - 1).max(1), "{before:?} {after:?} {number}");
            from.clone_from(way);
        }
        assert!(ways.last().is_none_or(|last| *last == new));
    }
}

#[test]
fn each_of_several_updates_is_told() {
    let (old, new) = (indexed(&[("a", "x")], &[], 1), indexed(&[("b", "x"), ("c", "z")], &[], 2));
    let expected = "\
AWS makes or removes one index of a table at a time, so that this takes 3 updates:
  1 of 3: new index `b` of table: one
  2 of 3: new index `c` of table: one, everything else
  3 of 3: removed index `a` of table: one";
    let plan = stages(&old, &new).unwrap();
    assert_eq!(show::steps(&plan).join("\n"), expected);
    assert_eq!(json(&[], &plan)["stages"][2], "removed index `a` of table: one");
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
