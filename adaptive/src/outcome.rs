//! What became of a call, as far as it says something about the provider's limits.

use limiter_core::{Seen, Time};
use serde::{Deserialize, Serialize};

use crate::hint::Hint;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The provider accepted it.
    Success,
    /// The provider refused it.
    Refused(Signal),
    /// It failed in a way that says nothing about limits: a broken connection, a bad request, a timeout.
    Failed,
}

/// What a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// Too many calls in the window.
    Rate,
    /// Too many calls in flight.
    Concurrency,
    /// One of the two, and the provider does not say which (1302 of GLM).
    RateOrConcurrency,
    /// Too many tokens in the window.
    Tokens,
    /// Calls grew too fast.
    Ramp,
    /// The platform is overloaded, whatever this account sends (1305 of GLM).
    Overload,
}

/// What a controller is told of one call, once it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// When the call was granted, on the store's clock.
    pub granted_at: Time,
    /// The counts that its permit saw.
    pub seen: Seen,
    /// The counts when its outcome became known, itself still in flight. Calls granted at the same moment
    /// overtake each other on their way: the one that is refused need not be the last one granted, and then
    /// it is here, not in `seen`, that all that the provider saw is counted.
    pub seen_at_end: Seen,
    /// What became of it.
    pub outcome: Outcome,
    /// What the answer said of the limits besides.
    pub hint: Option<Hint>,
}

impl Feedback {
    /// The highest counts that the provider can have seen when it answered, dimension by dimension.
    pub fn most_seen(&self) -> Seen {
        Seen {
            calls: self.seen.calls.max(self.seen_at_end.calls),
            tokens: self.seen.tokens.max(self.seen_at_end.tokens),
            in_flight: self.seen.in_flight.max(self.seen_at_end.in_flight),
            version: self.seen.version,
        }
    }
}
