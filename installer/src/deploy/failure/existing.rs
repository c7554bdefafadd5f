//! What a failed operation left behind, and what of it costs money.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{ResourceStatus, StackResourceSummary};
use serde::Serialize;

use crate::{aws::Aws, deploy::rates, ui};

/// A resource that exists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Existing {
    /// What it is, in the admin's words.
    pub what: String,
    /// Its type.
    pub kind: String,
    /// AWS's name for it.
    pub physical: String,
    /// US dollars a month for its being there, if it costs anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<f64>,
}

/// What exists of the stack of this id; none if AWS does not say.
pub async fn list(aws: &Aws, id: &str, descriptions: &BTreeMap<String, String>) -> Option<Vec<Existing>> {
    let mut pages = aws.cloudformation().list_stack_resources().stack_name(id).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(resource) = pages.next().await {
        found.extend(existing(&resource.ok()?, descriptions));
    }
    Some(found)
}

fn existing(resource: &StackResourceSummary, descriptions: &BTreeMap<String, String>) -> Option<Existing> {
    let physical = resource.physical_resource_id().filter(|id| !id.is_empty())?;
    if resource.resource_status() == Some(&ResourceStatus::DeleteComplete) {
        return None;
    }
    let (logical, kind) = (resource.logical_resource_id()?, resource.resource_type()?);
    Some(Existing {
        what: descriptions.get(logical).cloned().unwrap_or_else(|| logical.to_owned()),
        kind: kind.to_owned(),
        physical: physical.to_owned(),
        monthly: rates::resource_cost(kind),
    })
}

/// In words.
pub fn describe(exists: Option<&[Existing]>) -> String {
    let Some(exists) = exists else { return "unknown: AWS did not say".into() };
    let count = match exists.len() {
        0 => return "nothing: what was made is gone again, and nothing costs money".into(),
        1 => "1 resource".to_owned(),
        count => format!("{count} resources"),
    };
    let costly: Vec<_> = exists.iter().filter_map(|one| Some((one, one.monthly?))).collect();
    if costly.is_empty() {
        return format!("{count}; none costs money while idle");
    }
    let total: f64 = costly.iter().map(|(_, monthly)| monthly).sum();
    let each: Vec<_> =
        costly.iter().map(|(one, monthly)| format!("{} (${monthly:.2})", ui::printable(&one.what))).collect();
    format!("{count}; about ${total:.2} a month while idle: {}", each.join(", "))
}
