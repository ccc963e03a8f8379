//! What may be sent now: limits, permits and the queue of those who wait.

mod decision;
mod ledger;
mod limits;
mod pool;
mod time;

pub use decision::{Decision, Grant, GrantId, Priority, Request, Seen, Wait};
pub use ledger::Ledger;
pub use limits::{Dimension, Limits, MAX_LIMIT, Window};
pub use pool::{Pool, Ticket};
pub use time::{Micros, Time};
