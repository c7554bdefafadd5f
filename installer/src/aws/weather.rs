//! How often a call is tried again. AWS may refuse the same call 20 times in a row and then take it; somebody's network
//! may be away for half a minute.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_sts::config::retry::{RetryPartition, TokenBucket};

/// Throttled calls: with jitter, two or three minutes.
pub(super) const ATTEMPTS: u32 = 100;
/// The longest pause between two attempts.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// What a client may spend on retries.
const BUDGET: usize = 600;
/// A throttled call costs AWS nothing: these run into [`ATTEMPTS`] first.
const THROTTLED: u32 = 5;
/// A dozen lost replies and server errors: each may have cost a timeout of a minute.
const FAILED: u32 = 50;

/// The retries of the SDK's clients.
pub(super) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS).with_max_backoff(LONGEST_PAUSE)
}

/// The quota that those retries are paid from. The SDK's own is shared by all calls of a service for as long as the
/// program runs, so that one bad minute would leave later calls without any.
pub(super) fn partition() -> RetryPartition {
    let quota = TokenBucket::builder()
        .capacity(BUDGET)
        .throttling_retry_cost(THROTTLED)
        .retry_cost(FAILED)
        .timeout_retry_cost(FAILED)
        .build();
    RetryPartition::custom("runvoy").token_bucket(quota).build()
}

/// How many times a call of ours may fail for another reason than throttling: as often as one of the SDK's.
pub(super) const FAILURES: u32 = BUDGET as u32 / FAILED;

/// The pause after this many attempts (from 1): doubles from `first`, up to a limit, of which `share` (0 to 1) is taken.
pub(super) fn pause(first: Duration, attempts: u32, share: f64) -> Duration {
    let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
    first.saturating_mul(factor).min(LONGEST_PAUSE).mul_f64(share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let first = Duration::from_secs(1);
        assert_eq!([1, 2, 3, 4, 100].map(|attempts| pause(first, attempts, 1.0).as_secs()), [1, 2, 3, 3, 3]);
        assert_eq!(pause(first, 2, 0.5), first);
        // Twenty throttles in a row are within the budget, with many to spare.
        assert!(ATTEMPTS > 40 && BUDGET as u32 / THROTTLED > ATTEMPTS);
    }
}
