//! The log viewer's page, where it has an address of its own.

use aws_sdk_cloudformation::types::Stack;

use super::{destroy::buckets, progress::Step, stack, upload};
use crate::{aws::Aws, error::Result, templates::viewer::output};

/// Puts the page into the deployment's bucket for it and returns the address that it then has; none as long as there is
/// no such bucket.
///
/// AWS makes the address up, so the first deployment of the stack can't know it: whoever deploys one calls this before
/// and after, and deploys once more with the address ([`crate::templates::parameter::VIEWER_URL`]) if it has changed.
pub async fn publish(aws: &Aws, deployment: &str) -> Result<Option<String>> {
    let Some(stack) = stack::find(aws, deployment).await? else { return Ok(None) };
    let (Some(bucket), Some(url)) = (of(&stack, output::BUCKET), of(&stack, output::URL)) else { return Ok(None) };
    upload::viewer(aws, bucket).await?;
    Ok(Some(url.to_owned()))
}

/// Takes the page away where the deployment is to have no such bucket any more: CloudFormation deletes none that has
/// something in it, and what it leaves behind would be in the way of the next one.
pub async fn withdraw(aws: &Aws, deployment: &str, step: &Step) -> Result<()> {
    let stack = stack::find(aws, deployment).await?;
    if let Some(bucket) = stack.as_ref().and_then(|stack| of(stack, output::BUCKET)) {
        buckets::empty(aws, bucket, step).await?;
    }
    Ok(())
}

fn of<'a>(stack: &'a Stack, name: &str) -> Option<&'a str> {
    stack.outputs().iter().find(|output| output.output_key() == Some(name))?.output_value()
}
