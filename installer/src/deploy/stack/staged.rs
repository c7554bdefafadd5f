//! One of several updates that lead to what is wanted.

use aws_sdk_cloudformation::types::Stack;

use super::{LARGEST_BODY, Wanted, change_set, estimate, run};
use crate::{
    aws::Aws,
    deploy::{
        changes::{self, Stage},
        estimate::Learned,
        progress::Progress,
        upload,
    },
    error::Result,
    templates::{self, parameter},
};

/// Makes the first of the updates that are left; whether the stack was as it was thought to be. What is left after it shows
/// in the stack, so that whoever comes after a crash goes on from there.
pub(super) async fn run_first(
    aws: &Aws,
    wanted: &Wanted<'_>,
    stack: &Stack,
    stage: &Stage,
    (number, count): (usize, usize),
    learned: &Learned,
    progress: &Progress,
) -> Result<bool> {
    let Some(template) = &stage.template else { return Ok(false) };
    let deployed = stack.parameters().iter();
    let deployed = deployed.filter_map(|one| Some((one.parameter_key()?, one.parameter_value()?.to_owned())));
    let parameters = if stage.is_new { wanted.parameters.clone() } else { deployed.collect() };
    let next = Wanted {
        name: wanted.name.clone(),
        deployment: wanted.deployment,
        template,
        template_url: template_url(aws, wanted, template).await?,
        parameters,
    };
    let step = progress.step("index", format!("{number} of {count}: {}", stage.what));
    let descriptions = templates::descriptions(template)?;
    let set = match change_set::make(aws, &next, Some(stack), &descriptions).await? {
        change_set::Made::Ready(set) => set,
        change_set::Made::Superfluous | change_set::Made::Overtaken => {
            step.skipped("the stack has changed meanwhile");
            return Ok(false);
        }
    };
    let changes = changes::of_change_set(&set.changes, None, template)?;
    step.expect(estimate(template, false, &changes, learned)?);
    let done = run(aws, &next, &set, &descriptions, &step).await?;
    step.done("");
    Ok(done)
}

/// Larger templates are read from the bucket.
async fn template_url(aws: &Aws, wanted: &Wanted<'_>, template: &str) -> Result<Option<String>> {
    let bucket = wanted.parameters.iter().find(|(name, _)| *name == parameter::ARTIFACT_BUCKET);
    match bucket {
        Some((_, bucket)) if template.len() > LARGEST_BODY => upload::template(aws, bucket, template).await.map(Some),
        _ => Ok(None),
    }
}
