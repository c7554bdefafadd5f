//! How long AWS takes for a resource: from a table, and from what this account has seen.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use aws_sdk_cloudformation::types::{ResourceStatus, StackEvent};

/// Seconds that AWS usually takes to make a resource. The first group are averages that the deployment tool rain has
/// published; the second are guesses, as good as any until the account's own events say better.
const SEEDS: [(&str, u64); 40] = [
    ("AWS::CloudFormation::Stack", 133),
    ("AWS::CloudFront::Distribution", 266),
    ("AWS::DynamoDB::Table", 15),
    ("AWS::EC2::InternetGateway", 17),
    ("AWS::EC2::NatGateway", 106),
    ("AWS::EC2::RouteTable", 12),
    ("AWS::EC2::SecurityGroup", 6),
    ("AWS::EC2::Subnet", 4),
    ("AWS::EC2::VPC", 12),
    ("AWS::EC2::VPCGatewayAttachment", 12),
    ("AWS::ECS::Cluster", 5),
    ("AWS::ECS::TaskDefinition", 4),
    ("AWS::Events::Rule", 62),
    ("AWS::IAM::Role", 12),
    ("AWS::KMS::Alias", 62),
    ("AWS::KMS::Key", 122),
    ("AWS::Lambda::Function", 25),
    ("AWS::Lambda::Url", 1),
    ("AWS::Logs::LogGroup", 1),
    ("AWS::S3::Bucket", 30),
    // Guesses.
    ("AWS::CloudFront::Function", 5),
    ("AWS::CloudFront::OriginAccessControl", 3),
    ("AWS::CloudWatch::Alarm", 3),
    ("AWS::CloudWatch::Dashboard", 3),
    ("AWS::EC2::EIP", 15),
    ("AWS::EC2::Route", 5),
    ("AWS::EC2::SecurityGroupIngress", 5),
    ("AWS::EC2::SubnetRouteTableAssociation", 4),
    ("AWS::EC2::VPCEndpoint", 60),
    ("AWS::IAM::ManagedPolicy", 15),
    ("AWS::IAM::Policy", 15),
    ("AWS::Lambda::EventInvokeConfig", 3),
    ("AWS::Lambda::Permission", 4),
    ("AWS::S3::BucketPolicy", 2),
    ("AWS::SNS::Subscription", 3),
    ("AWS::SNS::Topic", 10),
    ("AWS::SNS::TopicPolicy", 3),
    ("AWS::SQS::Queue", 62),
    ("AWS::SQS::QueuePolicy", 3),
    ("AWS::SecretsManager::Secret", 3),
];

/// For a type that the table lacks, and for removing what a template no longer has.
pub(super) const UNKNOWN: Duration = Duration::from_secs(10);

/// How long this account's own resources took, by type and verb.
#[derive(Debug, Clone, Default)]
pub struct Learned(BTreeMap<(String, &'static str), Vec<Duration>>);

impl Learned {
    /// Nothing is known but the built-in table.
    pub fn none() -> Self {
        Self::default()
    }

    /// From events of any stacks, in any order: each time that one of their resources was begun and completed.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a StackEvent>) -> Self {
        let mut seen: Vec<_> = events.into_iter().filter_map(Seen::of).collect();
        // AWS lists the newest first; two of the same instant stay in their order.
        seen.reverse();
        seen.sort_by_key(|event| event.at);
        let mut learned = Self::none();
        let mut begun = BTreeMap::new();
        for Seen { resource, kind, status, at } in seen {
            let (verb, phase) = status.split_once('_').unwrap_or_default();
            match (self::verb(verb), phase) {
                (Some(verb), "IN_PROGRESS") => {
                    // AWS says it twice: when it begins, and when the resource has got its name.
                    begun.entry(resource).or_insert((verb, at));
                }
                (Some(verb), "COMPLETE") => {
                    if let Some((_, began)) = begun.remove(&resource).filter(|(begun, _)| *begun == verb) {
                        let took = at.duration_since(began).unwrap_or_default();
                        learned.0.entry((kind.to_owned(), verb)).or_default().push(took);
                    }
                }
                _ => drop(begun.remove(&resource)),
            }
        }
        learned
    }

    /// Takes up what another has learned too.
    pub fn merge(&mut self, other: Self) {
        for (key, times) in other.0 {
            self.0.entry(key).or_default().extend(times);
        }
    }

    /// The median, if there is one.
    fn median(&self, kind: &str, verb: &'static str) -> Option<Duration> {
        let mut times = self.0.get(&(kind.to_owned(), verb))?.clone();
        times.sort();
        times.get(times.len() / 2).copied()
    }

    /// How long it usually takes to `verb` a resource of this type.
    pub(super) fn usual(&self, kind: &str, verb: &'static str) -> Duration {
        let seed = || SEEDS.iter().find(|(seed, _)| *seed == kind).map(|(_, seconds)| Duration::from_secs(*seconds));
        // Most updates go through the same motions as a creation.
        self.median(kind, verb).or_else(|| self.median(kind, "create")).or_else(seed).unwrap_or(UNKNOWN)
    }
}

struct Seen<'a> {
    resource: (&'a str, &'a str),
    kind: &'a str,
    status: &'a str,
    at: SystemTime,
}

impl<'a> Seen<'a> {
    /// None for what is said of the stack itself.
    fn of(event: &'a StackEvent) -> Option<Self> {
        let stack = event.stack_id()?;
        (event.physical_resource_id() != Some(stack)).then_some(())?;
        Some(Self {
            resource: (stack, event.logical_resource_id()?),
            kind: event.resource_type()?,
            status: event.resource_status().map(ResourceStatus::as_str)?,
            at: SystemTime::try_from(*event.timestamp()?).ok()?,
        })
    }
}

fn verb(status: &str) -> Option<&'static str> {
    match status {
        "CREATE" => Some("create"),
        "UPDATE" => Some("update"),
        "DELETE" => Some("remove"),
        "IMPORT" => Some("adopt"),
        _ => None,
    }
}
