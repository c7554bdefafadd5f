//! Whether the region is enabled, and which of its zones Fargate works in.

use super::{Outcome, xml};
use crate::aws::{Aws, Service};

/// Where Fargate works in some zones only, those, by zone id: names differ from account to account.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html>; `cac1-az4` and `use1-az3` are
/// left out because they lack what newer zones have, and two others are enough.
const FARGATE_ZONES: [(&str, &[&str]); 5] = [
    ("us-east-1", &["use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"]),
    ("us-west-1", &["usw1-az1", "usw1-az3"]),
    ("ca-central-1", &["cac1-az1", "cac1-az2"]),
    ("ap-northeast-1", &["apne1-az1", "apne1-az2", "apne1-az4"]),
    ("cn-north-1", &["cnn1-az1", "cnn1-az2"]),
];

/// How many zones a deployment spreads over.
const WANTED: usize = 2;

/// Whether the account may use the region.
pub async fn check(aws: &Aws) -> Outcome {
    let parameters = [("AllRegions", "true"), ("RegionName.1", aws.region.as_str())];
    match aws.query(Service::Ec2, "DescribeRegions", &parameters).await {
        Ok(reply) => decide_region(&aws.region, &reply),
        Err(error) => Outcome::unread("ec2:DescribeRegions", &error),
    }
}

fn decide_region(region: &str, reply: &str) -> Outcome {
    let status = xml::parse(reply).and_then(|reply| {
        let ours = xml::all(reply.root(), "item").find(|item| xml::text(*item, "regionName") == Some(region))?;
        xml::text(ours, "optInStatus").map(str::to_owned)
    });
    match status.as_deref() {
        Some("opt-in-not-required" | "opted-in") => Outcome::Pass(format!("{region} is enabled")),
        Some("not-opted-in") => Outcome::fail(
            format!("the region `{region}` is not enabled in this account"),
            format!("`aws account enable-region --region-name {region}`, or choose another with `--region`"),
        ),
        _ => Outcome::unreadable("ec2:DescribeRegions"),
    }
}

/// Two zones that Fargate works in, by name.
pub async fn zones(aws: &Aws) -> (Outcome, Vec<String>) {
    let parameters = [
        ("Filter.1.Name", "zone-type"),
        ("Filter.1.Value.1", "availability-zone"),
        ("Filter.2.Name", "state"),
        ("Filter.2.Value.1", "available"),
    ];
    let reply = match aws.query(Service::Ec2, "DescribeAvailabilityZones", &parameters).await {
        Ok(reply) => reply,
        Err(error) => return (Outcome::unread("ec2:DescribeAvailabilityZones", &error), vec![]),
    };
    let Some(zones) = fargate_zones(&aws.region, &reply) else {
        return (Outcome::unreadable("ec2:DescribeAvailabilityZones"), vec![]);
    };
    if zones.len() < WANTED {
        let problem = format!("`{}` has {} zones that Fargate works in, and two are needed", aws.region, zones.len());
        return (Outcome::fail(problem, "choose another region with `--region`"), vec![]);
    }
    (Outcome::Pass(format!("{} for Fargate", zones.join(" and "))), zones)
}

/// The names of the first two, in the order of their ids, so that each run takes the same.
fn fargate_zones(region: &str, reply: &str) -> Option<Vec<String>> {
    let reply = xml::parse(reply)?;
    let allowed = FARGATE_ZONES.iter().find(|(name, _)| *name == region).map(|(_, zones)| *zones);
    let mut zones = Vec::new();
    for zone in xml::entries(reply.root(), "availabilityZoneInfo")? {
        let (id, name) = (xml::text(zone, "zoneId")?, xml::text(zone, "zoneName")?);
        if allowed.is_none_or(|allowed| allowed.contains(&id)) {
            zones.push((id, name.to_owned()));
        }
    }
    zones.sort();
    Some(zones.into_iter().map(|(_, name)| name).take(WANTED).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_counts_only_if_aws_says_so() {
        let reply = |status: &str| {
            format!(
                r#"<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><regionInfo><item>
                <regionName>eu-south-1</regionName><optInStatus>{status}</optInStatus></item></regionInfo></DescribeRegionsResponse>"#
            )
        };
        assert!(matches!(decide_region("eu-south-1", &reply("opted-in")), Outcome::Pass(_)));
        assert!(matches!(decide_region("eu-south-1", &reply("not-opted-in")), Outcome::Fail { .. }));
        for reply in [reply("soon"), reply("opted-in").replace("eu-south-1", "eu-south-2"), String::new()] {
            assert!(matches!(decide_region("eu-south-1", &reply), Outcome::Unknown { .. }), "{reply}");
        }
    }

    #[test]
    fn zones_without_fargate_are_left_out_by_id() {
        let zone = |name: &str, id: &str| format!("<item><zoneName>{name}</zoneName><zoneId>{id}</zoneId></item>");
        let reply =
            |zones: &[String]| format!("<R><availabilityZoneInfo>{}</availabilityZoneInfo></R>", zones.concat());
        let west =
            reply(&[zone("us-west-1a", "usw1-az3"), zone("us-west-1b", "usw1-az2"), zone("us-west-1c", "usw1-az1")]);
        assert_eq!(fargate_zones("us-west-1", &west).unwrap(), ["us-west-1c", "us-west-1a"]);
        // In other regions all do; the ids' order decides, not the names'.
        let any = reply(&[zone("x-1a", "x1-az3"), zone("x-1b", "x1-az1"), zone("x-1c", "x1-az2")]);
        assert_eq!(fargate_zones("x-1", &any).unwrap(), ["x-1b", "x-1c"]);
        assert_eq!(fargate_zones("x-1", "<R/>"), None);
    }
}
