//! What a pool in memory runs on: a clock, a lock, and tokio's timers and tasks.
//!
//! All that its sources know of threads and time comes from here, so that `under_shuttle` can put another in its place.

pub(crate) use std::sync::{Mutex, MutexGuard};

pub(crate) use tokio::spawn;
pub(crate) use tokio::sync::Notify;
pub(crate) use tokio::time::{Sleep, sleep, timeout_at};

pub(crate) use crate::clock::Clock;
