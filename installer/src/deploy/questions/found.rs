//! The networks that are there already, to choose from.

use roxmltree::Node;
use runvoy_api::infra;

use crate::{
    aws::{Aws, Service},
    deploy::preflight::xml,
};

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: String,
    /// Its addresses and its name.
    pub about: String,
    /// Its subnets.
    pub subnets: Vec<Subnet>,
}

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its zone, its addresses and its name.
    pub about: String,
}

/// The account's networks in this region, without those of deployments; none if AWS does not tell.
pub async fn networks(aws: &Aws) -> Vec<Vpc> {
    let (vpcs, subnets) =
        tokio::join!(aws.query(Service::Ec2, "DescribeVpcs", &[]), aws.query(Service::Ec2, "DescribeSubnets", &[]));
    let found = vpcs.ok().zip(subnets.ok());
    found.and_then(|(vpcs, subnets)| read(&vpcs, &subnets)).unwrap_or_default()
}

fn read(vpcs: &str, subnets: &str) -> Option<Vec<Vpc>> {
    let (vpcs, subnets) = (xml::parse(vpcs)?, xml::parse(subnets)?);
    let subnets = xml::entries(subnets.root(), "subnetSet")?;
    let vpcs = xml::entries(vpcs.root(), "vpcSet")?.into_iter().filter(|vpc| tag(*vpc, infra::TAG).is_none());
    let vpcs = vpcs.filter_map(|vpc| {
        let id = xml::text(vpc, "vpcId")?.to_owned();
        let own = subnets.iter().filter(|subnet| xml::text(**subnet, "vpcId") == Some(&id));
        let mut subnets: Vec<_> = own.filter_map(|subnet| read_subnet(*subnet)).collect();
        subnets.sort_by(|one, other| (&one.about, &one.id).cmp(&(&other.about, &other.id)));
        let is_default = xml::text(vpc, "isDefault") == Some("true");
        let about = join([xml::text(vpc, "cidrBlock"), tag(vpc, "Name"), is_default.then_some("the default one")]);
        Some(Vpc { id, about, subnets })
    });
    let mut vpcs: Vec<_> = vpcs.filter(|vpc| !vpc.subnets.is_empty()).collect();
    vpcs.sort_by(|one, other| one.id.cmp(&other.id));
    Some(vpcs)
}

fn read_subnet(subnet: Node<'_, '_>) -> Option<Subnet> {
    let is_public = xml::text(subnet, "mapPublicIpOnLaunch") == Some("true");
    let place = ["availabilityZone", "cidrBlock"].map(|part| xml::text(subnet, part));
    let about = join([place[0], place[1], tag(subnet, "Name"), is_public.then_some("public addresses")]);
    Some(Subnet { id: xml::text(subnet, "subnetId")?.to_owned(), about })
}

fn join<const N: usize>(parts: [Option<&str>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn tag<'a>(of: Node<'a, '_>, key: &str) -> Option<&'a str> {
    let tags = xml::entries(of, "tagSet")?;
    tags.into_iter().find(|tag| xml::text(*tag, "key") == Some(key)).and_then(|tag| xml::text(tag, "value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_listed_with_their_subnets_but_not_those_of_deployments() {
        let tags = |key: &str| format!("<tagSet><item><key>{key}</key><value>office</value></item></tagSet>");
        let vpc =
            |id: &str, more: &str| format!("<item><vpcId>{id}</vpcId><cidrBlock>10.0.0.0/16</cidrBlock>{more}</item>");
        let subnet = |id: &str, vpc: &str, public: bool| {
            format!(
                "<item><subnetId>{id}</subnetId><vpcId>{vpc}</vpcId><availabilityZone>z</availabilityZone>\
                 <mapPublicIpOnLaunch>{public}</mapPublicIpOnLaunch></item>"
            )
        };
        let vpcs = [vpc("vpc-2", &tags("Name")), vpc("vpc-1", ""), vpc("vpc-0", &tags(infra::TAG)), vpc("vpc-3", "")];
        let subnets = [("subnet-b", "vpc-2", false), ("subnet-a", "vpc-1", true), ("subnet-c", "vpc-0", true)];
        let subnets = subnets.map(|(id, vpc, public)| subnet(id, vpc, public));
        let vpcs = format!("<R><vpcSet>{}</vpcSet></R>", vpcs.concat());
        let subnets = format!("<R><subnetSet>{}</subnetSet></R>", subnets.concat());
        let found = read(&vpcs, &subnets).unwrap();
        let told = found.iter().map(|vpc| [&vpc.id, &vpc.about, &vpc.subnets[0].about].map(String::as_str));
        let expected = [["vpc-1", "10.0.0.0/16", "z, public addresses"], ["vpc-2", "10.0.0.0/16, office", "z"]];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert_eq!(read("nonsense", &subnets), None);
    }
}
