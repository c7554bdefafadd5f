//! runvoy's sandbox: an AWS engine on loopback, one proxy of ours before it, and Fargate as local processes.

pub mod engine;
pub mod fargate;
mod group;
pub mod help;
mod hint;
pub mod iam;
mod keyring;
mod layout;
pub mod proxy;
mod pty;
mod random;
mod runtime_api;
mod sandbox;
pub mod setup;

pub use group::Group;
pub use hint::{Hinted, WithHint};
pub use keyring::Keyring;
pub use layout::Layout;
pub use pty::{Chunk, Pty};
pub use runtime_api::RuntimeApi;
pub use sandbox::{CLEARED, REGION, Sandbox, set_by_cargo};
