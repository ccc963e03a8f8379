//! What may be sent now: limits, permits and the queue of those who wait.

mod limits;
mod time;

pub use limits::{Dimension, Limits, MAX_LIMIT, Window};
pub use time::{Micros, Time};
