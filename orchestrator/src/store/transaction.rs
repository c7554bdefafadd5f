//! Transactions, and what their cancellations mean.

use anyhow::Context;
use aws_sdk_dynamodb::{
    Client,
    error::ProvideErrorMetadata,
    operation::transact_write_items::TransactWriteItemsError,
    types::{CancellationReason, TransactWriteItem},
};
use std::time::Duration;

const TRIES: u32 = 8;

/// How a transaction ended that DynamoDB decided on.
#[derive(Debug)]
pub enum Outcome {
    /// Everything was written.
    Written,
    /// Nothing was: the conditions of these items (by position) did not hold.
    Refused(Vec<usize>),
}

/// Writes all or nothing.
///
/// `token` makes a repeat of the same transaction within 10 minutes a success, so a reply that was lost on the way is
/// recognised when the SDK sends again. Conflicts with other transactions are retried with jitter; if they last, the
/// error says that nothing was written.
pub async fn write(client: &Client, items: Vec<TransactWriteItem>, token: Option<&str>) -> anyhow::Result<Outcome> {
    for attempt in 0..TRIES {
        let request = client
            .transact_write_items()
            .set_transact_items(Some(items.clone()))
            .set_client_request_token(token.map(str::to_owned));
        let error = match request.send().await {
            Ok(_) => return Ok(Outcome::Written),
            Err(error) => error.into_service_error(),
        };
        if let TransactWriteItemsError::TransactionCanceledException(cancelled) = &error {
            let reasons = cancelled.cancellation_reasons();
            let refused = positions(reasons, "ConditionalCheckFailed");
            if !refused.is_empty() {
                return Ok(Outcome::Refused(refused));
            }
            if positions(reasons, "TransactionConflict").is_empty() {
                return Err(error).context("a transaction was cancelled");
            }
        } else if error.code() != Some("TransactionInProgressException") {
            return Err(error).context("writing a transaction");
        }
        crate::machine::sleep(backoff(attempt)?).await;
    }
    anyhow::bail!("a transaction met conflicts {TRIES} times in a row")
}

fn positions(reasons: &[CancellationReason], code: &str) -> Vec<usize> {
    let matching = reasons.iter().enumerate().filter(|(_, reason)| reason.code() == Some(code));
    matching.map(|(position, _)| position).collect()
}

/// Full jitter: anything up to 50 ms, doubled with each attempt up to 800 ms.
fn backoff(attempt: u32) -> anyhow::Result<Duration> {
    let [random] = crate::machine::random::<1>()?;
    Ok(Duration::from_millis(50 << attempt.min(4)).mul_f64(f64::from(random) / 255.0))
}
