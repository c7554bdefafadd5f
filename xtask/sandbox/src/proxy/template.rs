//! What the refusals need to know of a CloudFormation template.

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

    fn resources(&self) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.0.get("Resources").and_then(Value::as_mapping);
        resources.into_iter().flatten().filter_map(|(name, resource)| Some((name.as_str()?, resource)))
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
    fn retained_resources_are_known() {
        let template = Template::parse("Resources: {A: {DeletionPolicy: Retain}, B: {Type: x}}").unwrap();
        assert!(template.retains("A") && !template.retains("B") && !template.retains("C"));
    }
}
