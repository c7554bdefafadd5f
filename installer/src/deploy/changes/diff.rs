//! The differences of two templates, without asking AWS.

use serde_yaml::{Mapping, Value as Yaml};

use super::{Action, Change, Replacement, Resources};
use crate::error::Result;

/// Properties that can't change in place, by type ("Update requires: Replacement" in the CloudFormation template
/// reference), for the types that our templates have. Of other types it is not known.
const FIXED: &[(&str, &[&str])] = &[
    ("AWS::CloudWatch::Alarm", &["AlarmName"]),
    ("AWS::DynamoDB::Table", &["TableName", "KeySchema", "LocalSecondaryIndexes", "ImportSourceSpecification"]),
    ("AWS::EC2::InternetGateway", &[]),
    ("AWS::EC2::NatGateway", &["SubnetId", "AllocationId", "ConnectivityType"]),
    ("AWS::EC2::Route", &["RouteTableId", "DestinationCidrBlock"]),
    ("AWS::EC2::RouteTable", &["VpcId"]),
    ("AWS::EC2::SecurityGroup", &["GroupName", "GroupDescription", "VpcId"]),
    ("AWS::EC2::Subnet", &["AvailabilityZone", "AvailabilityZoneId", "CidrBlock", "VpcId"]),
    ("AWS::EC2::SubnetRouteTableAssociation", &["SubnetId"]),
    ("AWS::EC2::VPC", &["CidrBlock"]),
    ("AWS::EC2::VPCEndpoint", &["ServiceName", "VpcEndpointType", "VpcId"]),
    ("AWS::EC2::VPCGatewayAttachment", &["VpcId"]),
    ("AWS::ECS::Cluster", &["ClusterName"]),
    ("AWS::ECS::ClusterCapacityProviderAssociations", &["Cluster"]),
    ("AWS::Events::Rule", &["Name", "EventBusName"]),
    ("AWS::IAM::ManagedPolicy", &["ManagedPolicyName", "Path", "Description"]),
    ("AWS::IAM::Role", &["RoleName", "Path"]),
    ("AWS::Lambda::EventInvokeConfig", &["FunctionName", "Qualifier"]),
    ("AWS::Lambda::Function", &["FunctionName", "PackageType"]),
    (
        "AWS::Lambda::Permission",
        &[
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
    ),
    ("AWS::Lambda::Url", &["TargetFunctionArn", "Qualifier"]),
    ("AWS::Logs::LogGroup", &["LogGroupName"]),
    ("AWS::S3::Bucket", &["BucketName"]),
    ("AWS::S3::BucketPolicy", &["Bucket"]),
    ("AWS::SNS::Subscription", &["Endpoint", "Protocol", "TopicArn"]),
    ("AWS::SNS::Topic", &["TopicName", "FifoTopic"]),
    ("AWS::SQS::Queue", &["QueueName", "FifoQueue"]),
    ("AWS::SQS::QueuePolicy", &[]),
    ("AWS::SecretsManager::Secret", &["Name"]),
];

/// Properties of what holds data that certainly change in place ("Update requires: No interruption"), even where a change
/// set calls that conditional.
const IN_PLACE: &[(&str, &[&str])] = &[
    ("AWS::DynamoDB::Table", &["BillingMode", "DeletionProtectionEnabled", "PointInTimeRecoverySpecification", "Tags"]),
    ("AWS::Logs::LogGroup", &["DataProtectionPolicy", "KmsKeyId", "RetentionInDays", "Tags"]),
    ("AWS::S3::Bucket", &["BucketEncryption", "LifecycleConfiguration", "PublicAccessBlockConfiguration", "Tags"]),
];

/// Whether all of these properties certainly change in place.
pub(super) fn is_in_place(kind: &str, properties: &[String]) -> bool {
    let known = IN_PLACE.iter().find(|(known, _)| *known == kind);
    known.is_some_and(|(_, known)| {
        !properties.is_empty() && properties.iter().all(|property| known.contains(&property.as_str()))
    })
}

/// What an update from one template to another changes. Nothing is asked of AWS, so that what only parameters change
/// (such as the functions' code) is not in it.
///
/// # Errors
/// A template that can't be read.
pub fn of_templates(old: &str, new: &str) -> Result<Vec<Change>> {
    let known = Resources::read(Some(old), new)?;
    let (old, new): (Yaml, Yaml) = (serde_yaml::from_str(old)?, serde_yaml::from_str(new)?);
    let empty = Mapping::new();
    let resources = |template: &Yaml| template.get("Resources").and_then(Yaml::as_mapping).cloned();
    let (old, new) = (resources(&old).unwrap_or_default(), resources(&new).unwrap_or_default());
    let mut changes = Vec::new();
    for (logical, resource) in &new {
        let Some(logical) = logical.as_str() else { continue };
        match old.get(logical) {
            None => changes.push(known.change(logical, kind(resource), Action::Add)),
            Some(before) if before == resource => {}
            Some(before) => {
                let mut change = known.change(logical, kind(resource), Action::Modify);
                change.properties = differing(properties(before, &empty), properties(resource, &empty));
                change.replacement = replacement(kind(before), kind(resource), &change.properties);
                change.kept = keeps(before, "UpdateReplacePolicy");
                changes.push(change);
            }
        }
    }
    for (logical, resource) in &old {
        let Some(logical) = logical.as_str().filter(|logical| !new.contains_key(*logical)) else { continue };
        let mut change = known.change(logical, kind(resource), Action::Remove);
        change.kept = keeps(resource, "DeletionPolicy");
        changes.push(change);
    }
    Ok(changes)
}

fn kind(resource: &Yaml) -> &str {
    resource.get("Type").and_then(Yaml::as_str).unwrap_or_default()
}

fn properties<'a>(resource: &'a Yaml, none: &'a Mapping) -> &'a Mapping {
    resource.get("Properties").and_then(Yaml::as_mapping).unwrap_or(none)
}

fn keeps(resource: &Yaml, policy: &str) -> bool {
    matches!(resource.get(policy).and_then(Yaml::as_str), Some("Retain" | "RetainExceptOnCreate" | "Snapshot"))
}

fn differing(old: &Mapping, new: &Mapping) -> Vec<String> {
    let names = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name)));
    let changed = names.filter(|name| old.get(*name) != new.get(*name));
    changed.filter_map(Yaml::as_str).map(str::to_owned).collect()
}

fn replacement(old: &str, new: &str, properties: &[String]) -> Replacement {
    if old != new {
        return Replacement::Yes;
    }
    if properties.is_empty() {
        return Replacement::No;
    }
    match FIXED.iter().find(|(kind, _)| *kind == new) {
        None => Replacement::Maybe,
        Some((_, fixed)) if properties.iter().any(|name| fixed.contains(&name.as_str())) => Replacement::Yes,
        Some(_) => Replacement::No,
    }
}
