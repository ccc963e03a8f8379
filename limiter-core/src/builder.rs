//! How a limiter is set up: raw numbers in, a limiter that cannot be wrong out.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{BuildError, LimitError};
#[cfg(feature = "redis")]
use crate::fallback::Fallback;
use crate::limiter::{Limiter, Store};
use crate::limits::{Dimension, Limits, Window};
use crate::memory;
#[cfg(feature = "redis")]
use crate::redis;
use crate::time::Micros;

/// Sets up a [`Limiter`]; made by [`Limiter::memory`] or `Limiter::redis`.
///
/// Every pool begins with these limits; a dimension that is not named does not limit.
///
/// ```
/// use limiter_core::{BuildError, Limiter};
/// let error = Limiter::memory().max_calls(0).build().err();
/// assert!(matches!(error, Some(BuildError::Limit(_))));
/// ```
#[must_use = "a builder does nothing until it is built"]
#[derive(Clone, Debug)]
pub struct LimiterBuilder {
    max_calls: Option<u64>,
    max_tokens: Option<u64>,
    max_concurrency: Option<u64>,
    pacing: Micros,
    window: Window,
    max_pools: usize,
    #[cfg(feature = "redis")]
    shared: Option<Shared>,
}

/// What only a limiter in Redis has.
#[cfg(feature = "redis")]
#[derive(Clone, Debug)]
struct Shared {
    address: Result<redis::Address, crate::StoreError>,
    lease: Duration,
    patience: Duration,
    fallback: Fallback,
    prefix: String,
}

impl LimiterBuilder {
    /// How many pools there may be, unless [`LimiterBuilder::max_pools`] says otherwise.
    pub const DEFAULT_MAX_POOLS: usize = 10_000;

    pub(crate) fn new() -> Self {
        Self {
            max_calls: None,
            max_tokens: None,
            max_concurrency: None,
            pacing: Micros::ZERO,
            window: Window::default(),
            max_pools: Self::DEFAULT_MAX_POOLS,
            #[cfg(feature = "redis")]
            shared: None,
        }
    }

    #[cfg(feature = "redis")]
    pub(crate) fn in_redis(url: &str) -> Self {
        let shared = Shared {
            address: redis::Address::parse(url),
            lease: Self::DEFAULT_LEASE,
            patience: Self::DEFAULT_STORE_TIMEOUT,
            fallback: Fallback::default(),
            prefix: "ratepilot".to_owned(),
        };
        Self { shared: Some(shared), ..Self::new() }
    }

    /// Calls in any window of the period, 1 to [`MAX_LIMIT`](crate::MAX_LIMIT).
    pub fn max_calls(mut self, calls: u64) -> Self {
        self.max_calls = Some(calls);
        self
    }

    /// Tokens in any window of the period, 1 to [`MAX_LIMIT`](crate::MAX_LIMIT).
    pub fn max_tokens(mut self, tokens: u64) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Calls in flight at any moment, 1 to [`MAX_LIMIT`](crate::MAX_LIMIT).
    pub fn max_concurrency(mut self, concurrency: u64) -> Self {
        self.max_concurrency = Some(concurrency);
        self
    }

    /// The least span between two grants, so that a whole window's calls do not leave in one burst.
    pub fn pacing(mut self, pacing: Duration) -> Self {
        self.pacing = pacing.into();
        self
    }

    /// The length of the window that the provider counts in: 10 ms to 31 days; 60 s if not set.
    pub fn period(mut self, period: Duration) -> Self {
        self.window.period = period.into();
        self
    }

    /// What is added to the period against jitter on the way; 200 ms if not set. See [`Window::guard`].
    pub fn guard(mut self, guard: Duration) -> Self {
        self.window.guard = guard.into();
        self
    }

    /// How many pools there may be at once, at least 1.
    ///
    /// When there are that many and another is asked for, those go that a new one would not differ from:
    /// nothing in flight, nobody waiting, nothing in the window, limits never set, no handle kept.
    pub fn max_pools(mut self, pools: usize) -> Self {
        self.max_pools = pools;
        self
    }

    /// The limiter. One in Redis connects in the background, and begins with its [`Fallback`](crate::Fallback).
    ///
    /// # Errors
    /// A number is out of its range; the error says which, and what the range is. Or the URL is none.
    ///
    /// # Panics
    /// One in Redis, outside of a tokio runtime.
    pub fn build(self) -> Result<Limiter, BuildError> {
        self.store().map(Limiter::new)
    }

    /// The limiter; one in Redis after it has connected, and found that it may do what it has to do.
    ///
    /// # Errors
    /// Those of [`LimiterBuilder::build`]; and that the store cannot be reached or used. A service that shall start
    /// without its store uses [`LimiterBuilder::build`].
    pub async fn connect(self) -> Result<Limiter, BuildError> {
        let store = self.store()?;
        match &store {
            Store::Memory(_) => {}
            #[cfg(feature = "redis")]
            Store::Redis(store) => store.check().await?,
        }
        Ok(Limiter::new(store))
    }

