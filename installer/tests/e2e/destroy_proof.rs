//! The proof looks for everything that the templates can make.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    land::{Deployment, Land},
    site::between,
};

/// Types that are no thing of their own: they go with what they are a part of.
const PARTS: [&str; 9] = [
    "AWS::EC2::Route",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Url",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SQS::QueuePolicy",
];
/// Types that a removal sees to by itself, whatever becomes of the stacks.
const REMOVED: [&str; 2] = ["AWS::S3::Bucket", "AWS::DynamoDB::Table"];

/// The types in the templates' sources.
fn types(land: &Land) -> BTreeSet<String> {
    let templates = land.root().join("templates");
    let files = ["", "partials"].into_iter().flat_map(|folder| std::fs::read_dir(templates.join(folder)).unwrap());
    let files = files.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let lines = files.map(|path| std::fs::read_to_string(path).unwrap()).collect::<String>();
    let types = lines.lines().filter_map(|line| line.trim().strip_prefix("Type: "));
    types.filter(|kind| kind.starts_with("AWS::")).map(str::to_owned).collect()
}

/// Type and AWS's name of all that a stack consists of.
fn resources(land: &Land, stack: &str) -> Vec<(String, String)> {
    let query = format!("Action=ListStackResources&Version=2010-05-15&StackName={stack}");
    let reply = land.query("cloudformation", &query);
    let text = |part: &str, tag: &str| between(part, &format!("<{tag}>"), &format!("</{tag}>")).to_owned();
    reply.split("<member>").skip(1).map(|part| (text(part, "ResourceType"), text(part, "PhysicalResourceId"))).collect()
}

/// Removes a deployment whose stacks CloudFormation calls deleted and leaves in place, all of them; what the proof does
/// not find of it.
fn unfound(land: &Land, one: &Deployment) -> BTreeSet<(String, String)> {
    let stacks = [one.name.to_owned(), format!("{}-bucket", one.name)];
    let all: Vec<_> = stacks.iter().flat_map(|stack| resources(land, stack)).collect();
    for stack in &stacks {
        land.script().stack(stack).own().until("DeleteStack").then("DELETE_COMPLETE", "");
    }
    let ran = one.destroy(&["--delete-data", "--json"]).code(4);
    let result: Value = serde_json::from_str(ran.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(result["leftovers"]["unseen"], json!([]));
    let found: Vec<_> = result["leftovers"]["leftovers"].as_array().unwrap().iter().collect();
    for left in &found {
        let [name, command] = ["name", "command"].map(|field| left[field].as_str().unwrap());
        assert!(command.starts_with("aws ") || command.starts_with("for p in $(aws "), "{left}");
        assert!(command.contains(name), "{left}");
    }
    let output = runvoy_api::infra::name::execution_log_group(one.name);
    let is_expected =
        |kind: &str, physical: &str| !PARTS.contains(&kind) && !REMOVED.contains(&kind) && physical != output;
    // A queue's address differs by who asks.
    let name = |physical: &str| {
        physical.strip_prefix("http").map_or(physical, |url| url.rsplit('/').next().unwrap()).to_owned()
    };
    let is_found = |physical: &str| found.iter().any(|left| left["name"].as_str().unwrap().contains(&name(physical)));
    all.into_iter().filter(|(kind, physical)| is_expected(kind, physical) && !is_found(physical)).collect()
}

/// Types that the sandbox's CloudFormation does not know: they are made by hand.
const BY_HAND: [&str; 2] = ["AWS::EC2::EIP", "AWS::EC2::NatGateway"];

/// Makes by hand what CloudFormation could not, and what a removal sees to by itself; the names of all of it.
fn plant(land: &Land, one: &Deployment) -> Vec<String> {
    let ec2 = |form: &str| land.query("ec2", &format!("{form}&Version=2016-11-15"));
    let tag = |kind: &str| {
        let spec = "TagSpecification.1";
        format!("{spec}.ResourceType={kind}&{spec}.Tag.1.Key=runvoy%3Astack&{spec}.Tag.1.Value={}", one.name)
    };
    let address = ec2(&format!("Action=AllocateAddress&Domain=vpc&{}", tag("elastic-ip")));
    let address = between(&address, "<allocationId>", "</allocationId>").to_owned();
    let subnets = ec2("Action=DescribeSubnets");
    let subnet = between(&subnets, "<subnetId>", "</subnetId>");
    let gateway =
        ec2(&format!("Action=CreateNatGateway&SubnetId={subnet}&AllocationId={address}&{}", tag("natgateway")));
    let gateway = between(&gateway, "<natGatewayId>", "</natGatewayId>").to_owned();
    let table = format!("{}-planted", one.name);
    let key = json!([{ "AttributeName": "k", "KeyType": "HASH" }]);
    let attributes = json!([{ "AttributeName": "k", "AttributeType": "S" }]);
    let table_as = json!({ "TableName": table, "KeySchema": key, "AttributeDefinitions": attributes, "BillingMode": "PAY_PER_REQUEST" });
    land.aws("dynamodb", "DynamoDB_20120810.CreateTable", &table_as);
    vec![address, gateway, table]
}

/// Takes it away again.
fn uproot(land: &Land, planted: &[String]) {
    let [address, gateway, table] = planted else { panic!("{planted:?}") };
    land.query("ec2", &format!("Action=DeleteNatGateway&Version=2016-11-15&NatGatewayId={gateway}"));
    land.query("ec2", &format!("Action=ReleaseAddress&Version=2016-11-15&AllocationId={address}"));
    land.aws("dynamodb", "DynamoDB_20120810.DeleteTable", &json!({ "TableName": table }));
}

#[test]
fn the_proof_finds_whatever_the_templates_make() {
    let land = Land::get();
    let image = format!("{}.dkr.ecr.us-east-1.amazonaws.com/terraform:1", land.account());
    let public = ["--network", "public", "--viewer", "cloudfront", "--alarm-email", "ops@example.com"];
    let private = ["--network", "private", "--image", &image];
    let mut seen: BTreeSet<_> = BY_HAND.map(str::to_owned).into();
    for (name, flags) in [("proven-public", &public[..]), ("proven-private", &private)] {
        let one = land.deployment(name);
        one.init(flags).code(0);
        let stacks = [name.to_owned(), format!("{name}-bucket")];
        seen.extend(stacks.iter().flat_map(|stack| resources(land, stack)).map(|(kind, _)| kind));
        assert_eq!(unfound(land, &one), BTreeSet::new());
        // Now for true.
        for stack in &stacks {
            land.script().stack(stack).own();
        }
        one.destroy(&[]).code(0);
        one.is_gone();
        let planted = plant(land, &one);
        let ran = one.destroy(&[]).code(4);
        for name in &planted {
            let left = ran.stderr.lines().find(|line| line.starts_with("left:") && line.contains(name));
            assert!(left.is_some(), "{name}: {}", ran.stderr);
        }
        uproot(land, &planted);
        one.destroy(&[]).code(0);
    }
    assert_eq!(seen, types(land), "what is deployed here is not all that the templates can make");
}
