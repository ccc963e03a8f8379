//! What the tests that cross crates share: worlds to simulate, the rows of `calls.csv`, the provider's rule written a
//! second time, and a place in which the binary runs as a user runs it.
//!
//! Nothing here is taken from the crates under test where it is used to judge them.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "only tests use this crate, and a test fails by a panic"
)]

pub mod binary;
pub mod row;
pub mod rule;
pub mod run;
pub mod world;
