//! What of this deployment, and of others, is there already.

use aws_sdk_cloudformation::types::Stack;
use runvoy_api::infra::{self, name};
use tokio::sync::OnceCell;

use crate::{
    aws::Aws,
    deploy::{estimate::Learned, stack, status::Move},
};

/// How many stacks' pasts are read.
const PASTS: usize = 3;

/// Whether the deployment's two stacks exist, asked once for all checks.
pub struct Stacks<'a> {
    aws: &'a Aws,
    deployment: &'a str,
    main: OnceCell<Option<Owner>>,
    bucket: OnceCell<Option<Owner>>,
}

/// A stack, as the owner of what bears its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// There is none, or only a name.
    Nobody,
    /// There is one that never worked, or is being changed: some of it may be there.
    Unsettled,
    /// There is one with all that it names.
    Settled,
}

impl<'a> Stacks<'a> {
    pub fn new(aws: &'a Aws, deployment: &'a str) -> Self {
        Self { aws, deployment, main: OnceCell::new(), bucket: OnceCell::new() }
    }

    /// Whether there is a main stack with resources of its own; none if that can't be told.
    pub async fn main_exists(&self) -> Option<bool> {
        let main = *self.main.get_or_init(|| self.owner(self.deployment.to_owned())).await;
        main.map(|owner| owner != Owner::Nobody)
    }

    /// The bucket stack; none if that can't be told.
    pub async fn bucket(&self) -> Option<Owner> {
        *self.bucket.get_or_init(|| self.owner(name::bucket_stack(self.deployment))).await
    }

    async fn owner(&self, name: String) -> Option<Owner> {
        let found = stack::find(self.aws, &name).await.ok()?;
        Some(match found.as_ref().map(|stack| Move::from(stack.stack_status())) {
            None | Some(Move::Create) => Owner::Nobody,
            Some(Move::Update) => Owner::Settled,
            Some(_) => Owner::Unsettled,
        })
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
