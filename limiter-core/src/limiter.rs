//! The limiter: pools by name.

use std::sync::Arc;

use crate::acquire::Acquire;
use crate::builder::LimiterBuilder;
use crate::decision::Request;
use crate::error::{BadPool, PoolError, SetLimitsError, TooManyPools, TryAcquireError};
use crate::gate::Gate;
use crate::limits::Limits;
use crate::memory;
use crate::permit::Permit;
use crate::pool_handle::{PoolHandle, PoolStatus};
#[cfg(feature = "redis")]
use crate::redis;
use crate::store_error::StoreError;

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
    store: Store,
}

/// Where pools are kept.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Memory(Arc<memory::Store>),
    #[cfg(feature = "redis")]
    Redis(Arc<redis::Store>),
}

impl Limiter {
    /// A limiter within this process.
    pub fn memory() -> LimiterBuilder {
        LimiterBuilder::new()
    }

    /// A limiter that all processes share which connect to the same Redis (or Valkey), 6.2 or newer.
    ///
    /// The URL is `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, `redis+unix:///path` for a
    /// socket, `redis+cluster://host:port,host:port` or `redis+sentinel://host:port,host:port/primary[/database]`.
    /// Whether it is a good one shows when the limiter is built.
    ///
    /// The pools are the same as those of [`Limiter::memory`], rule for rule. Those who wait are served first come, first
    /// served across all processes. What holds when the store fails is up to [`LimiterBuilder::fallback`].
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use limiter_core::Limiter;
    /// let limiter =
    ///     Limiter::redis("redis://localhost:6379/0").max_calls(5).period(Duration::from_secs(60)).connect().await?;
    /// let permit = limiter.acquire("test").timeout(Duration::from_secs(10)).await?;
    /// # drop(permit);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "redis")]
    pub fn redis(url: &str) -> LimiterBuilder {
        LimiterBuilder::in_redis(url)
    }

    pub(crate) const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Asks for a permit: to be awaited, after a timeout, a priority or tokens were set where wanted.
    pub fn acquire(&self, pool: &str) -> Acquire {
        Acquire::new(self.gate(pool))
    }

    /// A permit at once, or what it would have to wait for. Overtakes nobody who waits with a better claim.
    ///
    /// In memory this never waits for anything, and needs no runtime.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use limiter_core::{Dimension, Limiter, Request, TryAcquireError};
    /// let limiter = Limiter::memory().max_concurrency(1).build()?;
    /// let permit = limiter.try_acquire("test", Request::default()).await?;
    /// let Err(TryAcquireError::Wait { wait, retry_after }) =
    ///     limiter.try_acquire("test", Request::default()).await
    /// else {
    ///     panic!("two in flight");
    /// };
    /// assert_eq!((wait.binding, retry_after), (Dimension::Concurrency, None));
    /// drop(permit);
    /// assert!(limiter.try_acquire("test", Request { tokens: 500, ..Request::default() }).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It would have to wait, it asks for more tokens than the limit, there is no such pool to be had, or the store
    /// cannot be asked.
    pub async fn try_acquire(&self, pool: &str, request: Request) -> Result<Permit, TryAcquireError> {
        self.gate::<TryAcquireError>(pool)?.try_acquire(request).await
    }

    /// One pool without looking it up each time; it stays as long as the handle.
    ///
    /// # Errors
    /// The name cannot name a pool, or there is no room for another.
    pub fn pool(&self, pool: &str) -> Result<PoolHandle, PoolError> {
        self.gate(pool).map(|gate| PoolHandle::new(gate, self.first_limits()))
    }

    /// Replaces the limits of a pool, at once for those who wait as well; their version becomes the next one.
    ///
    /// What was granted stays charged. A pool whose limits were set is never dropped to make room, and does not begin
    /// with the builder's limits again: in Redis, whatever process comes later finds those that were set.
    ///
    /// # Errors
    /// A limit is out of range, there is no such pool to be had, or the store cannot be asked.
    pub async fn set_limits(&self, pool: &str, limits: Limits) -> Result<(), SetLimitsError> {
        self.gate::<SetLimitsError>(pool)?.set_limits(limits).await
    }

