//! A deployment as it is.

use std::cmp::Ordering;

use aws_sdk_cloudformation::types::Stack;
use runvoy_api::infra::output;

use super::{answers::Answers, stack, status::Move};
use crate::{
    aws::Aws,
    error::{Error, Result},
    exit, templates,
};

/// A deployment that is there already.
pub struct Existing {
    /// Its main stack.
    pub stack: Stack,
    /// That stack's template.
    pub template: String,
    /// The choices that it was made with.
    pub answers: Answers,
}

impl Existing {
    /// The deployment of this name; none if there is nothing but a name, or what never worked.
    pub async fn find(aws: &Aws, name: &str) -> Result<Option<Self>> {
        let Some(found) = stack::find(aws, name).await? else { return Ok(None) };
        stack::check_ours(&found, name)?;
        // Before anything is uploaded for it.
        stack::check_way_out(&found, name, &aws.region)?;
        if matches!(Move::from(found.stack_status()), Move::Create | Move::Recreate) {
            return Ok(None);
        }
        let template = stack::template(aws, name).await?;
        let Some(answers) = templates::answers(&template) else {
            let problem = format!("the deployment `{name}` holds no answers that this release of runvoy can read");
            return Err(Error::new(problem).hint("use a newer release of runvoy").exit(exit::REFUSED));
        };
        Ok(Some(Self { stack: found, template, answers }))
    }

    /// Refuses to take a deployment back to an older release as if that were an update.
    pub fn check_release(&self) -> Result<()> {
        let (theirs, ours) = (&self.answers.version, env!("CARGO_PKG_VERSION"));
        if compare(theirs, ours) != Ordering::Greater {
            return Ok(());
        }
        let problem = format!("the deployment was made by runvoy {theirs}, and this is the older {ours}");
        let hint =
            format!("use runvoy {theirs} or a newer one; `runvoy init --rollback` goes back to the release before");
        Err(Error::new(problem).hint(hint).exit(exit::REFUSED))
    }

    /// Address of its API.
    pub fn endpoint(&self) -> Result<&str> {
        let outputs = self.stack.outputs();
        let found = outputs.iter().find(|output| output.output_key() == Some(output::API_ENDPOINT));
        found.and_then(|output| output.output_value()).ok_or_else(|| {
            Error::new("the deployment has no address yet").hint("`runvoy init` sees it through").exit(exit::REFUSED)
        })
    }
}

/// Compares versions by their numbers; what is no number counts as 0.
fn compare(one: &str, other: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u64> {
        let core = text.split(['-', '+']).next().unwrap_or_default();
        core.split('.').map(|part| part.parse().unwrap_or_default()).collect()
    };
    numbers(one).cmp(&numbers(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(compare("0.10.0", "0.9.9"), Ordering::Greater);
        assert_eq!(compare("1.2.3-beta", "1.2.3"), Ordering::Equal);
        assert_eq!(compare("", "0.1.0"), Ordering::Less);
    }
}
