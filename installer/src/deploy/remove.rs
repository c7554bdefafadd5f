//! What `destroy` finds and removes.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aws_sdk_cloudformation::types::Stack;
use aws_sdk_ecs::types::TaskDefinitionFamilyStatus;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use runvoy_api::infra::{TABLES, name};
use tokio::time::sleep;

use super::{progress::Step, stack};
use crate::{
    aws::{Aws, explain},
    error::{Error, Result, ResultExt as _},
    templates,
};

/// How long stopped containers may take to be gone.
const STOPPING: Duration = Duration::from_secs(180);

/// Everything that belongs to a deployment.
pub struct Inventory {
    /// The main stack.
    pub main: Option<Stack>,
    /// The bucket stack.
    pub bucket: Option<Stack>,
    /// Families of the task definitions that executions have made.
    pub families: Vec<String>,
    /// Containers that run.
    pub tasks: Vec<String>,
    /// Tables, which outlive the main stack.
    pub tables: Vec<String>,
    /// The log group of the commands' output, which does too.
    pub log_group: Option<String>,
}

impl Inventory {
    /// Looks for all of it.
    pub async fn take(aws: &Aws, deployment: &str) -> Result<Self> {
        let main = stack::find(aws, deployment).await?;
        let bucket = stack::find(aws, &name::bucket_stack(deployment)).await?;
        for stack in main.iter().chain(&bucket) {
            stack::check_ours(stack, deployment)?;
        }
        Ok(Self {
            tasks: if main.is_some() { tasks(aws, deployment).await? } else { vec![] },
            bucket,
            families: families(aws, deployment).await?,
            tables: tables(aws, deployment).await?,
            log_group: log_group(aws, deployment).await?,
            main,
        })
    }

    /// Whether nothing is there but data.
    pub fn is_gone(&self) -> bool {
        self.main.is_none() && self.bucket.is_none() && self.families.is_empty()
    }

    /// Whether there is data that outlives the stacks.
    pub fn has_data(&self) -> bool {
        !self.tables.is_empty() || self.log_group.is_some()
    }
}

async fn tasks(aws: &Aws, cluster: &str) -> Result<Vec<String>> {
    let mut tasks = Vec::new();
    let mut pages = aws.ecs().list_tasks().cluster(cluster).into_paginator().items().send();
    while let Some(task) = pages.next().await {
        match task {
            Ok(task) => tasks.push(task),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_cluster_not_found_exception()) => break,
            Err(error) => return Err(explain(error)).context("can't list the running containers"),
        }
    }
    Ok(tasks)
}

async fn families(aws: &Aws, deployment: &str) -> Result<Vec<String>> {
    let prefix = name::task_family(deployment, "");
    let request = aws.ecs().list_task_definition_families().family_prefix(&prefix);
    let mut pages = request.status(TaskDefinitionFamilyStatus::Active).into_paginator().items().send();
    let mut families = Vec::new();
    while let Some(family) = pages.next().await {
        let family = family.map_err(explain).context("can't list the task definitions")?;
        // `runvoy-` is also what the families of a deployment `runvoy-prod` start with; what follows ours is a hash.
        if family
            .strip_prefix(&prefix)
            .is_some_and(|hash| !hash.is_empty() && hash.bytes().all(|c| c.is_ascii_hexdigit()))
        {
            families.push(family);
        }
    }
    Ok(families)
}

async fn tables(aws: &Aws, deployment: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for table in TABLES.map(|table| table.name(deployment)) {
        match aws.dynamodb().describe_table().table_name(&table).send().await {
            Ok(_) => found.push(table),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {}
            Err(error) => return Err(explain(error)).context(format!("can't look at the table `{table}`")),
        }
    }
    Ok(found)
}

async fn log_group(aws: &Aws, deployment: &str) -> Result<Option<String>> {
    let name = name::execution_log_group(deployment);
    let request = aws.logs().describe_log_groups().log_group_name_prefix(&name).send().await.map_err(explain);
    let groups = request.context(format!("can't look at the log group `{name}`"))?;
    let found = groups.log_groups().iter().any(|group| group.log_group_name() == Some(&name));
    Ok(found.then_some(name))
}

