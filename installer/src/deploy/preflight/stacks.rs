//! What of this deployment, and of others, is there already.

use aws_sdk_cloudformation::types::{Stack, StackStatus};
use runvoy_api::infra::{self, name};
use tokio::sync::OnceCell;

use crate::{
    aws::Aws,
    deploy::{estimate::Learned, stack},
};

/// How many stacks' pasts are read.
const PASTS: usize = 3;

/// Whether the deployment's two stacks exist, asked once for all checks.
pub struct Stacks<'a> {
    aws: &'a Aws,
    deployment: &'a str,
    main: OnceCell<Option<bool>>,
    bucket: OnceCell<Option<bool>>,
}

impl<'a> Stacks<'a> {
    pub fn new(aws: &'a Aws, deployment: &'a str) -> Self {
        Self { aws, deployment, main: OnceCell::new(), bucket: OnceCell::new() }
    }

    /// Whether there is a main stack with resources of its own; none if that can't be told.
    pub async fn main_exists(&self) -> Option<bool> {
        *self.main.get_or_init(|| self.exists(self.deployment.to_owned())).await
    }

    /// The same of the bucket stack.
    pub async fn bucket_exists(&self) -> Option<bool> {
        *self.bucket.get_or_init(|| self.exists(name::bucket_stack(self.deployment))).await
    }

    async fn exists(&self, name: String) -> Option<bool> {
        let found = stack::find(self.aws, &name).await.ok()?;
        Some(found.as_ref().and_then(Stack::stack_status).is_some_and(has_resources))
    }

    /// How long things took in runvoy's stacks of this account and region. What can't be read teaches nothing.
    pub async fn learned(&self) -> Learned {
        let mut learned = Learned::none();
        let Ok(reply) = self.aws.cloudformation().describe_stacks().send().await else { return learned };
        let ours = |stack: &&Stack| stack.tags().iter().any(|tag| tag.key() == Some(infra::TAG));
        for id in reply.stacks().iter().filter(ours).filter_map(Stack::stack_id).take(PASTS) {
            if let Ok(past) = self.aws.cloudformation().describe_stack_events().stack_name(id).send().await {
                learned.merge(Learned::from_events(past.stack_events()));
            }
        }
        learned
    }
}

/// Whether a stack in this state owns what it names. One under review is only a name.
fn has_resources(status: &StackStatus) -> bool {
    !matches!(status, StackStatus::ReviewInProgress | StackStatus::DeleteComplete)
}
