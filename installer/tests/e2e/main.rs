//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod account;
mod aliases;
mod api;
mod audit;
mod choices;
#[cfg(target_os = "linux")]
mod code;
mod costs;
mod deployment;
mod destroy;
mod destroy_data;
mod destroy_kill;
mod destroy_stacks;
mod execution;
#[cfg(target_os = "linux")]
mod forge;
mod http;
mod idempotency;
mod interrupts;
mod json;
mod kill;
mod land;
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
mod states;
mod terminal;
mod update;
mod uploads;
mod viewer;
mod weather;
mod world;
