//! What a deployment takes, service by service.

use runvoy_api::infra::name;

use crate::{
    aws::Aws,
    deploy::answers::{Answers, Network, Viewer},
};

/// Actions that are asked about together.
pub struct Group {
    /// Examples of what they are done to. An action counts as allowed if it is on any of them: policies that name
    /// resources are as good as those that allow all.
    resources: &'static [&'static str],
    /// The actions.
    pub actions: &'static [&'static str],
}

impl Group {
    /// The resources' ARNs in this account and region.
    pub fn resources(&self, aws: &Aws, deployment: &str) -> Vec<String> {
        let bucket = name::bucket(deployment, &aws.account, &aws.region);
        let fill = |arn: &&str| {
            arn.replace("{arn}", &format!("arn:{}", aws.partition()))
                .replace("{place}", &format!("{}:{}", aws.region, aws.account))
                .replace("{account}", &aws.account)
                .replace("{bucket}", &bucket)
                .replace("{stack}", deployment)
        };
        self.resources.iter().map(fill).collect()
    }
}

/// Everything that `init` does for any deployment, itself or through CloudFormation.
pub static NEEDED: [Group; 10] = [
    Group {
        resources: &[
            "{arn}:cloudformation:{place}:stack/{stack}/*",
            "{arn}:cloudformation:{place}:stack/{stack}-bucket/*",
        ],
        actions: &[
            "cloudformation:CancelUpdateStack",
            "cloudformation:ContinueUpdateRollback",
            "cloudformation:CreateChangeSet",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetTemplate",
        ],
    },
    Group {
        resources: &["{arn}:s3:::{bucket}", "{arn}:s3:::{bucket}/artifacts/code.zip"],
        actions: &[
            "s3:CreateBucket",
            "s3:GetObject",
            "s3:ListBucket",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:PutLifecycleConfiguration",
            "s3:PutObject",
        ],
    },
    Group {
        resources: &["{arn}:dynamodb:{place}:table/{stack}-api-keys"],
        actions: &[
            "dynamodb:CreateTable",
            "dynamodb:DescribeContinuousBackups",
            "dynamodb:DescribeTable",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:TagResource",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
        ],
    },
    Group {
        resources: &[
            "{arn}:iam::{account}:role/{stack}-ApiFunctionRole-EXAMPLE",
            "{arn}:iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        ],
        actions: &[
            "iam:AttachRolePolicy",
            "iam:CreateRole",
            "iam:CreateServiceLinkedRole",
            "iam:GetRole",
            "iam:PassRole",
            "iam:PutRolePolicy",
            "iam:TagRole",
        ],
    },
    Group {
        resources: &["{arn}:lambda:{place}:function:{stack}-api"],
        actions: &[
            "lambda:AddPermission",
            "lambda:CreateFunction",
            "lambda:CreateFunctionUrlConfig",
            "lambda:GetFunction",
            "lambda:PutFunctionEventInvokeConfig",
            "lambda:TagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ],
    },
    Group {
        resources: &["{arn}:logs:{place}:log-group:/runvoy/{stack}/executions", "*"],
        actions: &["logs:CreateLogGroup", "logs:DescribeLogGroups", "logs:PutRetentionPolicy", "logs:TagResource"],
    },
    Group {
        resources: &["{arn}:events:{place}:rule/{stack}-sweep"],
        actions: &["events:DescribeRule", "events:PutRule", "events:PutTargets", "events:TagResource"],
    },
    Group {
        resources: &["{arn}:sqs:{place}:{stack}-dead-letters"],
        actions: &["sqs:CreateQueue", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes", "sqs:TagQueue"],
    },
    Group {
        resources: &[
            "{arn}:ecs:{place}:cluster/{stack}",
            "{arn}:secretsmanager:{place}:secret:{stack}/internal/jwt-EXAMPL",
            "*",
        ],
        actions: &[
            "ecs:CreateCluster",
            "ecs:DescribeClusters",
            "ecs:TagResource",
            "secretsmanager:CreateSecret",
            "secretsmanager:GetRandomPassword",
            "secretsmanager:TagResource",
        ],
    },
    Group {
        resources: &[
            "*",
            "{arn}:ec2:{place}:vpc/*",
            "{arn}:ec2:{place}:subnet/*",
            "{arn}:ec2:{place}:internet-gateway/*",
            "{arn}:ec2:{place}:route-table/*",
            "{arn}:ec2:{place}:security-group/*",
        ],
        actions: &[
            "ec2:AssociateRouteTable",
            "ec2:AttachInternetGateway",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:CreateInternetGateway",
            "ec2:CreateRoute",
            "ec2:CreateRouteTable",
            "ec2:CreateSecurityGroup",
            "ec2:CreateSubnet",
            "ec2:CreateTags",
            "ec2:CreateVpc",
            "ec2:DescribeAvailabilityZones",
            "ec2:ModifyVpcAttribute",
        ],
    },
];

/// Whether the choices take what a group allows.
type Chosen = fn(&Answers) -> bool;

/// What only some choices take, and which.
static CHOICES: [(Chosen, Group); 4] = [
    (
        |answers| answers.network == Network::Nat,
        Group {
            resources: &["*", "{arn}:ec2:{place}:natgateway/*", "{arn}:ec2:{place}:elastic-ip/*"],
            actions: &["ec2:AllocateAddress", "ec2:CreateNatGateway", "ec2:DescribeNatGateways"],
        },
    ),
    (
        |answers| answers.network == Network::Private,
        Group {
            resources: &["*", "{arn}:ec2:{place}:vpc-endpoint/*"],
            actions: &["ec2:CreateVpcEndpoint", "ec2:DescribeVpcEndpoints"],
        },
    ),
    (
        |answers| answers.alarm_email.is_some(),
        Group {
            resources: &["{arn}:sns:{place}:{stack}-alarms", "{arn}:cloudwatch:{place}:alarm:{stack}-sweep", "*"],
            actions: &[
                "sns:CreateTopic",
                "sns:Subscribe",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:PutDashboard",
            ],
        },
    ),
    (
        |answers| answers.viewer == Viewer::Cloudfront,
        Group {
            resources: &["*", "{arn}:cloudfront::{account}:distribution/*", "{arn}:cloudfront::{account}:function/*"],
            actions: &[
                "cloudfront:CreateDistribution",
                "cloudfront:CreateFunction",
                "cloudfront:CreateOriginAccessControl",
                "cloudfront:CreateResponseHeadersPolicy",
                "cloudfront:GetDistribution",
                "cloudfront:PublishFunction",
            ],
        },
    ),
];

/// The actions that only these choices take.
pub fn chosen(answers: &Answers) -> Vec<&'static Group> {
    CHOICES.iter().filter(|(chosen, _)| chosen(answers)).map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::templates;

    /// A service that a template uses is one whose permissions are asked about.
    #[test]
    fn every_service_of_the_templates_is_asked_about() {
        let asked: BTreeSet<&str> = NEEDED
            .iter()
            .chain(CHOICES.iter().map(|(_, group)| group))
            .flat_map(|group| group.actions)
            .filter_map(|action| Some(action.split_once(':')?.0))
            .collect();
        let main = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/main.yaml.hbs")).unwrap();
        let partials = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../templates/partials")).unwrap();
        let partials = partials.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let texts: Vec<String> = [main, templates::bucket("acme", &templates::samples::answers()).unwrap()]
            .into_iter()
            .chain(partials)
            .collect();
        let types =
            texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.trim().strip_prefix("Type: AWS::"));
        let used: BTreeSet<String> = types.filter_map(|kind| Some(kind.split_once("::")?.0.to_lowercase())).collect();
        assert!(used.len() > 5, "{used:?}");
        let missing: Vec<_> = used.iter().filter(|service| !asked.contains(service.as_str())).collect();
        assert!(missing.is_empty(), "no actions of {missing:?} are asked about");
    }
}
