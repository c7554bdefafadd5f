//! Each fault by itself, at a known moment, with the result that it must have. All invariants hold besides.

mod api;
mod endings;
mod events;
mod launch;
mod locks;
mod logs;
mod stage;
mod store;
