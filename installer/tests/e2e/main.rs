//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod api;
mod audit;
mod choices;
mod costs;
mod deployment;
mod execution;
mod http;
mod idempotency;
mod interrupts;
mod json;
mod kill;
mod lock;
mod policy;
mod preflight;
mod queue;
mod repair;
mod screen;
mod secrets;
mod seeding;
mod site;
mod stacks;
mod terminal;
mod update;
mod viewer;
mod world;
