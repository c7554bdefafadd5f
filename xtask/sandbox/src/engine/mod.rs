//! The AWS engine: a client that speaks to it directly, and the process itself.

mod client;
mod process;

pub use client::EngineClient;
pub(crate) use process::{Engine, Options};
