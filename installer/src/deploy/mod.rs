//! The installer's engine: one file a step.

pub mod admin;
pub mod answers;
pub mod artifact;
pub mod build;
pub mod changes;
mod cost;
pub mod estimate;
pub mod existing;
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
pub mod report;
pub mod stack;
pub mod status;
pub mod upload;
pub mod verify;
pub mod viewer;
mod watch;
