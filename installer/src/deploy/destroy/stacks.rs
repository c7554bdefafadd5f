//! The stacks: found in any state, and deleted from any.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{Stack, StackStatus};
use runvoy_api::infra::{name, output};

use super::{Permitted, Site, buckets};
use crate::{
    aws::{Aws, explain},
    deploy::{
        estimate::{Estimate, Learned},
        failure::Operation,
        progress::{Progress, Step},
        stack::{self, Hard, Stuck},
        watch::{self, Since},
    },
    error::{Error, Result, ResultExt as _},
    exit, templates,
};

/// How often a deletion that has failed is tried again for what can be put right.
const TRIES: usize = 3;

/// What the templates keep when their stack goes: the data, which is dealt with by its name.
const KEPT: [&str; 2] = ["AWS::DynamoDB::Table", "AWS::Logs::LogGroup"];

/// A stack that is there.
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its id, under which AWS knows it even when it is gone.
    pub id: String,
    /// Its status.
    pub status: String,
    /// Whether AWS refuses to delete it.
    pub protected: bool,
    /// Its resources that are there, by type.
    pub resources: BTreeMap<String, usize>,
    /// Their names in the template.
    pub logicals: BTreeSet<String>,
    /// The API's address, if it has one.
    pub endpoint: Option<String>,
}

/// What a deletion has left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// AWS's name for it.
    pub physical: String,
    /// Its type.
    pub kind: String,
}

/// The main stack and the bucket stack, as far as they are there.
pub async fn find(site: Site<'_>) -> Result<(Option<Found>, Option<Found>)> {
    let main = one(site, site.deployment).await?;
    let bucket = one(site, &name::bucket_stack(site.deployment)).await?;
    Ok((main, bucket))
}

async fn one(site: Site<'_>, name: &str) -> Result<Option<Found>> {
    let Some(stack) = stack::find(site.aws, name).await? else { return Ok(None) };
    stack::check_ours(&stack, site.deployment)?;
    let id = stack.stack_id().ok_or_else(|| Error::new(format!("AWS gave no id of stack `{name}`")))?.to_owned();
    let (mut resources, mut logicals) = (BTreeMap::new(), BTreeSet::new());
    for (logical, kind, _) in members(site.aws, &id).await? {
        *resources.entry(kind).or_default() += 1;
        logicals.insert(logical);
    }
    let status = stack.stack_status().map_or("unknown", StackStatus::as_str).to_owned();
    let protected = stack.enable_termination_protection().unwrap_or_default();
    let endpoint = stack.outputs().iter().find(|output| output.output_key() == Some(output::API_ENDPOINT));
    let endpoint = endpoint.and_then(|output| output.output_value()).map(str::to_owned);
    Ok(Some(Found { name: name.to_owned(), id, status, protected, resources, logicals, endpoint }))
}

/// Logical id, type and physical id of a stack's resources that are there.
async fn members(aws: &Aws, id: &str) -> Result<Vec<(String, String, String)>> {
    let mut pages = aws.cloudformation().list_stack_resources().stack_name(id).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(resource) = pages.next().await {
        let resource = resource.map_err(explain).context("can't list the stack's resources")?;
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let physical = text(resource.physical_resource_id());
        let gone = resource.resource_status().is_some_and(|status| status.as_str() == "DELETE_COMPLETE");
        if !gone && !physical.is_empty() {
            found.push((text(resource.logical_resource_id()), text(resource.resource_type()), physical));
        }
    }
    Ok(found)
}

/// Logical and physical ids of a stack's resources of this type.
pub async fn physical(aws: &Aws, id: &str, kind: &str) -> Result<Vec<(String, String)>> {
    let members = members(aws, id).await?;
    Ok(members
        .into_iter()
        .filter(|(_, its, _)| its == kind)
        .map(|(logical, _, physical)| (logical, physical))
        .collect())
}

