//! The command that removes what a stack has left behind, by CloudFormation's own name for it.

/// The words of AWS's CLI that a name follows, for the types of the templates.
const COMMANDS: [(&str, &str); 20] = [
    ("AWS::CloudWatch::Alarm", "cloudwatch delete-alarms --alarm-names"),
    ("AWS::DynamoDB::Table", "dynamodb delete-table --table-name"),
    ("AWS::EC2::EIP", "ec2 release-address --public-ip"),
    ("AWS::EC2::InternetGateway", "ec2 delete-internet-gateway --internet-gateway-id"),
    ("AWS::EC2::NatGateway", "ec2 delete-nat-gateway --nat-gateway-id"),
    ("AWS::EC2::RouteTable", "ec2 delete-route-table --route-table-id"),
    ("AWS::EC2::SecurityGroup", "ec2 delete-security-group --group-id"),
    ("AWS::EC2::Subnet", "ec2 delete-subnet --subnet-id"),
    ("AWS::EC2::SubnetRouteTableAssociation", "ec2 disassociate-route-table --association-id"),
    ("AWS::EC2::VPC", "ec2 delete-vpc --vpc-id"),
    ("AWS::EC2::VPCEndpoint", "ec2 delete-vpc-endpoints --vpc-endpoint-ids"),
    ("AWS::ECS::Cluster", "ecs delete-cluster --cluster"),
    ("AWS::Lambda::Function", "lambda delete-function --function-name"),
    ("AWS::Lambda::Url", "lambda delete-function-url-config --function-name"),
    ("AWS::Logs::LogGroup", "logs delete-log-group --log-group-name"),
    ("AWS::S3::BucketPolicy", "s3api delete-bucket-policy --bucket"),
    ("AWS::SNS::Subscription", "sns unsubscribe --subscription-arn"),
    ("AWS::SNS::Topic", "sns delete-topic --topic-arn"),
    ("AWS::SQS::Queue", "sqs delete-queue --queue-url"),
    ("AWS::SecretsManager::Secret", "secretsmanager delete-secret --force-delete-without-recovery --secret-id"),
];

/// Without `aws` before it and the region behind it. What is not one of ours is left to the API for all types.
pub fn command(kind: &str, physical: &str) -> String {
    match COMMANDS.iter().find(|(known, _)| *known == kind) {
        Some((_, words)) => format!("{words} '{physical}'"),
        None if kind == "AWS::S3::Bucket" => format!("s3 rb 's3://{physical}' --force"),
        None => format!("cloudcontrol delete-resource --type-name {kind} --identifier '{physical}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_command() {
        for (kind, words) in [
            ("AWS::EC2::SecurityGroup", "ec2 delete-security-group --group-id 'x'"),
            ("AWS::S3::Bucket", "s3 rb 's3://x' --force"),
            ("AWS::Other::Kind", "cloudcontrol delete-resource --type-name AWS::Other::Kind --identifier 'x'"),
        ] {
            assert_eq!(command(kind, "x"), words);
        }
    }
}
