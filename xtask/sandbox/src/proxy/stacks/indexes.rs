//! DynamoDB makes or removes one global secondary index of a table per update; the engine does any number.

use anyhow::Result;
use http::Response;

use super::capabilities::{stack_template, template_text};
use super::template::Template;
use crate::engine::EngineClient;
use crate::proxy::form::Form;
use crate::proxy::reply::{Body, error};

/// The refusal of an update that changes more.
pub(super) async fn refuse(engine: &EngineClient, stack: &str, form: &Form) -> Result<Option<Response<Body>>> {
    let before = stack_template(engine, stack).await?.and_then(|text| Template::parse(&text));
    let after = template_text(engine, form).await?.and_then(|text| Template::parse(&text));
    let (Some(before), Some(after)) = (before, after) else { return Ok(None) };
    let before = before.indexes();
    let too_many = after.indexes().into_iter().find(|(table, after)| {
        let before = before.get(table).unwrap_or(after);
        before.symmetric_difference(after).count() > 1
    });
    Ok(too_many.map(|(table, _)| {
        let message = format!("{table}: Cannot perform more than one GSI creation or deletion in a single update");
        error("cloudformation", false, 400, "ValidationError", &message)
    }))
}
