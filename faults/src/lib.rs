//! Real servers to break, and a judge of what happened meanwhile. Only tests use this crate.
//!
//! - [`Server`]: one Redis (or Valkey) of its own, on free ports and in a temporary folder, gone with the test that
//!   started it however that ends; [`Replicated`] and [`Cluster`] are made of several.
//! - [`Proxy`]: stands in front of a server and delays, holds, swallows, cuts and refuses.
//! - [`History`]: what happened, in plain integers; [`History::violations`] recounts it and says what must not have been.
//!
//! The judge knows nothing of the code that it judges. Which server is started: what the variable
//! `RATEPILOT_TEST_REDIS` names, else `redis-server`, else `valkey-server`.
//!
//! Everything here blocks its thread while it waits, mostly for milliseconds; a failover takes seconds. In an asynchronous
//! test whose tasks have to go on meanwhile, that thread must not be the only one of the runtime.
#![cfg(unix)]
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "only tests use this crate: a test fails by a panic, and servers live in real time"
)]

mod certificate;
mod cluster;
mod command_stats;
mod history;
mod options;
mod patience;
mod port;
mod process;
mod proxy;
mod replicated;
mod server;

pub use cluster::Cluster;
pub use command_stats::CommandStats;
pub use history::{Call, End, Grant, History, Limits, Rule, Settled, Violation};
pub use options::Options;
pub use patience::wait_until;
pub use proxy::{Proxy, Traffic};
pub use replicated::Replicated;
pub use server::{Data, Server};
