//! When the events of an operation would have happened if its resources took the time that they take on AWS.

use std::collections::{BTreeMap, BTreeSet};

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::proxy::reply::element;

/// How long resources take, in seconds: averages of many real deployments.
const SECONDS: [(&str, f64); 16] = [
    ("AWS::EC2::VPC", 12.0),
    ("AWS::EC2::InternetGateway", 17.0),
    ("AWS::EC2::VPCGatewayAttachment", 12.0),
    ("AWS::EC2::RouteTable", 12.0),
    ("AWS::EC2::Subnet", 4.0),
    ("AWS::EC2::SecurityGroup", 6.0),
    ("AWS::EC2::NatGateway", 106.0),
    ("AWS::ECS::Cluster", 5.0),
    ("AWS::Lambda::Function", 25.0),
    ("AWS::Lambda::Url", 1.0),
    ("AWS::IAM::Role", 12.0),
    ("AWS::DynamoDB::Table", 15.0),
    ("AWS::S3::Bucket", 30.0),
    ("AWS::Events::Rule", 10.0),
    ("AWS::Logs::LogGroup", 1.0),
    ("AWS::CloudFront::Distribution", 266.0),
];
const OTHERS: f64 = 5.0;

/// One operation's schedule.
pub(super) struct Schedule<'a> {
    pub stack_id: &'a str,
    pub began: OffsetDateTime,
    /// Times the usual durations.
    pub factor: f64,
    /// What each resource waits for when it is made.
    pub dependencies: &'a BTreeMap<String, BTreeSet<String>>,
}

impl Schedule<'_> {
    /// The time of each event, given oldest first. Later events don't change the times of earlier ones.
    pub fn times(&self, events: &[String]) -> Vec<OffsetDateTime> {
        let mut barrier = self.began;
        let mut latest = self.began;
        let mut spans = BTreeMap::<&str, (OffsetDateTime, OffsetDateTime)>::new();
        let mut times = Vec::with_capacity(events.len());
        for event in events {
            let field = |tag| element(event, tag).unwrap_or_default();
            let (logical, status) = (field("LogicalResourceId"), field("ResourceStatus"));
            let happened = OffsetDateTime::parse(field("Timestamp"), &Rfc3339).unwrap_or(self.began);
            let at = if field("PhysicalResourceId") == self.stack_id
                || field("ResourceType") == "AWS::CloudFormation::Stack"
            {
                // The stack moves on when everything before has come to its end.
                barrier = latest;
                spans.clear();
                barrier
            } else if status.ends_with("_IN_PROGRESS") {
                let free = self.awaited(logical, status, &spans).max().unwrap_or(barrier);
                let start = spans.get(logical).map_or(barrier.max(free), |(start, _)| *start);
                spans.insert(logical, (start, start + self.duration(field("ResourceType"))));
                start
            } else {
                spans.get(logical).map_or(barrier, |(_, end)| *end)
            };
            let at = at.max(happened);
            if let Some((_, end)) = spans.get_mut(logical).filter(|_| !status.ends_with("_IN_PROGRESS")) {
                *end = at;
            }
            latest = latest.max(at);
            times.push(at);
        }
        times
    }

    /// When the resources end that this one has to wait for: on the way down, those that wait for it on the way up.
    fn awaited<'b>(
        &'b self,
        logical: &'b str,
        status: &str,
        spans: &'b BTreeMap<&str, (OffsetDateTime, OffsetDateTime)>,
    ) -> impl Iterator<Item = OffsetDateTime> + 'b {
        let down = status.starts_with("DELETE");
        let waits = |one: &str, other: &str| self.dependencies.get(one).is_some_and(|names| names.contains(other));
        let ends =
            spans.iter().filter(move |(other, _)| if down { waits(other, logical) } else { waits(logical, other) });
        ends.map(|(_, (_, end))| *end)
    }

    fn duration(&self, kind: &str) -> Duration {
        let seconds = SECONDS.iter().find(|(known, _)| *known == kind).map_or(OTHERS, |(_, seconds)| *seconds);
        Duration::seconds_f64(seconds * self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(names: &[(&str, &str, &str)]) -> Vec<f64> {
        let began = OffsetDateTime::now_utc();
        let waits = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let dependencies = [("Table", waits(&[])), ("Role", waits(&[])), ("Function", waits(&["Role"]))];
        let dependencies = dependencies.map(|(name, waits)| (name.to_owned(), waits)).into();
        let event = |(logical, kind, status): &(&str, &str, &str)| {
            let kind = format!("AWS::{kind}");
            format!(
                "<LogicalResourceId>{logical}</LogicalResourceId><ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus>"
            )
        };
        let schedule = Schedule { stack_id: "arn", began, factor: 1.0, dependencies: &dependencies };
        let events = names.iter().map(event).collect::<Vec<_>>();
        schedule.times(&events).into_iter().map(|at| (at - began).as_seconds_f64()).collect()
    }

    #[test]
    fn resources_take_their_time_side_by_side() {
        let stack = "CloudFormation::Stack";
        let (role, function, table) = ("IAM::Role", "Lambda::Function", "DynamoDB::Table");
        let found = times(&[
            ("s", stack, "CREATE_IN_PROGRESS"),
            ("Role", role, "CREATE_IN_PROGRESS"),
            ("Role", role, "CREATE_COMPLETE"),
            ("Function", function, "CREATE_IN_PROGRESS"),
            ("Function", function, "CREATE_COMPLETE"),
            ("Table", table, "CREATE_IN_PROGRESS"),
            ("Table", table, "CREATE_COMPLETE"),
            ("s", stack, "CREATE_COMPLETE"),
        ]);
        assert_eq!(found, [0.0, 0.0, 12.0, 12.0, 37.0, 0.0, 15.0, 37.0]);
        let found = times(&[
            ("s", stack, "DELETE_IN_PROGRESS"),
            ("Function", function, "DELETE_IN_PROGRESS"),
            ("Function", function, "DELETE_COMPLETE"),
            ("Role", role, "DELETE_IN_PROGRESS"),
            ("Role", role, "DELETE_COMPLETE"),
            ("Table", table, "DELETE_SKIPPED"),
            ("s", stack, "DELETE_COMPLETE"),
        ]);
        assert_eq!(found, [0.0, 0.0, 25.0, 25.0, 37.0, 0.0, 37.0]);
    }
}
