//! The limiter: pools by name.

use std::sync::Arc;

use crate::acquire::Acquire;
use crate::builder::LimiterBuilder;
use crate::decision::Request;
use crate::error::{BadPool, PoolError, SetLimitsError, TryAcquireError};
use crate::limits::Limits;
use crate::memory::Store;
use crate::permit::{self, Permit};
use crate::pool_handle::{PoolHandle, PoolStatus};

/// Lets calls through as the limits of their pool allow; the others wait, first come, first served.
///
/// A pool is what a provider limits together, usually one model of one account. It is made on first use with
/// the limits that the builder was given. Clones share all pools; a clone costs one count.
///
/// Waiting needs a tokio runtime with time enabled; everything else works anywhere.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use limiter_core::{AcquireError, Dimension, Limiter};
///
/// let limiter = Limiter::memory().max_calls(2).period(Duration::from_secs(60)).build()?;
/// limiter.acquire("test").await?.complete(None);
/// limiter.acquire("test").await?.complete(None);
///
/// // The third has to wait until the first has left the window: 60 s, and the guard of 200 ms.
/// let refused = limiter.acquire("test").timeout(Duration::from_secs(10)).await;
/// assert_eq!(
///     refused.err(),
///     Some(AcquireError::Timeout { waited: Duration::from_secs(10), binding: Dimension::Calls })
/// );
/// let permit = limiter.acquire("test").await?;
/// assert_eq!(permit.waited(), Duration::from_millis(50_200));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Limiter {
    store: Arc<Store>,
}

impl Limiter {
    /// A limiter within this process.
    pub fn memory() -> LimiterBuilder {
        LimiterBuilder::new()
    }

    pub(crate) fn new(store: Store) -> Self {
        Self { store: Arc::new(store) }
    }

    /// Asks for a permit: to be awaited, after a timeout, a priority or tokens were set where wanted.
    pub fn acquire(&self, pool: &str) -> Acquire {
        Acquire::new(self.store.gate(pool))
    }

    /// A permit at once, or what it would have to wait for. Overtakes nobody who waits with a better claim.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use limiter_core::{Dimension, Limiter, Request, TryAcquireError};
    /// let limiter = Limiter::memory().max_concurrency(1).build()?;
    /// let permit = limiter.try_acquire("test", Request::default())?;
    /// let Err(TryAcquireError::Wait { wait, retry_after }) = limiter.try_acquire("test", Request::default())
    /// else {
    ///     panic!("two in flight");
    /// };
    /// assert_eq!((wait.binding, retry_after), (Dimension::Concurrency, None));
    /// drop(permit);
    /// assert!(limiter.try_acquire("test", Request { tokens: 500, ..Request::default() }).is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It would have to wait, it asks for more tokens than the limit, or there is no such pool to be had.
    pub fn try_acquire(&self, pool: &str, request: Request) -> Result<Permit, TryAcquireError> {
        let gate = self.store.gate::<TryAcquireError>(pool)?;
        permit::try_acquire(gate, &request)
    }

    /// One pool without looking it up each time; it stays as long as the handle.
    ///
    /// # Errors
    /// The name cannot name a pool, or there is no room for another.
    pub fn pool(&self, pool: &str) -> Result<PoolHandle, PoolError> {
        self.store.gate(pool).map(PoolHandle::new)
    }

    /// Replaces the limits of a pool, at once for those who wait as well; their version becomes the next one.
    ///
    /// What was granted stays charged. A pool whose limits were set is never dropped to make room.
    ///
    /// # Errors
    /// A limit is out of range, or there is no such pool to be had.
    pub fn set_limits(&self, pool: &str, limits: Limits) -> Result<(), SetLimitsError> {
        Ok(self.store.gate::<SetLimitsError>(pool)?.set_limits(limits)?)
    }

    /// The limits of a pool; those it would begin with where it was not used yet.
    ///
    /// # Errors
    /// The name cannot name a pool.
    pub fn limits(&self, pool: &str) -> Result<Limits, BadPool> {
        Ok(self.store.find(pool)?.map_or(*self.store.limits(), |gate| gate.limits()))
    }

    /// What goes on in a pool, without changing anything.
    ///
    /// # Errors
    /// The name cannot name a pool.
    pub fn peek(&self, pool: &str) -> Result<PoolStatus, BadPool> {
        let gate = self.store.find(pool)?;
        Ok(gate.map_or_else(|| PoolStatus::unused(*self.store.limits()), |gate| PoolStatus::of(&gate)))
    }

    /// Forgets which calls a pool has granted. Its limits stay, those who wait keep their places, and calls in
    /// flight count as such until they end.
    ///
    /// # Errors
    /// The name cannot name a pool.
    pub fn reset(&self, pool: &str) -> Result<(), BadPool> {
        if let Some(gate) = self.store.find(pool)? {
            gate.reset();
        }
        Ok(())
    }
}
