//! The protocol against AWS as it can be: the orchestrator's own code, in one process, over fakes that lose, repeat, delay
//! and crash by a seed, and a checker that looks at every step.
//!
//! The code under test is the library that the Lambda runs, down to the requests that its SDK clients send: the wire
//! beneath them is ours ([`cloud`]), and so are time and chance ([`sim`]).
#![allow(missing_docs, reason = "a tool's inside: what is not plain from its name has a comment")]

pub mod actors;
pub mod bridge;
pub mod calls;
pub mod check;
pub mod cloud;
pub mod dynamo;
pub mod ecs;
pub mod fate;
pub mod faults;
pub mod finale;
pub mod invariant;
pub mod lambda;
pub mod logs;
pub mod plant;
pub mod report;
pub mod rules;
pub mod schedule;
pub mod sim;
pub mod task;
pub mod trace;
pub mod users;
pub mod world;
