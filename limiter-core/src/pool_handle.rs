//! One pool at hand.

use crate::acquire::Acquire;
use crate::decision::{Request, Seen};
use crate::error::{SetLimitsError, TryAcquireError};
use crate::gate::Gate;
use crate::limits::{Limits, Window};
use crate::permit::Permit;
use crate::store_error::StoreError;
use crate::time::Micros;

/// One pool of a [`Limiter`](crate::Limiter), for paths where looking it up by name would count.
#[derive(Clone, Debug)]
pub struct PoolHandle {
    gate: Gate,
    /// Those that the pool begins with.
    limits: Limits,
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
    /// What a shared store says beyond that; `None` in memory, and for a pool that nobody has used yet.
    pub sharing: Option<Sharing>,
}

/// How a pool is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Processes taking part: those with a call in flight or a waiter, and those heard of within three quarters of a lease.
    pub processes: usize,
    /// How calls and tokens are counted.
    pub window: Window,
    /// Whether somebody set or cut the limits at run time; if not, they are those of the newest configuration.
    pub limits_set: bool,
    /// How long ago limits were last cut.
    pub since_cut: Option<Micros>,
    /// How long the one who came first of the next 500 in the queue has waited.
    pub oldest_wait: Option<Micros>,
}

impl PoolHandle {
    pub(crate) const fn new(gate: Gate, limits: Limits) -> Self {
        Self { gate, limits }
    }

    /// The pool's name.
    pub fn name(&self) -> &str {
        self.gate.name()
    }

    /// As [`Limiter::acquire`](crate::Limiter::acquire).
    pub fn acquire(&self) -> Acquire {
        Acquire::new(Ok(self.gate.clone()))
    }

    /// As [`Limiter::try_acquire`](crate::Limiter::try_acquire).
    ///
    /// # Errors
    /// It would have to wait, it asks for more tokens than the limit, or the store cannot be asked.
    pub async fn try_acquire(&self, request: Request) -> Result<Permit, TryAcquireError> {
        self.gate.try_acquire(request).await
    }

    /// As [`Limiter::set_limits`](crate::Limiter::set_limits).
    ///
    /// # Errors
    /// A limit is out of range, or the store cannot be asked.
    pub async fn set_limits(&self, limits: Limits) -> Result<(), SetLimitsError> {
        self.gate.set_limits(limits).await
    }

    /// As [`Limiter::throttled`](crate::Limiter::throttled).
    ///
    /// # Errors
    /// A limit is out of range, or the store cannot be asked.
    pub async fn throttled(&self, permit: &Permit, cut: Limits) -> Result<bool, SetLimitsError> {
        self.gate.cut(permit.granted_at(), cut).await
    }

    /// The limits in force.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn limits(&self) -> Result<Limits, StoreError> {
        self.gate.limits().await
    }

    /// What goes on in the pool, without changing anything.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn peek(&self) -> Result<PoolStatus, StoreError> {
        self.gate.peek(self.limits).await
    }

    /// As [`Limiter::reset`](crate::Limiter::reset).
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn reset(&self) -> Result<(), StoreError> {
        self.gate.reset().await
    }
}

impl PoolStatus {
    /// That of a pool which was not used yet.
    pub(crate) fn unused(limits: Limits) -> Self {
        Self { seen: Seen::default(), waiting: 0, limits, sharing: None }
    }
}
