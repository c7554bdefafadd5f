//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod api;
mod choices;
mod audit;
mod costs;
mod deployment;
mod execution;
mod http;
mod idempotency;
mod lock;
mod preflight;
mod policy;
mod queue;
mod repair;
mod seeding;
mod stacks;
mod viewer;
mod world;
