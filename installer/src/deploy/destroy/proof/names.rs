//! By name, service by service.

use runvoy_api::infra::{TABLES, name};
use serde_json::{Value, json};

use super::{
    super::{Site, buckets, definitions, logs, secrets, tables},
    Found, Leftover,
    ours::Ours,
};
use crate::{
    aws::{Method, Service, explain},
    deploy::{preflight::xml, stack},
    error::{Error, Result, ResultExt as _},
};

/// The deployment's stacks, whoever has made them.
pub async fn stacks(site: Site<'_>) -> Found {
    let mut found = Vec::new();
    for name in [site.deployment.to_owned(), name::bucket_stack(site.deployment)] {
        if let Some(stack) = stack::find(site.aws, &name).await?
            && stack::check_ours(&stack, site.deployment).is_ok()
        {
            found.push(Leftover::new(
                site,
                "stack",
                &name,
                &format!("cloudformation delete-stack --stack-name {name}"),
            ));
        }
    }
    Ok(found)
}

/// Buckets have names of their own in all of AWS.
pub async fn buckets(site: Site<'_>) -> Found {
    let mut found = Vec::new();
    for bucket in [buckets::code(site), buckets::viewer(site)] {
        if buckets::exists(site.aws, &bucket).await? {
            found.push(Leftover::new(site, "bucket", &bucket, &format!("s3 rb s3://{bucket} --force")));
        }
    }
    Ok(found)
}

/// Tables.
pub async fn tables(site: Site<'_>, ours: &Ours, keeps: bool) -> Found {
    let kept = TABLES.map(|table| table.name(site.deployment));
    let mut pages = site.aws.dynamodb().list_tables().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(table) = pages.next().await {
        let table = table.map_err(explain).context("can't list the tables")?;
        let promised = keeps && kept.contains(&table);
        if ours.has(&table) && !promised && tables::describe(site.aws, &table).await?.is_some() {
            found.push(Leftover::new(site, "table", &table, &format!("dynamodb delete-table --table-name {table}")));
        }
    }
    Ok(found)
}

/// Log groups.
pub async fn logs(site: Site<'_>, ours: &Ours, keeps: bool) -> Found {
    let mut groups = logs::under(site, &format!("/runvoy/{}/", site.deployment)).await?;
    let of_functions = logs::under(site, &format!("/aws/lambda/{}-", site.deployment)).await?;
    let function = |name: &str| name.strip_prefix("/aws/lambda/").is_some_and(|function| ours.has(function));
    groups.extend(of_functions.into_iter().filter(|group| function(&group.name)));
    let kept = name::execution_log_group(site.deployment);
    let names = groups.into_iter().map(|group| group.name).filter(|name| !(keeps && *name == kept));
    let command = |name: &String| format!("logs delete-log-group --log-group-name {name}");
    Ok(names.map(|name| Leftover::new(site, "log group", &name, &command(&name))).collect())
}

/// Functions.
pub async fn functions(site: Site<'_>, ours: &Ours) -> Found {
    let (mut found, mut place) = (Vec::new(), String::new());
    loop {
        let path = format!("/2015-03-31/functions/?MaxItems=50{place}");
        let page =
            site.aws.rest(Service::Lambda, Method::GET, &path, None).await.context("can't list the functions")?;
        for name in texts(&page["Functions"], "FunctionName").filter(|name| ours.has(name)) {
            found.push(Leftover::new(
                site,
                "function",
                name,
                &format!("lambda delete-function --function-name {name}"),
            ));
        }
        match page["NextMarker"].as_str() {
            Some(next) if !next.is_empty() => place = format!("&Marker={}", crate::client::encode(next)),
            _ => return Ok(found),
        }
    }
}

/// The cluster and the task definitions. What AWS has begun to delete, it deletes.
pub async fn ecs(site: Site<'_>) -> Found {
    let mut found = Vec::new();
    let reply = site.aws.ecs().describe_clusters().clusters(site.deployment).send().await.map_err(explain);
    let reply = reply.context("can't look for the cluster")?;
    if reply.clusters().iter().any(|cluster| cluster.status() != Some("INACTIVE")) {
        let name = site.deployment;
        found.push(Leftover::new(site, "cluster", name, &format!("ecs delete-cluster --cluster {name}")));
    }
    let definitions = definitions::find(site).await?;
    for arn in &definitions.active {
        found.push(Leftover::new(
            site,
            "task definition",
            arn,
            &format!("ecs deregister-task-definition --task-definition {arn}"),
        ));
    }
    for arn in &definitions.inactive {
        found.push(Leftover::new(
            site,
            "task definition",
            arn,
            &format!("ecs delete-task-definitions --task-definitions {arn}"),
        ));
    }
    Ok(found)
}

