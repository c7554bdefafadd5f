//! The real binary, the real artifact in the real Lambda runtime, the real templates: the whole product in a sandbox.

mod access;
mod api;
mod choices;
mod deployment;
mod execution;
mod http;
mod interrupts;
mod json;
mod lock;
mod preflight;
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
