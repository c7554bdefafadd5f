//! The sandbox against itself: its engine, its proxy, and what clients of AWS see of both.

mod lifecycle;
mod proxy;
mod pty;
mod script;
mod support;