/// Deletes a stack, from whatever state it is in. What AWS stumbles over is cleared away and tried again; what can't be
/// is left behind and returned.
///
/// # Errors
/// A stack that is protected where that may not be switched off, with exit code 5; a deletion that fails for good, with a
/// card.
pub async fn remove(
    site: Site<'_>,
    found: &Found,
    permitted: Permitted,
    step: &Step,
    progress: &Progress,
) -> Result<Vec<Orphan>> {
    let Site { aws, deployment } = site;
    let template = stack::template(aws, &found.id).await.ok();
    // Without its template, resources are called by their ids, and nobody knows how long they take.
    let descriptions = template.as_ref().and_then(|template| templates::descriptions(template).ok());
    let descriptions = descriptions.unwrap_or_default();
    let usual = template.and_then(|text| Estimate::remove(&text, &found.logicals, &Learned::none()).ok());
    if let Some(estimate) = usual.filter(|estimate| estimate.resources() > 0) {
        step.expect(estimate);
    }
    let operation = Operation { stack: &found.name, id: &found.id, deployment, descriptions: &descriptions };
    let mut orphans = Vec::new();
    let (mut hard, mut tries) = (Hard::Stop, 0);
    while let Some(stack) = at_rest(aws, &operation, step).await? {
        unprotect(aws, &stack, found, permitted).await?;
        let end = stack::request_deletion(aws, &operation, &hard, step).await?;
        if end.status != StackStatus::DeleteFailed {
            operation.expect(aws, end, &[StackStatus::DeleteComplete]).await?;
            break;
        }
        let stuck = stack::stuck(aws, &found.id).await?;
        tries += 1;
        if stuck.is_empty() || tries > TRIES + 1 {
            operation.expect(aws, end, &[StackStatus::DeleteComplete]).await?;
        }
        let cleared = clear(aws, &stuck, step).await?;
        if !cleared && tries >= TRIES {
            hard = let_go(&stuck, permitted, &mut orphans, progress);
        }
    }
    if hard != Hard::Stop {
        let known: BTreeSet<_> = orphans.iter().map(|orphan: &Orphan| orphan.physical.clone()).collect();
        orphans.extend(skipped(aws, &found.id).await.into_iter().filter(|orphan| !known.contains(&orphan.physical)));
    }
    Ok(orphans)
}

/// What a stack that is gone has left behind, as far as AWS still tells: more than it had stumbled over, maybe. What the
/// template keeps is none of it.
async fn skipped(aws: &Aws, id: &str) -> Vec<Orphan> {
    let left = members(aws, id).await.unwrap_or_default().into_iter();
    let left = left.filter(|(_, kind, _)| !KEPT.contains(&kind.as_str()));
    left.map(|(_, kind, physical)| Orphan { physical, kind }).collect()
}

/// The stack, once nothing is under way there; none if it is gone.
async fn at_rest(aws: &Aws, operation: &Operation<'_>, step: &Step) -> Result<Option<Stack>> {
    loop {
        let Some(stack) = stack::find(aws, operation.id).await? else { return Ok(None) };
        let status = stack.stack_status().map_or("", StackStatus::as_str);
        // A creation can be deleted while it runs, and what was never executed has nothing that could end.
        let busy = status.ends_with("_IN_PROGRESS") && !["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS"].contains(&status);
        if !busy {
            return Ok(Some(stack));
        }
        step.detail(&format!("it is `{status}`: waiting for the end of that"));
        watch::follow(aws, operation.id, Since::Beginning(&|_| {}), operation.descriptions, step).await?;
    }
}

/// The refusal to delete what is protected.
pub fn refusal(name: &str) -> Error {
    let hint = "add `--disable-protection` if it is meant to go";
    Error::new(format!("stack `{name}` is protected from termination")).hint(hint).exit(exit::REFUSED)
}

async fn unprotect(aws: &Aws, stack: &Stack, found: &Found, permitted: Permitted) -> Result<()> {
    if stack.enable_termination_protection() != Some(true) {
        return Ok(());
    }
    if !permitted.unprotect {
        return Err(refusal(&found.name));
    }
    let request = aws.cloudformation().update_termination_protection().stack_name(&found.id);
    let reply = request.enable_termination_protection(false).send().await.map_err(explain);
    reply.map(drop).context(format!("can't switch the termination protection of stack `{}` off", found.name))
}

/// Clears away what is in the way of a deletion, as far as we know how; whether that was all of it. Everything else gets
/// the time that the next attempt takes.
async fn clear(aws: &Aws, stuck: &[Stuck], step: &Step) -> Result<bool> {
    let (full, others): (Vec<_>, Vec<_>) = stuck.iter().partition(|one| one.kind == "AWS::S3::Bucket");
    for bucket in full {
        buckets::empty(aws, &bucket.physical, step).await?;
    }
    for one in &others {
        step.detail(&format!("AWS could not delete `{}` (`{}`): once more", one.physical, one.kind));
    }
    Ok(others.is_empty())
}

/// The last choice: what can't be deleted stays, and is told.
fn let_go(stuck: &[Stuck], permitted: Permitted, orphans: &mut Vec<Orphan>, progress: &Progress) -> Hard {
    let mut known: BTreeSet<_> = orphans.iter().map(|orphan| orphan.physical.clone()).collect();
    for Stuck { logical, physical, kind } in stuck {
        progress.warn(format!("AWS can't delete `{physical}` (`{kind}`, `{logical}`): it is left behind"));
        if known.insert(physical.clone()) {
            orphans.push(Orphan { physical: physical.clone(), kind: kind.clone() });
        }
    }
    if permitted.force { Hard::Force } else { Hard::Leave(stuck.iter().map(|one| one.logical.clone()).collect()) }
}
