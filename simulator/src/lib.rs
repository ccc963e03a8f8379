//! Virtual time: traces, the provider's model, the event loop, statistics.

pub mod results;
pub mod scenario;
pub mod trace;
