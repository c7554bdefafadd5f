//! The services that are called without an SDK of their own: names, versions, hosts.

use aws_types::service_config::ServiceConfigKey;

use super::{Aws, home_region};

/// The services that are called so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "it is what AWS calls it")]
pub enum Service {
    /// Roles and permissions; one for all regions.
    Iam,
    /// Networks, zones, regions.
    Ec2,
    /// Limits of the account.
    ServiceQuotas,
    /// Prices; for all regions in one.
    Pricing,
    /// Functions.
    Lambda,
    /// Secrets.
    SecretsManager,
    /// What carries which tag.
    Tagging,
    /// Queues.
    Sqs,
    /// Rules.
    EventBridge,
    /// Topics.
    Sns,
    /// Alarms.
    CloudWatch,
    /// Addresses of pages; one for all regions.
    CloudFront,
}

impl Service {
    pub(super) fn signing_name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Ec2 => "ec2",
            Self::ServiceQuotas => "servicequotas",
            Self::Pricing => "pricing",
            Self::Lambda => "lambda",
            Self::SecretsManager => "secretsmanager",
            Self::Tagging => "tagging",
            Self::Sqs => "sqs",
            Self::EventBridge => "events",
            Self::Sns => "sns",
            Self::CloudWatch => "monitoring",
            Self::CloudFront => "cloudfront",
        }
    }

    /// What its endpoint is set by: `AWS_ENDPOINT_URL_` and this, in upper case with underscores.
    fn id(self) -> &'static str {
        match self {
            Self::Iam => "IAM",
            Self::Ec2 => "EC2",
            Self::ServiceQuotas => "Service Quotas",
            Self::Pricing => "Pricing",
            Self::Lambda => "Lambda",
            Self::SecretsManager => "Secrets Manager",
            Self::Tagging => "Resource Groups Tagging API",
            Self::Sqs => "SQS",
            Self::EventBridge => "EventBridge",
            Self::Sns => "SNS",
            Self::CloudWatch => "CloudWatch",
            Self::CloudFront => "CloudFront",
        }
    }

    /// Of the query protocol.
    pub(super) fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Ec2 => "2016-11-15",
            Self::Sqs => "2012-11-05",
            Self::Sns => "2010-03-31",
            Self::CloudWatch => "2010-08-01",
            _ => "",
        }
    }

    pub(super) fn region(self, aws: &Aws) -> &str {
        match self {
            Self::Iam | Self::CloudFront => home_region(aws.partition()),
            // https://docs.aws.amazon.com/general/latest/gr/billing.html
            Self::Pricing if aws.partition() == "aws-cn" => "cn-northwest-1",
            Self::Pricing => "us-east-1",
            _ => &aws.region,
        }
    }

    pub(super) fn endpoint(self, aws: &Aws) -> String {
        let key =
            ServiceConfigKey::builder().service_id(self.id()).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let own = key.ok().and_then(|key| aws.sdk.service_config()?.load_config(key));
        let set = own.or_else(|| aws.sdk.endpoint_url().map(str::to_owned));
        set.map_or_else(|| self.host(aws), |url| url.trim_end_matches('/').to_owned())
    }

    fn host(self, aws: &Aws) -> String {
        let (name, region, suffix) = (self.signing_name(), self.region(aws), aws.dns_suffix());
        match (self, aws.partition()) {
            (Self::Iam, "aws") => "https://iam.amazonaws.com".into(),
            (Self::Iam, "aws-us-gov") => "https://iam.us-gov.amazonaws.com".into(),
            (Self::CloudFront, "aws") => "https://cloudfront.amazonaws.com".into(),
            (Self::Pricing, _) => format!("https://api.pricing.{region}.{suffix}"),
            _ => format!("https://{name}.{region}.{suffix}"),
        }
    }
}
