//! Uploads: where a code archive goes. Its bytes never pass through this function.

use std::time::Duration;

use axum::{Json, body::Body, extract::State, http::HeaderMap};
use runvoy_api::{
    upload::{UploadPlace, UploadRef},
    user::Role,
};

use super::Context;
use crate::{auth, error::Result, json, store::uploads};

/// How long an archive can take to send: half a gigabyte by a slow line, in bounds.
const EXPIRES: Duration = Duration::from_secs(3600);

/// Says that it is there already, or where to put it.
pub async fn place(State(app): Context, headers: HeaderMap, body: Body) -> Result<Json<UploadPlace>> {
    let caller = auth::caller(&app, &headers, Role::Member).await?;
    let upload: UploadRef = json::read(body).await?;
    upload.validate()?;
    let key = uploads::key(&caller.user.email, &upload);
    if uploads::is_there(&app, &key, &upload).await? {
        return Ok(Json(UploadPlace { present: true, url: None, headers: Default::default() }));
    }
    let (url, headers) = uploads::presigned_put(&app, &key, &upload, EXPIRES)?;
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(Json(UploadPlace { present: false, url: Some(url), headers }))
}
