//! Virtual time: traces, the provider's model, the event loop, statistics.
//!
//! A [`Scenario`](scenario::Scenario) says what is asked, a [`Plan`] runs it, a [`Run`] is what happened, and
//! [`summarise`] says what it amounts to, as [`Results`](results::Results). Nothing here reads a clock; chance
//! comes from seeded streams, and the only thing read from the world is a trace's file.

mod arrivals;
mod attempt;
pub mod calibrate;
mod client;
mod contender;
mod journal;
mod oracle;
mod provider;
mod queue;
pub mod results;
pub mod scenario;
mod simulate;
mod statistics;
mod stream;
mod summarise;
pub mod sweep;
mod tally;
pub mod trace;
mod world;

pub use attempt::{Attempt, AttemptOutcome, HEADER as ATTEMPTS_HEADER, Recorder};
pub use contender::{Contender, UnknownContender};
pub use provider::{Account, Offer, TrueLimits, Verdict};
pub use queue::EventQueue;
pub use simulate::{Plan, SimulateError};
pub use stream::Streams;
pub use summarise::{Field, adjustments, summarise};
pub use tally::{Hour, Run};
