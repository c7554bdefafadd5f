//! AWS creates IAM resources only for callers who say that they mean it; the engine creates them for anyone.

use anyhow::Result;
use http::Response;

use super::template::Template;
use crate::engine::EngineClient;
use crate::proxy::form::{Form, encode};
use crate::proxy::reply::{Body, element, error, unescape};

/// The refusal of a call whose template needs a capability that the call does not name.
pub(super) async fn refuse(engine: &EngineClient, form: &Form) -> Result<Option<Response<Body>>> {
    let Some(text) = template_text(engine, form).await? else { return Ok(None) };
    let Some(needed) = Template::parse(&text).and_then(|template| template.needed_capability()) else {
        return Ok(None);
    };
    let given = form.members("Capabilities");
    // The wider one covers the narrower.
    if given.contains(&needed) || given.contains(&"CAPABILITY_NAMED_IAM") {
        return Ok(None);
    }
    let message = format!("Requires capabilities : [{needed}]");
    Ok(Some(error("cloudformation", false, 400, "InsufficientCapabilitiesException", &message)))
}

/// The template that a call brings along, or else the one that its stack has.
pub(super) async fn template_text(engine: &EngineClient, form: &Form) -> Result<Option<String>> {
    if let Some(body) = form.get("TemplateBody") {
        return Ok(Some(body));
    }
    if let Some(url) = form.get("TemplateURL") {
        let (status, body) = engine.get("s3", &object_path(&url)).await?;
        return Ok((status == 200).then(|| String::from_utf8_lossy(&body).into_owned()));
    }
    let field = |name| form.get(name).unwrap_or_default();
    let change_set = if field("Action") == "ExecuteChangeSet" { field("ChangeSetName") } else { String::new() };
    known_template(engine, &field("StackName"), &change_set).await
}

/// The template of a stack, if there is such a stack.
pub(super) async fn stack_template(engine: &EngineClient, stack: &str) -> Result<Option<String>> {
    known_template(engine, stack, "").await
}

/// The template of a stack or of a change set, whose ARN needs no stack.
async fn known_template(engine: &EngineClient, stack: &str, change_set: &str) -> Result<Option<String>> {
    let mut fields = vec![("Action", "GetTemplate"), ("TemplateStage", "Original")];
    fields.extend([("StackName", stack), ("ChangeSetName", change_set)].iter().filter(|(_, value)| !value.is_empty()));
    let (_, xml) = engine.query("cloudformation", &encode(&fields)).await?;
    Ok(element(&xml, "TemplateBody").map(unescape))
}

/// `/bucket/key` of any of the forms of an S3 address.
fn object_path(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    match host.split_once(".s3") {
        Some((bucket, _)) => format!("/{bucket}/{path}"),
        None => format!("/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_addresses_of_all_forms() {
        for url in [
            "http://127.0.0.1:4000/b/main.yaml",
            "https://s3.eu-west-1.amazonaws.com/b/main.yaml",
            "https://b.s3.eu-west-1.amazonaws.com/main.yaml",
        ] {
            assert_eq!(object_path(url), "/b/main.yaml", "{url}");
        }
    }
}
