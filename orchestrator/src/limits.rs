//! What one client may ask for: how much at once, how often, and for how long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    extract::Request,
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use runvoy_api::error::ErrorCode;
use time::OffsetDateTime;

use crate::{
    error::{ApiError, Result},
    machine,
};

/// The longest path and query, in bytes. The longest of ours, a log's cursor, has a few hundred.
const MAX_URI_BYTES: usize = 4 * 1024;
/// All headers together, names and values, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// The function is given 30 seconds; a request that has not ended by then gets an answer all the same.
const TIME: Duration = Duration::from_secs(27);

tokio::task_local! {
    /// When whoever asked must have their answer.
    static DUE: OffsetDateTime;
}

/// How many requests a key may send at once after a pause, and how many a second in the long run.
const BURST: f64 = 100.0;
const PER_SECOND: f64 = 50.0;
/// More keys than a busy instance ever sees; beyond it, those that have been quiet are forgotten.
const MAX_BUCKETS: usize = 1024;

/// Refuses what is larger than any request of ours, and answers for what takes too long.
pub async fn guard(request: Request, next: Next) -> Response {
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > MAX_URI_BYTES || header_bytes(request.headers()) > MAX_HEADER_BYTES {
        let message = format!("path and query of at most {MAX_URI_BYTES} bytes, and headers of {MAX_HEADER_BYTES}");
        return ApiError::new(ErrorCode::TooLarge, format!("the request is larger than this API takes: {message}"))
            .into_response();
    }
    tokio::select! {
        biased;
        response = due_in(TIME, next.run(request)) => response,
        () = machine::sleep(TIME) => ApiError::new(ErrorCode::Unavailable, format!("no answer within {} seconds", TIME.as_secs()))
            .hint("look at what became of it before trying again")
            .into_response(),
    }
}

/// Lets this work know how much time it has.
pub async fn due_in<T>(time: Duration, work: impl Future<Output = T>) -> T {
    DUE.scope(machine::now() + time, work).await
}

/// Whether so much time is left before the answer is due, when all that is not done is cut short.
pub fn has_left(time: Duration) -> bool {
    DUE.try_with(|due| machine::now() + time <= *due).unwrap_or(true)
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// One bucket a key: each request takes a token, and tokens come back with time. It is this instance's own: enough to keep
/// one client from having all of it, without a write for each request.
#[derive(Default)]
pub struct Buckets(Mutex<HashMap<String, Bucket>>);

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn tokens(self, now: Instant) -> f64 {
        (self.tokens + now.saturating_duration_since(self.at).as_secs_f64() * PER_SECOND).min(BURST)
    }
}

impl Buckets {
    /// Takes a token of this key.
    pub fn take(&self, key_hash: &str, now: Instant) -> Result<()> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(key_hash) {
            buckets.retain(|_, bucket| bucket.tokens(now) < BURST);
            // All of them busy is no client of ours but a flood of made-up keys.
            if buckets.len() >= MAX_BUCKETS {
                buckets.clear();
            }
        }
        let full = Bucket { tokens: BURST, at: now };
        let bucket = buckets.entry(key_hash.to_owned()).or_insert(full);
        let tokens = bucket.tokens(now);
        if tokens < 1.0 {
            return Err(ApiError::new(ErrorCode::TooManyRequests, "this key sends more requests than its share")
                .hint("nothing was done: wait a second and try again"));
        }
        *bucket = Bucket { tokens: tokens - 1.0, at: now };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_share_and_no_more() {
        let (buckets, start) = (Buckets::default(), Instant::now());
        let taken = |key: &str, now| (0..1000).take_while(|_| buckets.take(key, now).is_ok()).count();
        assert_eq!(taken("a", start), 100);
        assert_eq!(taken("b", start), 100, "each key has its own");
        assert_eq!(taken("a", start + Duration::from_millis(500)), 25);
        assert_eq!(taken("a", start + Duration::from_secs(60)), 100);
    }

    #[test]
    fn made_up_keys_do_not_fill_the_memory() {
        let (buckets, now) = (Buckets::default(), Instant::now());
        for key in 0..3 * MAX_BUCKETS {
            buckets.take(&key.to_string(), now).unwrap();
        }
        assert!(buckets.0.lock().unwrap().len() <= MAX_BUCKETS);
    }
}
