//! Whose name begins like ours: a second deployment `runvoy-staging` beside `runvoy`, or another product's stack.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::Stack;
use runvoy_api::infra::TAG;
use serde_json::json;

use super::super::Site;
use crate::{
    aws::{Service, explain},
    error::{Result, ResultExt as _},
};

/// The names of others that begin with ours.
pub struct Ours(BTreeSet<String>, String);

impl Ours {
    /// Asks CloudFormation for stacks, and the index of tags for deployments that have nothing but data left.
    pub async fn find(site: Site<'_>) -> Result<Self> {
        let mut names = BTreeSet::new();
        let mut pages = site.aws.cloudformation().describe_stacks().into_paginator().items().send();
        while let Some(stack) = pages.next().await {
            let stack = stack.map_err(explain).context("can't list the stacks")?;
            if !is_ours(&stack, site.deployment) {
                names.extend(stack.stack_name().map(str::to_owned));
            }
        }
        let (target, about) = ("ResourceGroupsTaggingAPI_20170126.GetTagValues", json!({ "Key": TAG }));
        // Without it, there is more that could be ours, never less.
        if let Ok(reply) = site.aws.json(Service::Tagging, target, &about).await {
            let values = reply["TagValues"].as_array().map(Vec::as_slice).unwrap_or_default();
            names.extend(values.iter().filter_map(|value| value.as_str()).map(str::to_owned));
        }
        Ok(Self::new(site.deployment, names))
    }

    fn new(deployment: &str, mut names: BTreeSet<String>) -> Self {
        let prefix = format!("{deployment}-");
        names.retain(|name| name.starts_with(&prefix));
        Self(names, prefix)
    }

    /// Whether a thing of this name is our own: it begins with our name, and with no longer one.
    pub fn has(&self, name: &str) -> bool {
        let longer = |other: &String| {
            name == other || name.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('-'))
        };
        name.starts_with(&self.1) && !self.0.iter().any(longer)
    }
}

fn is_ours(stack: &Stack, deployment: &str) -> bool {
    stack.tags().iter().any(|tag| tag.key() == Some(TAG) && tag.value() == Some(deployment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_another_ones_name_is_another_ones() {
        let others = ["runvoy-staging", "runvoy-clone", "other"].map(str::to_owned);
        let ours = Ours::new("runvoy", others.into());
        for mine in ["runvoy-api", "runvoy-stagingx", "runvoy-ApiFunctionRole-X1"] {
            assert!(ours.has(mine), "{mine}");
        }
        for theirs in
            ["runvoy", "runvoyage", "other-api", "runvoy-staging-api", "runvoy-staging", "runvoy-clone-Queue-1"]
        {
            assert!(!ours.has(theirs), "{theirs}");
        }
    }
}