/// Stops the containers and waits until they are gone: a cluster can't be deleted before.
pub async fn stop_tasks(aws: &Aws, cluster: &str, tasks: &[String]) -> Result<()> {
    for task in tasks {
        let request = aws.ecs().stop_task().cluster(cluster).task(task).reason("the deployment is being destroyed");
        request.send().await.map_err(explain).context(format!("can't stop `{task}`"))?;
    }
    let started = Instant::now();
    while !self::tasks(aws, cluster).await?.is_empty() {
        if started.elapsed() > STOPPING {
            return Err(Error::new("containers are still running").hint("run the same command again in a moment"));
        }
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}

/// Deletes a stack.
pub async fn stack(aws: &Aws, stack: &Stack, step: &Step) -> Result<()> {
    let (Some(name), Some(id)) = (stack.stack_name(), stack.stack_id()) else {
        return Err(Error::new("AWS named no stack"));
    };
    // Without its template, resources are called by their ids.
    let template = stack::template(aws, name).await.ok();
    let descriptions: BTreeMap<_, _> =
        template.and_then(|template| templates::descriptions(&template).ok()).unwrap_or_default();
    stack::delete(aws, name, id, &descriptions, step).await
}

/// Deletes every revision of the families.
pub async fn task_definitions(aws: &Aws, families: &[String]) -> Result<()> {
    let ecs = aws.ecs();
    let mut revisions = Vec::new();
    for family in families {
        let mut pages = ecs.list_task_definitions().family_prefix(family).into_paginator().items().send();
        while let Some(revision) = pages.next().await {
            revisions.push(revision.map_err(explain).context("can't list the task definitions")?);
        }
    }
    // The prefix may have matched longer names.
    revisions.retain(|arn| families.iter().any(|family| arn.contains(&format!("/{family}:"))));
    for revision in &revisions {
        let request = ecs.deregister_task_definition().task_definition(revision).send().await.map_err(explain);
        request.context(format!("can't deregister `{revision}`"))?;
    }
    // AWS takes ten at a time.
    for ten in revisions.chunks(10) {
        let request = ecs.delete_task_definitions().set_task_definitions(Some(ten.to_vec())).send().await;
        let reply = request.map_err(explain).context("can't delete the task definitions")?;
        if let Some(failure) = reply.failures().first() {
            let (arn, reason) = (failure.arn().unwrap_or_default(), failure.reason().unwrap_or("AWS gave no reason"));
            return Err(Error::new(reason).context(format!("can't delete `{arn}`")));
        }
    }
    Ok(())
}

/// Deletes everything in the bucket, all versions and delete markers too; how much that was.
pub async fn empty_bucket(aws: &Aws, bucket: &str, step: &Step) -> Result<usize> {
    let s3 = aws.s3();
    let mut removed = 0;
    loop {
        let page = match s3.list_object_versions().bucket(bucket).send().await {
            Ok(page) => page,
            Err(error) if error.as_service_error().and_then(|error| error.meta().code()) == Some("NoSuchBucket") => {
                break;
            }
            Err(error) => return Err(explain(error)).context(format!("can't list the bucket `{bucket}`")),
        };
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let mut objects = Vec::new();
        for (key, version) in versions.chain(markers) {
            let id = ObjectIdentifier::builder().set_key(key.map(str::to_owned));
            objects.push(id.set_version_id(version.map(str::to_owned)).build()?);
        }
        if objects.is_empty() {
            break;
        }
        removed += objects.len();
        delete_objects(&s3, bucket, objects).await?;
        step.detail(&format!("{removed} objects"));
    }
    Ok(removed)
}

async fn delete_objects(s3: &aws_sdk_s3::Client, bucket: &str, objects: Vec<ObjectIdentifier>) -> Result<()> {
    let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build()?;
    let reply = s3.delete_objects().bucket(bucket).delete(delete).send().await.map_err(explain);
    let reply = reply.context(format!("can't empty the bucket `{bucket}`"))?;
    match reply.errors().first() {
        None => Ok(()),
        Some(error) => {
            let (key, reason) = (error.key().unwrap_or_default(), error.message().unwrap_or("AWS gave no reason"));
            Err(Error::new(reason).context(format!("can't delete `{key}` from the bucket `{bucket}`")))
        }
    }
}

/// Deletes tables and log group, with everything in them, and waits until they are gone.
pub async fn data(aws: &Aws, deployment: &str, inventory: &Inventory) -> Result<()> {
    for table in &inventory.tables {
        let request = aws.dynamodb().delete_table().table_name(table).send().await.map_err(explain);
        request.context(format!("can't delete the table `{table}`"))?;
    }
    if let Some(group) = &inventory.log_group {
        let request = aws.logs().delete_log_group().log_group_name(group).send().await.map_err(explain);
        request.context(format!("can't delete the log group `{group}`"))?;
    }
    while !tables(aws, deployment).await?.is_empty() {
        sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
