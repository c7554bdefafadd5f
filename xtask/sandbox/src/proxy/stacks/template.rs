//! What we need to know of a CloudFormation template.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

/// A parsed template. JSON is YAML, so this reads both.
pub(super) struct Template(Value);

impl Template {
    /// None if it can't be read; the engine will say so.
    pub fn parse(text: &str) -> Option<Self> {
        serde_yaml::from_str(text).ok().map(Self)
    }

    /// The capability that a caller must acknowledge, if any.
    pub fn needed_capability(&self) -> Option<&'static str> {
        let iam =
            self.resources().filter(|(_, resource)| is_iam(resource)).map(|(_, resource)| resource).collect::<Vec<_>>();
        if iam.iter().any(|resource| has_name(resource)) {
            Some("CAPABILITY_NAMED_IAM")
        } else {
            (!iam.is_empty()).then_some("CAPABILITY_IAM")
        }
    }

    /// Whether deleting the stack leaves this resource alone.
    pub fn retains(&self, logical: &str) -> bool {
        let resource = self.resources().find(|(name, _)| *name == logical).map(|(_, resource)| resource);
        let policy = resource.and_then(|resource| resource.get("DeletionPolicy")).and_then(Value::as_str);
        matches!(policy, Some("Retain" | "RetainExceptOnCreate"))
    }

    /// The resources that each resource must wait for: those that it refers to, and those that it says.
    pub fn dependencies(&self) -> BTreeMap<String, BTreeSet<String>> {
        let known = self.resources().map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>();
        let of = |resource: &Value| {
            let mut words = BTreeSet::new();
            mentioned(resource, false, &mut words);
            words.into_iter().filter(|word| known.contains(word)).collect()
        };
        self.resources().map(|(name, resource)| (name.to_owned(), of(resource))).collect()
    }

    /// The indexes of each table: name, keys and projection as one text.
    pub fn indexes(&self) -> BTreeMap<String, BTreeSet<String>> {
        let tables = self
            .resources()
            .filter(|(_, resource)| resource.get("Type").and_then(Value::as_str) == Some("AWS::DynamoDB::Table"));
        let of = |table: &Value| {
            let list = table.get("Properties")?.get("GlobalSecondaryIndexes")?.as_sequence()?;
            let text =
                |index: &Value| ["IndexName", "KeySchema", "Projection"].map(|part| format!("{:?}", index.get(part)));
            Some(list.iter().map(|index| text(index).concat()).collect())
        };
        tables.map(|(name, table)| (name.to_owned(), of(table).unwrap_or_default())).collect()
    }

    fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.0.get("Resources").and_then(Value::as_mapping);
        resources.into_iter().flatten().filter_map(|(name, resource)| Some((name.as_str()?, resource)))
    }
}

/// Collects what a value refers to: `Ref`, `GetAtt`, `Sub` and `DependsOn`, in their short forms and in full.
fn mentioned(value: &Value, refers: bool, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if refers => {
            words.extend(text.split('.').next().map(str::to_owned));
            let inserted = text.split("${").skip(1).filter_map(|part| part.split(['}', '.']).next());
            words.extend(inserted.map(str::to_owned));
        }
        Value::Sequence(items) => items.iter().for_each(|item| mentioned(item, refers, words)),
        Value::Mapping(fields) => fields.iter().for_each(|(key, value)| {
            let refers = matches!(key.as_str(), Some("Ref" | "Fn::GetAtt" | "Fn::Sub" | "DependsOn"));
            mentioned(value, refers, words);
        }),
        Value::Tagged(tagged) => {
            let refers = ["Ref", "GetAtt", "Sub"].iter().any(|name| tagged.tag == *name);
            mentioned(&tagged.value, refers, words);
        }
        _ => {}
    }
}

/// The types of the user guide's "Acknowledging IAM resources".
fn is_iam(resource: &Value) -> bool {
    let kind = resource.get("Type").and_then(Value::as_str).and_then(|kind| kind.strip_prefix("AWS::IAM::"));
    let known =
        ["AccessKey", "Group", "InstanceProfile", "ManagedPolicy", "Policy", "Role", "User", "UserToGroupAddition"];
    kind.is_some_and(|kind| known.contains(&kind))
}

fn has_name(resource: &Value) -> bool {
    let name = match resource.get("Type").and_then(Value::as_str) {
        Some("AWS::IAM::Group") => "GroupName",
        Some("AWS::IAM::InstanceProfile") => "InstanceProfileName",
        Some("AWS::IAM::ManagedPolicy") => "ManagedPolicyName",
        Some("AWS::IAM::Role") => "RoleName",
        Some("AWS::IAM::User") => "UserName",
        _ => return false,
    };
    resource.get("Properties").is_some_and(|properties| properties.get(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(resources: &str) -> Option<&'static str> {
        Template::parse(&format!("Resources:\n{resources}")).unwrap().needed_capability()
    }

    #[test]
    fn capabilities_follow_from_the_resources() {
        assert_eq!(needed("  B:\n    Type: AWS::S3::Bucket\n"), None);
        let role = "  R:\n    Type: AWS::IAM::Role\n    Properties:\n      Description: !Sub '${AWS::StackName}'\n";
        assert_eq!(needed(role), Some("CAPABILITY_IAM"));
        assert_eq!(needed(&format!("{role}      RoleName: x\n")), Some("CAPABILITY_NAMED_IAM"));
        let json = r#"{"Resources":{"P":{"Type":"AWS::IAM::ManagedPolicy","Properties":{}}}}"#;
        assert_eq!(Template::parse(json).unwrap().needed_capability(), Some("CAPABILITY_IAM"));
    }

    #[test]
    fn resources_wait_for_what_they_mention() {
        let text = "Resources:\n  A: {Type: x}\n  B: {Type: x, DependsOn: A}\n  C:\n    Properties:\n      X: !GetAtt A.Arn\n      \
                    Y: !Sub '${AWS::Region}-${B.Arn}'\n      Z: {Ref: D}\n      N: A\n  D: {Properties: {N: [A, !Ref P]}}\n";
        let found = Template::parse(text).unwrap().dependencies();
        let of = |name: &str| found[name].iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!([of("A"), of("B"), of("C"), of("D")], ["", "A", "A B D", ""]);
    }

    #[test]
    fn retained_resources_are_known() {
        let template = Template::parse("Resources: {A: {DeletionPolicy: Retain}, B: {Type: x}}").unwrap();
        assert!(template.retains("A") && !template.retains("B") && !template.retains("C"));
    }
}
