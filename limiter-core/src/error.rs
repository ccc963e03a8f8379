//! What can go wrong: each error says what, where, and what to do about it.

use std::time::Duration;

use thiserror::Error;

use crate::decision::Wait;
use crate::limits::{Dimension, MAX_LIMIT, Window};
use crate::pool_name::NameProblem;
use crate::store_error::StoreError;
use crate::time::Micros;

/// A call was not let through.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// The timeout passed first. Nothing was charged.
    #[error(
        "not granted within {waited:.3?}, because the pool is at its limit in {binding}; wait longer, or raise \
         that limit"
    )]
    Timeout {
        /// For how long it waited.
        waited: Duration,
        /// What those at the head of the queue waited for at the end.
        binding: Dimension,
    },
    /// It can never go, however long it waits: the limit may also have been lowered while it waited.
    #[error(
        "a call of {tokens} tokens can never go under a limit of {limit}; ask for less, or raise max_tokens"
    )]
    TooLarge {
        /// What the call asks for.
        tokens: u64,
        /// The limit of the pool, in tokens a period.
        limit: u64,
    },
    /// No pool can be called that.
    #[error(transparent)]
    BadPool(#[from] BadPool),
    /// There is no room for a new pool.
    #[error(transparent)]
    TooManyPools(#[from] TooManyPools),
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A call was not let through at once. Nothing was charged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TryAcquireError {
    /// It would have to wait.
    #[error("the pool is at its limit in {}; try again {}", .wait.binding, Later(*.retry_after))]
    Wait {
        /// What keeps it waiting, and until when on the pool's clock.
        wait: Wait,
        /// How long that is from now, never rounded down; `None`: until a call in flight completes. Where
        /// others wait already this is when the first of them can go, so the earliest there could be room.
        retry_after: Option<Duration>,
    },
    /// It can never go, however long it waits.
    #[error(
        "a call of {tokens} tokens can never go under a limit of {limit}; ask for less, or raise max_tokens"
    )]
    TooLarge {
        /// What the call asks for.
        tokens: u64,
        /// The limit of the pool, in tokens a period.
        limit: u64,
    },
    /// No pool can be called that.
    #[error(transparent)]
    BadPool(#[from] BadPool),
    /// There is no room for a new pool.
    #[error(transparent)]
    TooManyPools(#[from] TooManyPools),
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A limiter cannot be built like that.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A limit is out of range.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// The period of the window is out of range.
    #[error(
        "a period of {period} cannot be counted; give between {} and {}",
        Window::MIN_PERIOD,
        Window::MAX_PERIOD
    )]
    Period {
        /// What was given.
        period: Micros,
    },
    /// The guard of the window is out of range.
    #[error("a guard of {guard} is too long; give at most {}, usually a second or less", Window::MAX_PERIOD)]
    Guard {
        /// What was given.
        guard: Micros,
    },
    /// A lease is out of range.
    #[error(
        "a lease of {lease:?} is out of range; give between 1 s and 1 h, about what a hung process may cost"
    )]
    Lease {
        /// What was given.
        lease: Duration,
    },
    /// The time that the store has to answer is out of range.
    #[error("a store timeout of {timeout:?} is out of range; give between 10 ms and 60 s")]
    StoreTimeout {
        /// What was given.
        timeout: Duration,
    },
    /// Keys cannot begin like that.
    #[error("{prefix:?} cannot begin a key; give 1 to 64 characters without control characters and braces")]
    Prefix {
        /// What was given.
        prefix: String,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No pool would be allowed.
    #[error("max_pools is 0, so that there could be no pool at all; give at least 1")]
    NoPools,
}

/// A limit is out of range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LimitError {
    /// Nothing could ever be sent.
    #[error(
        "the limit in {dimension} is 0, so that nothing could be sent; give at least 1, or none for no limit"
    )]
    Zero {
        /// Which limit.
        dimension: Dimension,
    },
    /// Not every store could count that far.
    #[error("the limit in {dimension} is {limit}, above {MAX_LIMIT} (2^53); leave it out for no limit")]
    AboveMax {
        /// Which limit.
        dimension: Dimension,
        /// What was given.
        limit: u64,
    },
    /// The pacing is longer than the longest period.
    #[error("a pacing of {pacing} is too long; give at most {}", Window::MAX_PERIOD)]
    PacingTooLong {
        /// What was given.
        pacing: Micros,
    },
}

/// The limits of a pool cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SetLimitsError {
    /// A limit is out of range.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// No pool can be called that.
    #[error(transparent)]
    BadPool(#[from] BadPool),
    /// There is no room for a new pool.
    #[error(transparent)]
    TooManyPools(#[from] TooManyPools),
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A pool cannot be had or looked at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PoolError {
    /// No pool can be called that.
    #[error(transparent)]
    BadPool(#[from] BadPool),
    /// There is no room for a new pool.
    #[error(transparent)]
    TooManyPools(#[from] TooManyPools),
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A permit is not certain to have its place any more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RenewError {
    /// Its lease has passed, or the store has forgotten it: others may have its place.
    #[error(
        "the lease was lost: the store gave the place in flight away; end this call, or let it count beside others"
    )]
    Lost,
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// No pool can be called that.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name:?} cannot name a pool: {problem}")]
pub struct BadPool {
    /// The name, or its beginning where it is long.
    pub name: String,
    /// What is wrong with it, and what would be right.
    pub problem: NameProblem,
}

/// As many pools as are allowed are all in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("all {max} pools are in use; raise max_pools, or name pools by something with fewer values")]
pub struct TooManyPools {
    /// How many are allowed.
    pub max: usize,
}

/// Words for a wait.
struct Later(Option<Duration>);

impl std::fmt::Display for Later {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(after) => write!(f, "in {after:.3?}"),
            None => f.write_str("when a call in flight has ended"),
        }
    }
}
