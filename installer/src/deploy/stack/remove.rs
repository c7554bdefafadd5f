//! Deletes stacks, and gives updates up.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::{
    error::ProvideErrorMetadata as _,
    types::{StackStatus, Tag},
};
use runvoy_api::infra;

use super::{find, settle::is_stuck, token};
use crate::{
    aws::{Aws, explain},
    deploy::{
        failure::Operation,
        progress::{Progress, Step},
        watch::{self, End, Since},
    },
    error::{Result, ResultExt as _},
};

/// A resource that a deletion has stopped at.
pub(super) struct Stuck {
    pub logical: String,
    pub physical: String,
    pub kind: String,
}

/// Deletes a stack and sees it through.
///
/// # Errors
/// What AWS could not delete, with a card.
pub async fn delete(
    aws: &Aws,
    name: &str,
    id: &str,
    descriptions: &BTreeMap<String, String>,
    step: &Step,
) -> Result<()> {
    let Some(stack) = find(aws, id).await? else { return Ok(()) };
    let tag = stack.tags().iter().find(|tag| tag.key() == Some(infra::TAG)).and_then(Tag::value);
    let operation = Operation { stack: name, id, deployment: tag.unwrap_or(name), descriptions };
    let end = request(aws, &operation, &[], step).await?;
    operation.expect(aws, end, &[StackStatus::DeleteComplete]).await
}

/// Deletes what is left of a stack that never worked. What AWS can't delete is left behind, for it holds nothing.
pub(super) async fn remains(aws: &Aws, operation: &Operation<'_>, step: &Step, progress: &Progress) -> Result<()> {
    let end = request(aws, operation, &[], step).await?;
    if end.status != StackStatus::DeleteFailed {
        return operation.expect(aws, end, &[StackStatus::DeleteComplete]).await;
    }
    let stuck = stuck(aws, operation.id).await?;
    if stuck.is_empty() || stuck.iter().any(|one| crate::deploy::changes::kind_holds_data(&one.kind)) {
        return operation.expect(aws, end, &[]).await;
    }
    for Stuck { logical, physical, kind } in &stuck {
        progress.warn(format!("`{physical}` (`{kind}`, `{logical}`) can't be deleted and is left behind"));
    }
    let logicals: Vec<_> = stuck.into_iter().map(|one| one.logical).collect();
    let end = request(aws, operation, &logicals, step).await?;
    operation.expect(aws, end, &[StackStatus::DeleteComplete]).await
}

async fn request(aws: &Aws, operation: &Operation<'_>, retained: &[String], step: &Step) -> Result<End> {
    let Operation { id, stack: name, .. } = operation;
    let since = Since::After(watch::newest(aws, id).await?);
    let request = aws.cloudformation().delete_stack().stack_name(*id).client_request_token(token("runvoy-delete")?);
    let request = request.set_retain_resources((!retained.is_empty()).then(|| retained.to_vec()));
    request.send().await.map_err(explain).context(format!("can't delete stack `{name}`"))?;
    watch::follow(aws, id, since, operation.descriptions, step).await
}

/// What a deletion of the stack of this id has stopped at.
pub(super) async fn stuck(aws: &Aws, id: &str) -> Result<Vec<Stuck>> {
    let mut pages = aws.cloudformation().list_stack_resources().stack_name(id).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(resource) = pages.next().await {
        let resource = resource.map_err(explain).context("can't list the stack's resources")?;
        if is_stuck(resource.resource_status()) {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            found.push(Stuck {
                logical: text(resource.logical_resource_id()),
                physical: text(resource.physical_resource_id()),
                kind: text(resource.resource_type()),
            });
        }
    }
    Ok(found)
}

/// Gives up the update that runs on a stack: AWS puts everything back, which whoever follows the stack sees. An update
/// that has come too far for it is left to end.
pub async fn cancel_update(aws: &Aws, name: &str) -> Result<()> {
    let request = aws.cloudformation().cancel_update_stack().stack_name(name);
    match request.client_request_token(token("runvoy-cancel")?).send().await {
        Err(error) if error.code() != Some("ValidationError") => Err(explain(error)).context("can't cancel the update"),
        _ => Ok(()),
    }
}
