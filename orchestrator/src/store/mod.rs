//! The tables: rows, and the conditional writes that keep them true.

pub mod audit;
pub mod commands;
pub mod costs;
pub mod executions;
pub mod history;
pub mod idempotency;
pub mod item;
pub mod keys;
pub mod locks;
pub mod row;
pub mod secrets;
pub mod settings;
pub mod transaction;
pub mod uploads;
pub mod users;
