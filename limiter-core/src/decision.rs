//! What the limiter answers: granted, or wait; and what a grant saw.

use serde::{Deserialize, Serialize};

use crate::limits::Dimension;
use crate::time::Time;

/// How urgent a call is: a level, 0 the most urgent.
///
/// A level is a handicap, not a class: each one counts as if its caller had come [`Priority::HANDICAP`] later.
/// So the more urgent go first, those of one level in the order in which they came, and nobody starves: a
/// waiter can only be overtaken by those who come within the difference of their handicaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Priority(pub u8);

/// What a call asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Tokens to reserve: an estimate of prompt and answer together, settled when the call completes.
    pub tokens: u64,
    /// How urgent it is.
    pub priority: Priority,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send now.
    Granted(Grant),
    /// Not yet; nothing was charged.
    Wait(Wait),
}

/// A call that may be sent; it counts as in flight until it is completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Names it to [`Ledger::complete`](crate::Ledger::complete).
    pub id: GrantId,
    /// When it was granted, on the store's clock.
    pub at: Time,
    /// What else was under way at that moment.
    pub seen: Seen,
}

/// The number of a grant within its pool, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GrantId(pub(crate) u64);

/// The counts at the moment of a grant, itself included: what a refusal says about the provider's limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Calls granted within the window.
    pub calls: u64,
    /// Tokens reserved or used within the window.
    pub tokens: u64,
    /// Calls in flight.
    pub in_flight: u64,
    /// The version of the limits under which it was granted.
    pub version: u64,
}

/// Why a call has to wait, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The dimension that keeps it waiting longest.
    pub binding: Dimension,
    /// When it can go, if nothing else changes until then; `None`: when a call in flight completes.
    pub until: Option<Time>,
}

impl Priority {
    /// Overtakes the normal ones.
    pub const HIGH: Self = Self(0);
    /// What a call has that says nothing.
    pub const NORMAL: Self = Self(1);
    /// Background work.
    pub const LOW: Self = Self(2);
    /// How much later a caller counts as having come, a level.
    pub const HANDICAP: crate::Micros = crate::Micros::from_secs(30);

    /// When a caller that came at `now` counts as having come.
    pub(crate) fn rank(self, now: Time) -> Time {
        now + crate::Micros::new(Self::HANDICAP.get() * u64::from(self.0))
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::NORMAL
    }
}
