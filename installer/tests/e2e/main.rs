//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod account;
mod api;
mod choices;
mod deployment;
mod execution;
mod http;
mod lock;
mod preflight;
mod repair;
mod seeding;
mod stacks;
mod states;
mod viewer;
mod weather;
mod world;
