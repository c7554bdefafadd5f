//! The AWS engine: a client that speaks to it directly, and the process itself.

mod client;

pub use client::EngineClient;
