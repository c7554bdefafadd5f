//! Who is asking, and whether they may.

use axum::http::HeaderMap;
use runvoy_api::{API_KEY_HEADER, error::ErrorCode, key::ApiKey, user::Role};

use crate::{
    app::App,
    error::{ApiError, Result},
    store::keys::{self, Caller},
};

/// The hash of the key that a request carries. A malformed one is refused here, before any AWS call, and so is one that
/// comes too often.
pub fn key_hash(app: &App, headers: &HeaderMap) -> Result<String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let key = header(API_KEY_HEADER).or_else(bearer).ok_or_else(ApiError::unauthorized)?;
    let key: ApiKey = key.trim().parse().map_err(|_| ApiError::unauthorized())?;
    let hash = key.hash();
    app.buckets.take(&hash, std::time::Instant::now())?;
    Ok(hash)
}

/// The caller, if their key is good and their role is at least this one.
pub async fn caller(app: &App, headers: &HeaderMap, least: Role) -> Result<Caller> {
    let caller = keys::get(app, &key_hash(app, headers)?).await?.ok_or_else(ApiError::unauthorized)?;
    keys::touch(app, &caller, app.now()).await;
    require(&caller, least)?;
    Ok(caller)
}

pub fn require(caller: &Caller, least: Role) -> Result<()> {
    if caller.user.role >= least {
        return Ok(());
    }
    let message = format!("this needs the role `{least}`; your key has `{}`", caller.user.role);
    Err(ApiError::new(ErrorCode::Forbidden, message).hint("ask an admin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_that_comes_too_often_is_refused_before_any_call() {
        let (app, mut headers) = (App::for_tests(), HeaderMap::new());
        let value = |n: u8| ApiKey::from_random([n; 32]).reveal().parse().unwrap();
        headers.insert(API_KEY_HEADER, value(1));
        let refused = |n: usize| key_hash(&app, &headers).err().map(|error| (n, error.code));
        // A slow machine gives tokens back meanwhile.
        let (taken, code) = (0..100_000).find_map(refused).unwrap();
        assert!(taken >= 100 && code == ErrorCode::TooManyRequests, "{taken} {code:?}");
        headers.insert(API_KEY_HEADER, value(2));
        assert!(key_hash(&app, &headers).is_ok(), "others have their own share");
    }
}
