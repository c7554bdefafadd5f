//! runvoy's sandbox: an AWS engine on loopback, one proxy of ours before it, and Fargate as local processes.

pub mod engine;
pub mod fargate;