    /// Answers a refusal of the provider: lowers each limit of the permit's pool to that of `cut`, in one step for all
    /// processes. How far to cut is for a controller to say; a dimension that `cut` leaves open stays as it is.
    ///
    /// Once an episode: `false`, and nothing changes, where limits were cut after the permit was granted, since the refusal is
    /// old news then.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::num::NonZeroU64;
    /// use limiter_core::{Limiter, Limits};
    /// let limiter = Limiter::memory().max_calls(60).build()?;
    /// let (first, second) = (limiter.acquire("test").await?, limiter.acquire("test").await?);
    /// let cut = |calls| Limits { calls: NonZeroU64::new(calls), ..Limits::default() };
    /// # tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    /// assert!(limiter.throttled(&first, cut(50)).await?);
    /// assert!(!limiter.throttled(&second, cut(40)).await?);
    /// assert_eq!(limiter.limits("test").await?.calls, NonZeroU64::new(50));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A limit is out of range, or the store cannot be asked.
    pub async fn throttled(&self, permit: &Permit, cut: Limits) -> Result<bool, SetLimitsError> {
        self.gate::<SetLimitsError>(permit.pool())?.cut(permit.granted_at(), cut).await
    }

    /// The limits of a pool; those it would begin with where it was not used yet.
    ///
    /// # Errors
    /// The name cannot name a pool, or the store cannot be asked.
    pub async fn limits(&self, pool: &str) -> Result<Limits, PoolError> {
        match self.find(pool)? {
            Some(gate) => Ok(gate.limits().await?),
            None => Ok(self.first_limits()),
        }
    }

    /// What goes on in a pool, without changing anything.
    ///
    /// # Errors
    /// The name cannot name a pool, or the store cannot be asked.
    pub async fn peek(&self, pool: &str) -> Result<PoolStatus, PoolError> {
        let limits = self.first_limits();
        match self.find(pool)? {
            Some(gate) => Ok(gate.peek(limits).await?),
            None => Ok(PoolStatus::unused(limits)),
        }
    }

    /// Forgets which calls a pool has granted. Its limits stay, those who wait keep their places, and calls in
    /// flight count as such until they end.
    ///
    /// # Errors
    /// The name cannot name a pool, or the store cannot be asked.
    pub async fn reset(&self, pool: &str) -> Result<(), PoolError> {
        if let Some(gate) = self.find(pool)? {
            gate.reset().await?;
        }
        Ok(())
    }

    /// As [`Limiter::reset`], and forgets the limits that were set or cut at run time: those of the builder hold again, for all
    /// processes.
    ///
    /// # Errors
    /// There is no such pool to be had, or the store cannot be asked.
    pub async fn forget_limits(&self, pool: &str) -> Result<(), SetLimitsError> {
        self.gate::<SetLimitsError>(pool)?.forget_limits(self.first_limits()).await
    }

    /// The names of the pools there are, in order; in Redis, of all that any process has ever used.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn pools(&self) -> Result<Vec<String>, StoreError> {
        let mut names = match &self.store {
            Store::Memory(store) => store.names(),
            #[cfg(feature = "redis")]
            Store::Redis(store) => store.names().await?,
        };
        names.sort_unstable();
        Ok(names)
    }

    /// Finds out whether a shared store is fit for use: for an operator who sets it up. `None` in memory, where there is
    /// nothing that could be wrong.
    ///
    /// # Errors
    /// The store cannot be reached at all.
    #[cfg(feature = "redis")]
    pub async fn examine(&self) -> Result<Option<redis::StoreFacts>, StoreError> {
        match &self.store {
            Store::Memory(_) => Ok(None),
            Store::Redis(store) => store.examine().await.map(Some),
        }
    }

    /// Leaves a shared store: what this process has in flight there is free for others at once, and not only when its
    /// lease has passed. For the end of a process; in memory it does nothing.
    pub async fn close(&self) {
        match &self.store {
            Store::Memory(_) => {}
            #[cfg(feature = "redis")]
            Store::Redis(store) => store.close().await,
        }
    }

    /// The pool of this name, made if there is none.
    fn gate<E: From<BadPool> + From<TooManyPools>>(&self, pool: &str) -> Result<Gate, E> {
        match &self.store {
            Store::Memory(store) => store.gate(pool).map(Gate::Memory),
            #[cfg(feature = "redis")]
            Store::Redis(store) => store.gate(pool).map(Gate::Redis),
        }
    }

    /// The pool of this name to look at; none where that would make one.
    fn find(&self, pool: &str) -> Result<Option<Gate>, BadPool> {
        Ok(match &self.store {
            Store::Memory(store) => store.find(pool)?.map(Gate::Memory),
            #[cfg(feature = "redis")]
            Store::Redis(store) => Some(Gate::Redis(store.find(pool)?)),
        })
    }

    fn first_limits(&self) -> Limits {
        match &self.store {
            Store::Memory(store) => *store.limits(),
            #[cfg(feature = "redis")]
            Store::Redis(store) => *store.limits(),
        }
    }
}
