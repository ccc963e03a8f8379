//! One pool at hand.

use std::sync::Arc;

use crate::acquire::Acquire;
use crate::decision::{Request, Seen};
use crate::error::{LimitError, TryAcquireError};
use crate::limits::Limits;
use crate::memory::Gate;
use crate::permit::{self, Permit};

/// One pool of a [`Limiter`](crate::Limiter), for paths where looking it up by name would count.
#[derive(Clone, Debug)]
pub struct PoolHandle {
    gate: Arc<Gate>,
}

/// What goes on in a pool at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Calls and tokens in the window, and calls in flight.
    pub seen: Seen,
    /// How many wait.
    pub waiting: usize,
    /// The limits in force.
    pub limits: Limits,
}

impl PoolHandle {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Self { gate }
    }

    /// The pool's name.
    pub fn name(&self) -> &str {
        self.gate.name()
    }

    /// As [`Limiter::acquire`](crate::Limiter::acquire).
    pub fn acquire(&self) -> Acquire {
        Acquire::new(Ok(Arc::clone(&self.gate)))
    }

    /// As [`Limiter::try_acquire`](crate::Limiter::try_acquire).
    ///
    /// # Errors
    /// It would have to wait, or it asks for more tokens than the limit.
    pub fn try_acquire(&self, request: Request) -> Result<Permit, TryAcquireError> {
        permit::try_acquire(Arc::clone(&self.gate), &request)
    }

    /// As [`Limiter::set_limits`](crate::Limiter::set_limits).
    ///
    /// # Errors
    /// A limit is out of range.
    pub fn set_limits(&self, limits: Limits) -> Result<(), LimitError> {
        self.gate.set_limits(limits)
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.gate.limits()
    }

    /// What goes on in the pool, without changing anything.
    pub fn peek(&self) -> PoolStatus {
        PoolStatus::of(&self.gate)
    }

    /// As [`Limiter::reset`](crate::Limiter::reset).
    pub fn reset(&self) {
        self.gate.reset();
    }
}

impl PoolStatus {
    pub(crate) fn of(gate: &Gate) -> Self {
        let (seen, waiting, limits) = gate.status();
        Self { seen, waiting, limits }
    }

    /// That of a pool which was not used yet.
    pub(crate) fn unused(limits: Limits) -> Self {
        Self { seen: Seen::default(), waiting: 0, limits }
    }
}
