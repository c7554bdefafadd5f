//! The installer's engine: one file a step.

pub mod admin;
pub mod answers;
pub mod artifact;
pub mod build;
pub mod changes;
mod cost;
pub mod estimate;
pub mod failure;
pub mod install;
pub mod interrupt;
pub mod plan;
pub mod preflight;
pub mod progress;
pub mod questions;
pub mod rates;
pub mod release;
pub mod remembered;
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
