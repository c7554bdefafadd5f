//! Deletes stacks, and gives updates up.

use aws_sdk_cloudformation::{
    error::ProvideErrorMetadata as _,
    types::{DeletionMode, StackStatus},
};

use super::{settle::is_stuck, token};
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
pub(in crate::deploy) struct Stuck {
    /// Its name in the template.
    pub logical: String,
    /// AWS's name for it.
    pub physical: String,
    /// Its type.
    pub kind: String,
}

/// How a deletion deals with what AWS can't delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::deploy) enum Hard {
    /// It stops there.
    Stop,
    /// It leaves these behind, by their logical ids.
    Leave(Vec<String>),
    /// It leaves behind whatever it is. AWS takes this only where a deletion has failed before.
    Force,
}

/// Deletes what is left of a stack that never worked. What AWS can't delete is left behind, for it holds nothing.
pub(super) async fn remains(aws: &Aws, operation: &Operation<'_>, step: &Step, progress: &Progress) -> Result<()> {
    let end = request(aws, operation, &Hard::Stop, step).await?;
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
    let end = request(aws, operation, &Hard::Leave(logicals), step).await?;
    operation.expect(aws, end, &[StackStatus::DeleteComplete]).await
}

/// Deletes a stack and follows it to its end, whichever that is.
pub(in crate::deploy) async fn request(aws: &Aws, operation: &Operation<'_>, hard: &Hard, step: &Step) -> Result<End> {
    let Operation { id, stack: name, .. } = operation;
    let since = Since::After(watch::newest(aws, id).await?);
    let request = aws.cloudformation().delete_stack().stack_name(*id).client_request_token(token("runvoy-delete")?);
    let request = match hard {
        Hard::Stop => request,
        Hard::Leave(logicals) => request.set_retain_resources(Some(logicals.clone())),
        Hard::Force => request.deletion_mode(DeletionMode::ForceDeleteStack),
    };
    request.send().await.map_err(explain).context(format!("can't delete stack `{name}`"))?;
    watch::follow(aws, id, since, operation.descriptions, step).await
}

/// What a deletion of the stack of this id has stopped at.
pub(in crate::deploy) async fn stuck(aws: &Aws, id: &str) -> Result<Vec<Stuck>> {
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
