//! AWS's own index of tags. It learns late of what is gone, so what it names is looked at before it counts.

use runvoy_api::infra::{TABLES, TAG, name};
use serde_json::json;

use super::{
    super::{Site, buckets, logs, tables},
    Found, Leftover,
};
use crate::{
    aws::{Method, Service},
    deploy::stack,
    error::{Result, ResultExt as _},
};

/// What carries the deployment's tag, as far as it is there and not known yet.
pub async fn find(site: Site<'_>, keeps: bool, known: &[String]) -> Found {
    let mut found = Vec::new();
    for arn in arns(site).await? {
        let is_known = known
            .iter()
            .any(|name| arn.contains(name.as_str()) || arn.ends_with(name.rsplit('/').next().unwrap_or(name)));
        let is_kept = keeps && is_data(site.deployment, &arn);
        if !is_known && !is_kept && is_there(site, &arn).await? {
            let command =
                format!("resourcegroupstaggingapi untag-resources --tag-keys {TAG} --resource-arn-list {arn}");
            found.push(Leftover::new(site, "tagged resource (the command only takes the tag off)", &arn, &command));
        }
    }
    Ok(found)
}

async fn arns(site: Site<'_>) -> Result<Vec<String>> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let body = json!({ "TagFilters": [{ "Key": TAG, "Values": [site.deployment] }], "PaginationToken": token });
        let page = site.aws.json(Service::Tagging, "ResourceGroupsTaggingAPI_20170126.GetResources", &body).await;
        let page = page.context("can't read the index of tags")?;
        let resources = page["ResourceTagMappingList"].as_array().map(Vec::as_slice).unwrap_or_default();
        found.extend(resources.iter().filter_map(|one| one["ResourceARN"].as_str()).map(str::to_owned));
        token = page["PaginationToken"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            return Ok(found);
        }
    }
}

/// Whether it is what `--keep-data` has promised to keep.
fn is_data(deployment: &str, arn: &str) -> bool {
    let group = format!(":log-group:{}", name::execution_log_group(deployment));
    let is_table = TABLES.iter().any(|table| arn.ends_with(&format!(":table/{}", table.name(deployment))));
    is_table || arn.trim_end_matches(":*").ends_with(&group)
}

/// Whether it is still there. What this does not know how to look at counts as there.
async fn is_there(site: Site<'_>, arn: &str) -> Result<bool> {
    let aws = site.aws;
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next().unwrap_or_default(), parts.nth(2).unwrap_or_default());
    let tail = resource.split_once(['/', ':']).map_or(resource, |(_, tail)| tail);
    let unless_gone =
        |error: crate::aws::CallError| !error.code.contains("NotFound") && !error.code.contains("NonExistent");
    Ok(match service {
        // EC2 and ECS have been asked by themselves, and roles belong to all regions.
        "ec2" | "ecs" | "iam" => false,
        "s3" => buckets::exists(aws, resource).await?,
        "dynamodb" => tables::describe(aws, tail.split('/').next().unwrap_or(tail)).await?.is_some(),
        "cloudformation" => stack::find(aws, arn).await?.is_some(),
        "logs" => {
            let group = tail.trim_end_matches(":*");
            logs::under(site, group).await?.iter().any(|found| found.name == group)
        }
        "lambda" => {
            let path = format!("/2015-03-31/functions/{tail}/configuration");
            aws.rest(Service::Lambda, Method::GET, &path, None).await.map_or_else(unless_gone, |_| true)
        }
        "secretsmanager" => {
            let about = json!({ "SecretId": arn });
            let reply = aws.json(Service::SecretsManager, "secretsmanager.DescribeSecret", &about).await;
            reply.map_or_else(unless_gone, |_| true)
        }
        "sqs" => {
            let reply = aws.query(Service::Sqs, "GetQueueUrl", &[("QueueName", resource)]).await;
            reply.map_or_else(unless_gone, |_| true)
        }
        "sns" => {
            let reply = aws.query(Service::Sns, "GetTopicAttributes", &[("TopicArn", arn)]).await;
            reply.map_or_else(unless_gone, |_| true)
        }
        "events" => {
            let about = json!({ "Name": tail });
            let reply = aws.json(Service::EventBridge, "AWSEvents.DescribeRule", &about).await;
            reply.map_or_else(unless_gone, |_| true)
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_known_by_its_arn() {
        let arn = |rest: &str| format!("arn:aws:{rest}");
        assert!(is_data("runvoy", &arn("dynamodb:eu-west-1:1:table/runvoy-executions")));
        assert!(is_data("runvoy", &arn("logs:eu-west-1:1:log-group:/runvoy/runvoy/executions:*")));
        for other in ["dynamodb:eu-west-1:1:table/runvoy-other", "logs:eu-west-1:1:log-group:/aws/lambda/runvoy-api"] {
            assert!(!is_data("runvoy", &arn(other)), "{other}");
        }
    }
}
