//! What a limiter does when its store is away.

use serde::{Deserialize, Serialize};

/// What a limiter in Redis does while Redis cannot be reached.
///
/// Whichever it is, no call waits for a timeout that another call has waited for already, and all processes join again
/// within a second or two of the store's return, telling it what they have granted meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fallback {
    /// Every call is refused with [`AcquireError::Store`](crate::AcquireError::Store).
    Closed,
    /// Every call goes at once: for those to whom a refusal by the provider costs less than a wait.
    Open,
    /// Each process goes on alone, with the last known limits divided by the processes last seen.
    #[default]
    Local,
}
