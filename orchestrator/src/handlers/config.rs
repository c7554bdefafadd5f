//! The deployment's settings.

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use runvoy_api::{
    config::{Config, ConfigChange},
    error::ErrorCode,
    user::Role,
};
use serde_json::json;

use super::Context;
use crate::{
    auth,
    error::{ApiError, Result},
    json,
    origin::Origin,
    store::{
        audit, settings,
        transaction::{self, Outcome},
    },
};

pub async fn get(State(app): Context, headers: HeaderMap) -> Result<Json<Config>> {
    auth::caller(&app, &headers, Role::Admin).await?;
    Ok(Json(settings::get(&app).await?.0))
}

pub async fn change(State(app): Context, headers: HeaderMap, body: Body) -> Result<Json<Config>> {
    let caller = auth::caller(&app, &headers, Role::Admin).await?;
    let change: ConfigChange = json::read(body).await?;
    let (old, text) = settings::get(&app).await?;
    let entry = audit::Entry {
        actor: &caller.user.email,
        action: "config.change",
        target: "config",
        source_ip: &Origin::of(&headers).source_ip,
        result: audit::Result::Done,
        details: json!(change),
    };
    let new = old.with(change)?;
    let items = vec![settings::put(&app, &new, text.as_deref())?, audit::append(&app, &entry)?];
    match transaction::write(&app.dynamodb, items, None).await? {
        Outcome::Written => Ok(Json(new)),
        Outcome::Refused(_) => Err(ApiError::new(ErrorCode::Conflict, "somebody else changed the settings just now")
            .hint("look at them and try again")),
    }
}
