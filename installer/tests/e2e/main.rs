//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod api;
mod choices;
mod deployment;
mod execution;
mod http;
mod kill;
mod lock;
mod preflight;
mod repair;
mod seeding;
mod stacks;
mod viewer;
mod world;