/// Queues.
pub async fn queues(site: Site<'_>, ours: &Ours) -> Found {
    let prefix = format!("{}-", site.deployment);
    let reply = site.aws.query(Service::Sqs, "ListQueues", &[("QueueNamePrefix", &prefix)]).await;
    let urls = elements(&reply.context("can't list the queues")?, "QueueUrl")?;
    let found = urls.iter().filter(|url| ours.has(url.rsplit('/').next().unwrap_or(url)));
    Ok(found.map(|url| Leftover::new(site, "queue", url, &format!("sqs delete-queue --queue-url {url}"))).collect())
}

/// Rules. One can only be deleted without its targets.
pub async fn rules(site: Site<'_>, ours: &Ours) -> Found {
    let body = json!({ "NamePrefix": format!("{}-", site.deployment) });
    let reply =
        site.aws.json(Service::EventBridge, "AWSEvents.ListRules", &body).await.context("can't list the rules")?;
    let found = texts(&reply["Rules"], "Name").filter(|name| ours.has(name));
    let region = &site.aws.region;
    let command = |name: &str| {
        format!(
            "events remove-targets --rule {name} --ids $(aws events list-targets-by-rule --rule {name} --region {region} \
             --query 'Targets[].Id' --output text) --region {region}; aws events delete-rule --name {name}"
        )
    };
    Ok(found.map(|name| Leftover::new(site, "rule", name, &command(name))).collect())
}

/// Topics.
pub async fn topics(site: Site<'_>, ours: &Ours) -> Found {
    let arns = pages(site, Service::Sns, "ListTopics", &[], "TopicArn").await?;
    let found = arns.iter().filter(|arn| ours.has(arn.rsplit(':').next().unwrap_or(arn)));
    Ok(found.map(|arn| Leftover::new(site, "topic", arn, &format!("sns delete-topic --topic-arn {arn}"))).collect())
}

/// Alarms.
pub async fn alarms(site: Site<'_>, ours: &Ours) -> Found {
    let prefix = format!("{}-", site.deployment);
    let names =
        pages(site, Service::CloudWatch, "DescribeAlarms", &[("AlarmNamePrefix", &prefix)], "AlarmName").await?;
    let found = names.iter().filter(|name| ours.has(name));
    Ok(found
        .map(|name| Leftover::new(site, "alarm", name, &format!("cloudwatch delete-alarms --alarm-names {name}")))
        .collect())
}

/// Dashboards.
pub async fn dashboards(site: Site<'_>, ours: &Ours) -> Found {
    let prefix = format!("{}-", site.deployment);
    let names =
        pages(site, Service::CloudWatch, "ListDashboards", &[("DashboardNamePrefix", &prefix)], "DashboardName")
            .await?;
    let found = names.iter().filter(|name| ours.has(name));
    Ok(found
        .map(|name| {
            Leftover::new(site, "dashboard", name, &format!("cloudwatch delete-dashboards --dashboard-names {name}"))
        })
        .collect())
}

/// Secrets: a slash ends the deployment's name in theirs.
pub async fn secrets(site: Site<'_>) -> Found {
    let names = secrets::under(site, &format!("{}/", site.deployment)).await?;
    let command =
        |name: &String| format!("secretsmanager delete-secret --force-delete-without-recovery --secret-id {name}");
    Ok(names.iter().map(|name| Leftover::new(site, "secret", name, &command(name))).collect())
}

/// The texts of all elements of this name on all pages that end in a `NextToken`.
async fn pages(
    site: Site<'_>,
    service: Service,
    action: &str,
    fields: &[(&str, &str)],
    element: &'static str,
) -> Result<Vec<String>> {
    let (mut found, mut token) = (Vec::new(), String::new());
    loop {
        let next = (!token.is_empty()).then_some(("NextToken", token.as_str()));
        let fields: Vec<_> = fields.iter().copied().chain(next).collect();
        let reply = site.aws.query(service, action, &fields).await.context(format!("`{action}` failed"))?;
        found.extend(elements(&reply, element)?);
        token = match elements(&reply, "NextToken")?.into_iter().next() {
            Some(next) if !next.is_empty() => next,
            _ => return Ok(found),
        };
    }
}

/// The texts of all elements of this name.
pub(super) fn elements(reply: &str, element: &'static str) -> Result<Vec<String>> {
    let document = xml::parse(reply).ok_or_else(|| Error::new("AWS's reply is no XML"))?;
    Ok(xml::all(document.root(), element).filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect())
}

fn texts<'a>(list: &'a Value, field: &'static str) -> impl Iterator<Item = &'a str> {
    list.as_array().into_iter().flatten().filter_map(move |one| one[field].as_str())
}
