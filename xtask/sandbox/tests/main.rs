//! The sandbox against itself: its engine, its proxy, and what clients of AWS see of both.

#[cfg(target_os = "linux")]
mod container;
mod lifecycle;
mod proxy;
mod pty;
mod script;
mod support;
