//! What a log viewer with an address of its own has in CloudFront, which all regions of an account share.

use super::{
    super::{Site, buckets},
    Found, Leftover,
};
use crate::{
    aws::Service,
    deploy::preflight::xml,
    error::{Error, Result, ResultExt as _},
};

/// Path, element, what it is, and the command's words for it.
const KINDS: [(&str, &str, &str, &str); 3] = [
    ("function", "FunctionSummary", "function of the log viewer's address", "function --name"),
    (
        "origin-access-control",
        "OriginAccessControlSummary",
        "access of the log viewer's address",
        "origin-access-control --id",
    ),
    (
        "response-headers-policy",
        "ResponseHeadersPolicySummary",
        "headers of the log viewer's address",
        "response-headers-policy --id",
    ),
];

/// The address itself, and what it is made of.
pub async fn find(site: Site<'_>) -> Found {
    // Elsewhere there are no such viewers.
    if site.aws.partition() != "aws" {
        return Ok(vec![]);
    }
    let bucket = buckets::viewer(site);
    let mut found = Vec::new();
    for (id, text) in list(site, "distribution", "DistributionSummary").await? {
        if text.iter().any(|text| text.starts_with(&format!("{bucket}."))) {
            let etag = format!("$(aws cloudfront get-distribution --id {id} --query ETag --output text)");
            let command = format!("aws cloudfront delete-distribution --id {id} --if-match {etag}");
            found.push(Leftover { what: "address of the log viewer (to be disabled first)".into(), name: id, command });
        }
    }
    let name = format!("{}-{}", site.deployment, site.aws.region);
    for (path, element, what, words) in KINDS {
        for (id, text) in list(site, path, element).await? {
            if text.contains(&name) {
                let id = if path == "function" { name.clone() } else { id };
                let verb = if path == "function" { "describe" } else { "get" };
                let etag = format!("$(aws cloudfront {verb}-{words} {id} --query ETag --output text)");
                let command = format!("aws cloudfront delete-{words} {id} --if-match {etag}");
                found.push(Leftover { what: what.into(), name: id, command });
            }
        }
    }
    Ok(found)
}

/// Ids and all texts of the elements on all pages.
async fn list(site: Site<'_>, path: &str, element: &'static str) -> Result<Vec<(String, Vec<String>)>> {
    let (mut found, mut place) = (Vec::new(), String::new());
    loop {
        let reply = site.aws.look(Service::CloudFront, &format!("/2020-05-31/{path}{place}")).await;
        let reply = reply.context("can't look at CloudFront")?;
        let document = xml::parse(&reply).ok_or_else(|| Error::new("AWS's reply is no XML"))?;
        for node in xml::all(document.root(), element) {
            let id = xml::all(node, "Id").find_map(|id| id.text()).unwrap_or_default().to_owned();
            found.push((
                id,
                node.descendants().filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect(),
            ));
        }
        let next =
            xml::all(document.root(), "NextMarker").find_map(|next| next.text()).unwrap_or_default().trim().to_owned();
        if next.is_empty() {
            return Ok(found);
        }
        place = format!("?Marker={}", crate::client::encode(&next));
    }
}
