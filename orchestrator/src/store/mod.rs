//! The tables: rows, and the conditional writes that keep them true.

pub mod audit;
pub mod executions;
pub mod history;
pub mod item;
pub mod keys;
pub mod locks;
pub mod transaction;
