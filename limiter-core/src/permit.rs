//! The right to one call, held until its answer has ended.

use std::sync::Arc;
use std::time::Duration;

use crate::decision::{Grant, GrantId, Seen};
use crate::error::RenewError;
use crate::memory;
#[cfg(feature = "redis")]
use crate::redis;
use crate::telemetry;
use crate::time::{Micros, Time};

/// The right to make one call; the call counts as in flight as long as this lives.
///
/// Keep it from before the request leaves until the response has ended (a stream's last byte), and then
/// [`Permit::complete`] it. Dropped instead, it is released all the same, and the tokens that were reserved
/// stay charged. Neither blocks, neither needs a runtime.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use limiter_core::{Limiter, Request};
/// let limiter = Limiter::memory().max_tokens(1_000).build()?;
/// let permit = limiter.try_acquire("test", Request { tokens: 900, ..Request::default() }).await?;
/// assert_eq!(limiter.peek("test").await?.seen.in_flight, 1);
/// permit.complete(Some(250));
///
/// let seen = limiter.peek("test").await?.seen;
/// assert_eq!((seen.in_flight, seen.calls, seen.tokens), (0, 1, 250));
/// # Ok(())
/// # }
/// ```
#[must_use = "a permit that is dropped at once limits nothing: hold it until the response has ended"]
#[derive(Debug)]
pub struct Permit {
    hold: Hold,
    at: Time,
    seen: Seen,
    waited: Micros,
    end: End,
}

/// Where its call is in flight, and under which name.
#[derive(Debug)]
enum Hold {
    Memory {
        gate: Arc<memory::Gate>,
        id: GrantId,
    },
    #[cfg(feature = "redis")]
    Redis {
        gate: Arc<redis::Gate>,
        number: u64,
    },
}

/// What dropping a permit says of its call.
#[derive(Clone, Copy, Debug)]
enum End {
    /// It has ended; its reservation is settled to these tokens, or stays.
    Completed(Option<u64>),
    /// Its caller has gone, and the provider may still be at it.
    Abandoned,
}

impl Permit {
    pub(crate) fn in_memory(gate: Arc<memory::Gate>, grant: Grant, waited: Micros) -> Self {
        Self::new(Hold::Memory { gate, id: grant.id }, grant.at, grant.seen, waited)
    }

    #[cfg(feature = "redis")]
    pub(crate) fn in_redis(
        gate: Arc<redis::Gate>,
        number: u64,
        at: Time,
        seen: Seen,
        waited: Micros,
    ) -> Self {
        Self::new(Hold::Redis { gate, number }, at, seen, waited)
    }

    fn new(hold: Hold, at: Time, seen: Seen, waited: Micros) -> Self {
        let permit = Self { hold, at, seen, waited, end: End::Completed(None) };
        telemetry::granted(permit.pool(), waited, &seen);
        permit
    }

    /// The call has ended, and has used so many tokens, prompt and answer together; `None`: as many as were
    /// reserved.
    pub fn complete(mut self, used_tokens: Option<u64>) {
        self.end = End::Completed(used_tokens);
    }

    /// The call was given up while the provider was at it, by a timeout or a cancelled stream.
    ///
    /// The provider serves it until it hears of that, so it counts as in flight for the guard interval more;
    /// the tokens that were reserved stay charged.
    pub fn abandon(mut self) {
        self.end = End::Abandoned;
    }

    /// Whether this call still has its place among those in flight.
    ///
    /// In Redis it has it by a lease, which is renewed in the background for as long as this lives; asking renews it at
    /// once. A lease is lost when the process was cut off from the store or stopped for longer than it lasts, or when
    /// the store has lost its memory: others may have the place by now, and the call counts beside theirs.
    ///
    /// # Errors
    /// The lease was lost; or the store cannot say.
    pub async fn renew(&self) -> Result<(), RenewError> {
        match &self.hold {
            Hold::Memory { .. } => Ok(()),
            #[cfg(feature = "redis")]
            Hold::Redis { gate, number } => {
                if gate.holds(*number).await? {
                    Ok(())
                } else {
                    Err(RenewError::Lost)
                }
            }
        }
    }

    /// What was under way when this was granted, itself included: what a refusal says about the real limit.
    pub const fn seen(&self) -> Seen {
        self.seen
    }

    /// When it was granted, on the clock of the store.
    pub const fn granted_at(&self) -> Time {
        self.at
    }

    /// How long its caller waited for it.
    pub fn waited(&self) -> Duration {
        self.waited.into()
    }

    /// The name of its pool.
    pub fn pool(&self) -> &str {
        match &self.hold {
            Hold::Memory { gate, .. } => gate.name(),
            #[cfg(feature = "redis")]
            Hold::Redis { gate, .. } => gate.name(),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        match (&self.hold, self.end) {
            (Hold::Memory { gate, id }, End::Completed(used_tokens)) => gate.complete(*id, used_tokens),
            (Hold::Memory { gate, .. }, End::Abandoned) => gate.abandon(),
            #[cfg(feature = "redis")]
            (Hold::Redis { gate, number }, End::Completed(used_tokens)) => {
                gate.complete(*number, used_tokens);
            }
            #[cfg(feature = "redis")]
            (Hold::Redis { gate, number }, End::Abandoned) => gate.abandon(*number),
        }
    }
}
