//! Asking for a permit, and waiting for it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "redis")]
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::decision::{Priority, Request};
use crate::error::AcquireError;
use crate::gate::Gate;
use crate::memory;
use crate::permit::Permit;
#[cfg(feature = "redis")]
use tracing::Instrument as _;

/// A request for a permit; made by [`Limiter::acquire`](crate::Limiter::acquire), to be awaited.
///
/// It takes its place in the queue when it is first polled. Without a timeout it waits as long as it takes.
/// Dropped before its end it leaves the queue at once, and a permit that it was just given goes to the next.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use limiter_core::{AcquireError, Limiter, Priority};
///
/// let limiter = Limiter::memory().max_tokens(1_000).guard(Duration::ZERO).build()?;
/// limiter.acquire("test").tokens(600).await?.complete(None);
/// let permit = limiter.acquire("test").tokens(500).priority(Priority::HIGH).await?;
/// assert_eq!(permit.waited(), Duration::from_secs(60));
/// assert_eq!(
///     limiter.acquire("test").tokens(1_001).await.err(),
///     Some(AcquireError::TooLarge { tokens: 1_001, limit: 1_000 })
/// );
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is asked for until this is awaited"]
#[derive(Debug)]
pub struct Acquire {
    gate: Result<Gate, AcquireError>,
    request: Request,
    timeout: Option<Duration>,
}

/// The future of an [`Acquire`].
#[must_use = "futures do nothing unless polled"]
pub struct AcquireFuture {
    way: Way,
}

enum Way {
    Memory(memory::Entry),
    #[cfg(feature = "redis")]
    /// The lock is never taken: it makes this `Sync`, which the client of Redis is not.
    Redis(Mutex<Boxed>),
    /// There is nothing to ask; none: that was said.
    Nowhere(Option<AcquireError>),
}

#[cfg(feature = "redis")]
type Boxed = Pin<Box<dyn Future<Output = Result<Permit, AcquireError>> + Send>>;

impl Acquire {
    pub(crate) fn new(gate: Result<Gate, AcquireError>) -> Self {
        Self { gate, request: Request::default(), timeout: None }
    }

    /// Gives up with [`AcquireError::Timeout`] after waiting this long. Zero: does not wait at all.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How urgent it is; [`Priority::NORMAL`] if not set.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.request.priority = priority;
        self
    }

    /// Tokens to reserve: an estimate of prompt and answer together; 0 if not set.
    pub fn tokens(mut self, tokens: u64) -> Self {
        self.request.tokens = tokens;
        self
    }
}

impl IntoFuture for Acquire {
    type Output = Result<Permit, AcquireError>;
    type IntoFuture = AcquireFuture;

    fn into_future(self) -> AcquireFuture {
        let Self { gate, request, timeout } = self;
        let way = match gate {
            Err(error) => Way::Nowhere(Some(error)),
            Ok(Gate::Memory(gate)) => Way::Memory(memory::Entry::new(gate, request, timeout, None)),
            #[cfg(feature = "redis")]
            Ok(Gate::Redis(gate)) => {
                let span = tracing::debug_span!("acquire", pool = gate.name(), tokens = request.tokens);
                let future = crate::redis::acquire(gate, request, timeout).instrument(span);
                Way::Redis(Mutex::new(Box::pin(future)))
            }
        };
        AcquireFuture { way }
    }
}

impl Future for AcquireFuture {
    type Output = Result<Permit, AcquireError>;

    /// # Panics
    /// Where it has to wait outside of a tokio runtime with time enabled.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.way {
            Way::Memory(entry) => Pin::new(&mut *entry)
                .poll(cx)
                .map_ok(|entered| Permit::in_memory(Arc::clone(entry.gate()), entered.grant, entered.waited)),
            #[cfg(feature = "redis")]
            Way::Redis(future) => future.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx),
            Way::Nowhere(error) => error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error))),
        }
    }
}

impl fmt::Debug for AcquireFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireFuture").finish_non_exhaustive()
    }
}
