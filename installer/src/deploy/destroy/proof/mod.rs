//! What is left of a deployment: every service that the templates use is asked by name, and AWS's own index by tag.

mod index;
mod names;
mod network;
mod ours;
mod removal;
mod roles;
mod viewer;

use serde::Serialize;

use super::{Site, stacks::Orphan};
use crate::{deploy::progress::Step, error::Result};
use ours::Ours;

/// Something that should not be there any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// What it is.
    pub what: String,
    /// AWS's name for it.
    pub name: String,
    /// The command that removes it.
    pub command: String,
}

/// What came of looking.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What is left.
    pub leftovers: Vec<Leftover>,
    /// What could not be looked at, and why: nothing is proven of it.
    pub unseen: Vec<String>,
}

impl Leftover {
    fn new(site: Site<'_>, what: &str, name: &str, command: &str) -> Self {
        // In a region of its own only where the service has one.
        let command = format!("aws {command} --region {}", site.aws.region);
        Self { what: what.to_owned(), name: name.to_owned(), command }
    }
}

/// Everything of one service that is there, or why that can't be told.
type Found = Result<Vec<Leftover>>;

/// Looks for what is left.
///
/// # Errors
/// Only those that end everything, such as credentials that have expired: a service that does not answer is noted.
pub async fn sweep(site: Site<'_>, keeps_data: bool, step: &Step) -> Result<Proof> {
    let ours = &Ours::find(site).await?;
    let mut proof = Proof::default();
    step.detail("by name");
    let (stacks, storage, compute, messages, rest) = tokio::join!(
        async { [("CloudFormation", names::stacks(site).await), ("S3", names::buckets(site).await)] },
        async {
            let (tables, logs) =
                tokio::join!(names::tables(site, ours, keeps_data), names::logs(site, ours, keeps_data));
            [("DynamoDB", tables), ("CloudWatch Logs", logs)]
        },
        async {
            let (functions, clusters) = tokio::join!(names::functions(site, ours), names::ecs(site));
            [("Lambda", functions), ("ECS", clusters)]
        },
        async {
            let (queues, rules) = tokio::join!(names::queues(site, ours), names::rules(site, ours));
            let (topics, alarms) = tokio::join!(names::topics(site, ours), names::alarms(site, ours));
            let dashboards = names::dashboards(site, ours).await;
            let watch = [("CloudWatch", alarms), ("CloudWatch's dashboards", dashboards)];
            [("SQS", queues), ("EventBridge", rules), ("SNS", topics)].into_iter().chain(watch)
        },
        async {
            let (secrets, roles) = tokio::join!(names::secrets(site), roles::find(site, ours));
            let (network, viewer) = tokio::join!(network::find(site), viewer::find(site));
            [("Secrets Manager", secrets), ("IAM", roles), ("EC2", network), ("CloudFront", viewer)]
        },
    );
    let all = stacks.into_iter().chain(storage).chain(compute).chain(messages).chain(rest);
    for (service, found) in all {
        proof.take(service, found);
    }
    step.detail("by tag");
    let known: Vec<_> = proof.leftovers.iter().map(|leftover| leftover.name.clone()).collect();
    proof.take("the index of tags", index::find(site, keeps_data, &known).await);
    Ok(proof)
}

impl Proof {
    /// Whether nothing is left, for sure.
    pub fn is_clean(&self) -> bool {
        self.leftovers.is_empty() && self.unseen.is_empty()
    }

    /// With what a stack's deletion has left behind, as far as it is not known yet.
    pub(super) fn with_orphans(mut self, site: Site<'_>, orphans: Vec<Orphan>) -> Self {
        for Orphan { physical, kind } in orphans {
            if !self.leftovers.iter().any(|known| known.name.contains(&physical)) {
                self.leftovers.push(Leftover::new(site, &kind, &physical, &removal::command(&kind, &physical)));
            }
        }
        self
    }

    fn take(&mut self, service: &str, found: Found) {
        match found {
            Ok(found) => self.leftovers.extend(found),
            Err(error) => self.unseen.push(format!("{service}: {}", error.explain())),
        }
    }
}
