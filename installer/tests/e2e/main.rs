//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod api;
mod choices;
mod deployment;
mod destroy;
mod destroy_data;
mod destroy_kill;
mod destroy_stacks;
mod execution;
mod http;
mod land;
mod lock;
mod preflight;
mod repair;
mod seeding;
mod stacks;
mod viewer;
mod world;
