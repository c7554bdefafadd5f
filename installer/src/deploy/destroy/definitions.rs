//! Task definitions: the API registers them while it runs, and no template knows of them.

use aws_sdk_ecs::types::{TaskDefinitionFamilyStatus, TaskDefinitionStatus};
use runvoy_api::infra::name;
use serde::Serialize;

use super::Site;
use crate::{
    aws::explain,
    deploy::progress::Step,
    error::{Error, Result, ResultExt as _},
};

/// Hexadecimal digits that end the name of a family.
const HASH: usize = 16;
/// The most that AWS deletes in one call.
const BATCH: usize = 10;

/// The revisions of a deployment's families, by ARN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Definitions {
    /// Commands can run by them.
    pub active: Vec<String>,
    /// Deregistered, and still there.
    pub inactive: Vec<String>,
    /// Deleted: AWS keeps showing them until nothing refers to them any more, and then removes them itself.
    pub leaving: Vec<String>,
}

/// Looks for them.
pub async fn find(site: Site<'_>) -> Result<Definitions> {
    let (mut active, mut inactive) = (vec![], vec![]);
    for family in families(site).await? {
        active.extend(revisions(site, TaskDefinitionStatus::Active, Some(&family)).await?);
        inactive.extend(revisions(site, TaskDefinitionStatus::Inactive, Some(&family)).await?);
    }
    // Their families may not be listed any more. There are never many of them.
    let leaving = revisions(site, TaskDefinitionStatus::DeleteInProgress, None).await?;
    Ok(Definitions { active, inactive, leaving })
}

async fn families(site: Site<'_>) -> Result<Vec<String>> {
    let prefix = name::task_family(site.deployment, "");
    let mut families = Vec::new();
    for status in [TaskDefinitionFamilyStatus::Active, TaskDefinitionFamilyStatus::Inactive] {
        let request = site.aws.ecs().list_task_definition_families().family_prefix(&prefix).status(status);
        let mut pages = request.into_paginator().items().send();
        while let Some(family) = pages.next().await {
            let family = family.map_err(explain).context("can't list the task definitions")?;
            if is_ours(site.deployment, &family) && !families.contains(&family) {
                families.push(family);
            }
        }
    }
    Ok(families)
}

async fn revisions(site: Site<'_>, status: TaskDefinitionStatus, family: Option<&str>) -> Result<Vec<String>> {
    let request = site.aws.ecs().list_task_definitions().status(status);
    let request = request.set_family_prefix(family.map(str::to_owned));
    let mut pages = request.into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(arn) = pages.next().await {
        let arn = arn.map_err(explain).context("can't list the task definitions")?;
        let its = family_of(&arn);
        if family.map_or_else(|| is_ours(site.deployment, its), |family| its == family) {
            found.push(arn);
        }
    }
    Ok(found)
}

/// `runvoy-` is also what the families of a deployment `runvoy-prod` start with; what follows ours is a hash.
fn is_ours(deployment: &str, family: &str) -> bool {
    let hash = family.strip_prefix(&name::task_family(deployment, ""));
    hash.is_some_and(|hash| hash.len() == HASH && hash.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// The family in `…:task-definition/FAMILY:REVISION`.
fn family_of(arn: &str) -> &str {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    name.split(':').next().unwrap_or(name)
}

/// Deregisters and deletes all of them; how many were left to delete.
pub async fn remove(site: Site<'_>, step: &Step) -> Result<usize> {
    let Definitions { active, inactive, .. } = find(site).await?;
    for (index, revision) in active.iter().enumerate() {
        step.detail(&format!("{} of {} deregistered", index + 1, active.len()));
        let request = site.aws.ecs().deregister_task_definition().task_definition(revision).send().await;
        request.map_err(explain).context(format!("can't deregister `{revision}`"))?;
    }
    let all = [active, inactive].concat();
    for batch in all.chunks(BATCH) {
        let request = site.aws.ecs().delete_task_definitions().set_task_definitions(Some(batch.to_vec()));
        let reply = request.send().await.map_err(explain).context("can't delete the task definitions")?;
        let gone = |reason: &str| reason.to_ascii_uppercase().contains("NOT_FOUND");
        if let Some(failure) = reply.failures().iter().find(|failure| !failure.reason().is_some_and(gone)) {
            let (arn, reason) = (failure.arn().unwrap_or_default(), failure.reason().unwrap_or("AWS gave no reason"));
            return Err(Error::new(reason).context(format!("can't delete `{arn}`")));
        }
    }
    Ok(all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_deployments_families_begin_like_ours() {
        assert!(is_ours("runvoy", "runvoy-0123456789abcdef"));
        for other in ["runvoy-prod-0123456789abcdef", "runvoy-0123", "runvoy-", "runvoy", "other-0123456789abcdef"] {
            assert!(!is_ours("runvoy", other), "{other}");
        }
        assert_eq!(
            family_of("arn:aws:ecs:eu-west-1:1:task-definition/runvoy-0123456789abcdef:12"),
            "runvoy-0123456789abcdef"
        );
    }
}
