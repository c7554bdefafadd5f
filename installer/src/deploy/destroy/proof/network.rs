//! The network, by its tag: EC2 tells of it without the delay that the index of tags has.

use roxmltree::Node;
use runvoy_api::infra::TAG;

use super::{super::Site, Found, Leftover};
use crate::{
    aws::Service,
    deploy::preflight::xml,
    error::{Error, Result, ResultExt as _},
};

/// What EC2 has, in the order in which it can be deleted.
struct Kind {
    action: &'static str,
    list: &'static str,
    id: &'static str,
    what: &'static str,
    command: &'static str,
}

const fn kind(
    action: &'static str,
    list: &'static str,
    id: &'static str,
    what: &'static str,
    command: &'static str,
) -> Kind {
    Kind { action, list, id, what, command }
}

const KINDS: [Kind; 9] = [
    kind(
        "DescribeVpcEndpoints",
        "vpcEndpointSet",
        "vpcEndpointId",
        "endpoint",
        "delete-vpc-endpoints --vpc-endpoint-ids",
    ),
    kind("DescribeNatGateways", "natGatewaySet", "natGatewayId", "NAT gateway", "delete-nat-gateway --nat-gateway-id"),
    kind(
        "DescribeNetworkInterfaces",
        "networkInterfaceSet",
        "networkInterfaceId",
        "network interface",
        "delete-network-interface --network-interface-id",
    ),
    kind("DescribeAddresses", "addressesSet", "allocationId", "public address", "release-address --allocation-id"),
    kind("DescribeSubnets", "subnetSet", "subnetId", "subnet", "delete-subnet --subnet-id"),
    kind("DescribeRouteTables", "routeTableSet", "routeTableId", "route table", "delete-route-table --route-table-id"),
    kind(
        "DescribeInternetGateways",
        "internetGatewaySet",
        "internetGatewayId",
        "internet gateway",
        "delete-internet-gateway --internet-gateway-id",
    ),
    kind("DescribeSecurityGroups", "securityGroupInfo", "groupId", "firewall", "delete-security-group --group-id"),
    kind("DescribeVpcs", "vpcSet", "vpcId", "network", "delete-vpc --vpc-id"),
];

/// All of it that carries the deployment's tag.
pub async fn find(site: Site<'_>) -> Found {
    let mut found = Vec::new();
    for kind in &KINDS {
        for id in ids(site, kind).await? {
            found.push(Leftover::new(site, kind.what, &id, &format!("ec2 {} {id}", kind.command)));
        }
    }
    Ok(found)
}

async fn ids(site: Site<'_>, kind: &Kind) -> Result<Vec<String>> {
    let tag = format!("tag:{TAG}");
    let filter = [("Filter.1.Name", tag.as_str()), ("Filter.1.Value.1", site.deployment)];
    let reply =
        site.aws.query(Service::Ec2, kind.action, &filter).await.context(format!("`{}` failed", kind.action))?;
    let document = xml::parse(&reply).ok_or_else(|| Error::new("AWS's reply is no XML"))?;
    let items = xml::entries(document.root(), kind.list).unwrap_or_default();
    // AWS shows what it has deleted for another hour.
    let there =
        items.into_iter().filter(|item| !xml::text(*item, "state").is_some_and(|state| state.starts_with("delet")));
    let ours = there.filter(|item| is_tagged(*item, site.deployment));
    Ok(ours.filter_map(|item| xml::text(item, kind.id)).map(str::to_owned).collect())
}

/// Nobody is told to delete what a filter has let through that is not ours.
fn is_tagged(item: Node<'_, '_>, deployment: &str) -> bool {
    let tags = xml::entries(item, "tagSet").unwrap_or_default();
    tags.into_iter().any(|tag| xml::text(tag, "key") == Some(TAG) && xml::text(tag, "value") == Some(deployment))
}