    fn store(self) -> Result<Store, BuildError> {
        let limits = self.limits()?;
        let period = self.window.period;
        if !(Window::MIN_PERIOD..=Window::MAX_PERIOD).contains(&period) {
            return Err(BuildError::Period { period });
        }
        if self.window.guard > Window::MAX_PERIOD {
            return Err(BuildError::Guard { guard: self.window.guard });
        }
        if self.max_pools == 0 {
            return Err(BuildError::NoPools);
        }
        #[cfg(feature = "redis")]
        if let Some(shared) = self.shared {
            return shared.store(self.window, limits, self.max_pools);
        }
        Ok(Store::Memory(Arc::new(memory::Store::new(self.window, limits, self.max_pools))))
    }

    fn limits(&self) -> Result<Limits, LimitError> {
        let limits = Limits {
            version: 0,
            calls: non_zero(Dimension::Calls, self.max_calls)?,
            tokens: non_zero(Dimension::Tokens, self.max_tokens)?,
            concurrency: non_zero(Dimension::Concurrency, self.max_concurrency)?,
            pacing: self.pacing,
        };
        limits.check().map(|()| limits)
    }
}

/// What only a limiter in Redis has; one in memory takes no notice of it.
#[cfg(feature = "redis")]
impl LimiterBuilder {
    /// The lease, unless [`LimiterBuilder::lease`] says otherwise.
    pub const DEFAULT_LEASE: Duration = Duration::from_secs(16);
    /// How long the store may take, unless [`LimiterBuilder::store_timeout`] says otherwise.
    pub const DEFAULT_STORE_TIMEOUT: Duration = Duration::from_millis(500);

    /// How long what a process has in flight stays its own after it was last heard of, 1 s to 1 h. It is heard of
    /// four times a lease, while it has anything in flight or anybody waiting.
    pub fn lease(self, lease: Duration) -> Self {
        self.shared(|shared| shared.lease = lease)
    }

    /// The longest that the store may take to answer before it counts as away, 10 ms to 60 s.
    pub fn store_timeout(self, timeout: Duration) -> Self {
        self.shared(|shared| shared.patience = timeout)
    }

    /// What to do while the store is away; [`Fallback::Local`] if not set.
    pub fn fallback(self, fallback: Fallback) -> Self {
        self.shared(|shared| shared.fallback = fallback)
    }

    /// What all keys and channels begin with, `ratepilot` if not set: for several limiters on one database.
    pub fn prefix(self, prefix: &str) -> Self {
        self.shared(|shared| prefix.clone_into(&mut shared.prefix))
    }

    fn shared(mut self, set: impl FnOnce(&mut Shared)) -> Self {
        self.shared.as_mut().map(set);
        self
    }
}

#[cfg(feature = "redis")]
impl Shared {
    fn store(self, window: Window, limits: Limits, max_pools: usize) -> Result<Store, BuildError> {
        let Self { address, lease, patience, fallback, prefix } = self;
        if !(Duration::from_secs(1)..=Duration::from_secs(3_600)).contains(&lease) {
            return Err(BuildError::Lease { lease });
        }
        if !(Duration::from_millis(10)..=Duration::from_secs(60)).contains(&patience) {
            return Err(BuildError::StoreTimeout { timeout: patience });
        }
        if prefix.is_empty()
            || prefix.len() > 64
            || prefix.contains(|c: char| c.is_control() || "{}".contains(c))
        {
            return Err(BuildError::Prefix { prefix: prefix.chars().take(64).collect() });
        }
        let settings = redis::Settings { window, limits, max_pools, lease, patience, fallback, prefix };
        Ok(Store::Redis(Arc::new(redis::Store::new(address?, settings))))
    }
}

fn non_zero(dimension: Dimension, limit: Option<u64>) -> Result<Option<NonZeroU64>, LimitError> {
    limit.map(|limit| NonZeroU64::new(limit).ok_or(LimitError::Zero { dimension })).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_LIMIT;

    fn error(builder: LimiterBuilder) -> String {
        builder.build().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_range() {
        assert_eq!(
            error(Limiter::memory().max_concurrency(0)),
            "the limit in concurrency is 0, so that nothing could be sent; give at least 1, or none for no limit"
        );
        assert_eq!(
            error(Limiter::memory().max_tokens(MAX_LIMIT + 1)),
            "the limit in tokens is 9007199254740993, above 9007199254740992 (2^53); leave it out for no limit"
        );
        assert_eq!(
            error(Limiter::memory().period(Duration::from_millis(9))),
            "a period of 0.009 s cannot be counted; give between 0.010 s and 2678400.000 s"
        );
        assert!(error(Limiter::memory().period(Duration::from_secs(32 * 86_400))).contains("2764800.000 s"));
        assert!(error(Limiter::memory().guard(Duration::MAX)).contains("guard"));
        assert!(error(Limiter::memory().pacing(Duration::MAX)).contains("pacing"));
        assert!(error(Limiter::memory().max_pools(0)).contains("max_pools"));
    }

    #[test]
    fn the_ends_of_the_ranges_are_in_them() {
        for period in [Window::MIN_PERIOD, Window::MAX_PERIOD] {
            assert!(
                Limiter::memory().period(period.into()).max_calls(MAX_LIMIT).max_pools(1).build().is_ok()
            );
        }
    }
}
