//! The installer's engine: one file a step.

pub mod admin;
pub mod answers;
pub mod artifact;
pub mod build;
#[allow(dead_code, reason = "`init --json` and the failure card call the rest")]
mod cost;
mod failure;
#[allow(dead_code, reason = "`init --json` and the failure card call the rest")]
pub mod plan;
pub mod progress;
pub mod questions;
#[allow(dead_code, reason = "`init --json` and the failure card call the rest")]
pub mod rates;
pub mod remove;
pub mod stack;
pub mod status;
pub mod upload;
pub mod verify;
pub mod viewer;
mod watch;

use std::future::Future;

use crate::error::{Error, Result};

/// Runs `work` until Ctrl-C, which deletes nothing: what AWS is doing it goes on with, and `resume` finds it there.
pub async fn until_interrupted<T>(work: impl Future<Output = Result<T>>, resume: &str) -> Result<T> {
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err(Error::new("interrupted: what AWS has begun goes on without us")
            .hint(format!("`{resume}` goes on from there"))
            .exit(130)),
    }
}
