//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod account;
mod aliases;
mod api;
mod audit;
mod browser;
mod by_hand;
mod cards;
mod choices;
mod ci;
#[cfg(target_os = "linux")]
mod code;
mod contract;
mod costs;
mod crash;
mod crowd;
mod deployment;
mod destroy;
mod destroy_data;
mod destroy_export;
mod destroy_halfway;
mod destroy_json;
mod destroy_kill;
mod destroy_proof;
mod destroy_stacks;
mod destroy_terminal;
#[cfg(target_os = "linux")]
mod examples;
mod execution;
#[cfg(target_os = "linux")]
mod forge;
mod http;
mod idempotency;
#[cfg(target_os = "linux")]
mod images;
mod interrupts;
mod json;
mod kill;
mod land;
mod lock;
mod metrics;
mod old_release;
mod policy;
mod preflight;
mod queue;
mod repair;
mod roles;
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
