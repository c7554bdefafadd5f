//! Limits that a deployment runs into: here, rather than in the middle of it.

use serde_json::{Value, json};

use super::{Outcome, Subject, xml};
use crate::aws::{Aws, CallError, Method, Service};

/// Service and quota codes, as Service Quotas lists them.
const VPC_QUOTA: (&str, &str) = ("vpc", "L-F678F1CE");
const FARGATE_QUOTA: (&str, &str) = ("fargate", "L-3032A538");
/// What a new account's functions may run at once, all together.
const NEW_ACCOUNT: f64 = 10.0;

/// Whether the account has room for another network.
pub async fn vpcs(subject: &Subject<'_>) -> Outcome {
    if subject.stacks.main_exists().await == Some(true) {
        return Outcome::Pass("the deployment has its network already".into());
    }
    let (limit, reply) =
        tokio::join!(quota(subject.aws, VPC_QUOTA), subject.aws.query(Service::Ec2, "DescribeVpcs", &[]));
    let used = match reply {
        Ok(reply) => xml::parse(&reply).and_then(|reply| xml::entries(reply.root(), "vpcSet").map(|vpcs| vpcs.len())),
        Err(error) => return Outcome::unread("ec2:DescribeVpcs", &error),
    };
    match (limit, used) {
        (Err(error), _) => Outcome::unread("servicequotas:GetServiceQuota", &error),
        (Ok(Some(limit)), Some(used)) => decide_vpcs(limit, used, &subject.aws.region),
        (Ok(None), _) => Outcome::unreadable("servicequotas:GetServiceQuota"),
        (_, None) => Outcome::unreadable("ec2:DescribeVpcs"),
    }
}

fn decide_vpcs(limit: f64, used: usize, region: &str) -> Outcome {
    if (used as f64) < limit {
        return Outcome::Pass(format!("{used} of {limit} networks (VPCs) in use"));
    }
    let (service, code) = VPC_QUOTA;
    Outcome::fail(
        format!("all {limit} networks (VPCs) that this account may have in `{region}` are in use"),
        format!(
            "delete one, use an existing one with `--network existing`, or ask for more: `aws service-quotas \
             request-service-quota-increase --service-code {service} --quota-code {code} --desired-value {} --region \
             {region}`",
            used + 1
        ),
    )
}

/// How much may run on Fargate at once.
pub async fn fargate(aws: &Aws) -> Outcome {
    match quota(aws, FARGATE_QUOTA).await {
        Ok(Some(limit)) => decide_fargate(limit, &aws.region),
        Ok(None) => Outcome::unreadable("servicequotas:GetServiceQuota"),
        Err(error) => Outcome::unread("servicequotas:GetServiceQuota", &error),
    }
}

fn decide_fargate(limit: f64, region: &str) -> Outcome {
    if limit >= 1.0 {
        return Outcome::Pass(format!("commands may use {limit} vCPUs at once, with all else on Fargate"));
    }
    let (service, code) = FARGATE_QUOTA;
    Outcome::fail(
        format!("this account may run nothing on Fargate in `{region}`"),
        format!(
            "`aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} \
             --desired-value 6 --region {region}`"
        ),
    )
}

/// How many functions may run at once.
pub async fn lambda(aws: &Aws) -> Outcome {
    match aws.rest(Service::Lambda, Method::GET, "/2016-08-19/account-settings", None).await {
        Ok(reply) => decide_lambda(&reply),
        Err(error) => Outcome::unread("lambda:GetAccountSettings", &error),
    }
}

fn decide_lambda(reply: &Value) -> Outcome {
    match reply["AccountLimit"]["ConcurrentExecutions"].as_f64() {
        Some(limit) if limit < 1.0 => Outcome::fail(
            "this account may run no functions",
            "ask AWS support to lift the limit of concurrent Lambda executions",
        ),
        Some(limit) if limit <= NEW_ACCOUNT => Outcome::Pass(format!(
            "{limit} functions at once: a new account's limit, enough for a small team; AWS raises it on request"
        )),
        Some(limit) => Outcome::Pass(format!("{limit} functions at once")),
        None => Outcome::unreadable("lambda:GetAccountSettings"),
    }
}

/// A quota's value, the default where the account has none of its own. None if the reply makes no sense.
async fn quota(aws: &Aws, (service, code): (&str, &str)) -> Result<Option<f64>, CallError> {
    let about = json!({ "ServiceCode": service, "QuotaCode": code });
    let own = aws.json(Service::ServiceQuotas, "ServiceQuotasV20190624.GetServiceQuota", &about).await;
    let reply = match own {
        Err(error) if error.code == "NoSuchResourceException" => {
            aws.json(Service::ServiceQuotas, "ServiceQuotasV20190624.GetAWSDefaultServiceQuota", &about).await
        }
        own => own,
    };
    Ok(reply?["Quota"]["Value"].as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_account_is_told_how_to_get_on() {
        assert!(matches!(decide_vpcs(5.0, 4, "eu-west-1"), Outcome::Pass(text) if text.contains("4 of 5")));
        let Outcome::Fail { hint, .. } = decide_vpcs(5.0, 5, "eu-west-1") else { panic!() };
        assert!(hint.contains("--desired-value 6") && hint.contains("L-F678F1CE"), "{hint}");
    }

    #[test]
    fn limits_of_nothing_fail_and_unreadable_ones_are_unknown() {
        assert!(matches!(decide_fargate(0.0, "eu-west-1"), Outcome::Fail { .. }));
        assert!(matches!(decide_fargate(6.0, "eu-west-1"), Outcome::Pass(_)));
        let reply = |limit: Value| json!({ "AccountLimit": { "ConcurrentExecutions": limit } });
        assert!(matches!(decide_lambda(&reply(10.into())), Outcome::Pass(text) if text.contains("new account")));
        assert!(matches!(decide_lambda(&reply(1000.into())), Outcome::Pass(text) if !text.contains("new account")));
        assert!(matches!(decide_lambda(&reply(0.into())), Outcome::Fail { .. }));
        for odd in [reply("10".into()), json!({}), Value::Null] {
            assert!(matches!(decide_lambda(&odd), Outcome::Unknown { .. }), "{odd}");
        }
    }
}
