//! What the limiter in Redis promises, against real servers that are broken on purpose, and judged by `faults::History`.
#![cfg(test)] // As it always is; it tells clippy that the functions between the tests are tests, too.
#![cfg(all(unix, feature = "redis"))]

mod bad_input;
mod connection;
mod outage;
mod processes;
mod refusals;
mod sharing;
mod support;
mod topology;
mod waiting;
