//! What the steps of a deployment by hand are rendered with.

use runvoy_api::infra::{self, API_KEYS, KeyRow, Sentinel, TABLES, output};
use serde_json::{Value, json};

use super::parameter;
use crate::{
    deploy::answers::{Answers, Viewer},
    templates::viewer,
};

/// The steps, in which no value may mean something to a shell.
pub(in crate::templates) fn by_hand(stack: &str, answers: &Answers, time: Value) -> Value {
    let viewer = (answers.viewer == Viewer::Cloudfront).then(|| {
        json!({
            "page": viewer::key(),
            "parameter": parameter::VIEWER_URL,
            "output": viewer::output::URL,
            "target": viewer::output::TARGET,
            "domain": answers.viewer_domain.as_ref().map(|domain| &domain.name),
        })
    });
    json!({
        "stack": stack,
        "time": time,
        "version": answers.version,
        "tag": infra::TAG,
        "tags": answers.tags,
        "architecture": answers.architecture.lambda(),
        "artifacts": infra::prefix::ARTIFACTS,
        "templates": infra::prefix::TEMPLATES.trim_end_matches('/'),
        "parameter": { "bucket": parameter::ARTIFACT_BUCKET, "key": parameter::ARTIFACT_KEY },
        "output": output::API_ENDPOINT,
        "viewer": viewer,
        "tables": TABLES.map(|table| table.name(stack)),
        "admin": answers.admin_email,
        "keys": {
            "table": API_KEYS.name(stack),
            "hash": KeyRow::HASH,
            "email": KeyRow::EMAIL,
            "role": KeyRow::ROLE,
            "created": KeyRow::CREATED_AT,
            "revoked": KeyRow::REVOKED,
            "schema": KeyRow::SCHEMA,
            "version": KeyRow::SCHEMA_VERSION,
            "key_hash": Sentinel::KEY_HASH,
            "user": Sentinel::user(&answers.admin_email),
            "first": Sentinel::FIRST_ADMIN,
        },
    })
}
