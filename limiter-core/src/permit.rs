//! The right to one call, held until its answer has ended.

use std::sync::Arc;
use std::time::Duration;

use crate::decision::{Grant, Request, Seen};
use crate::error::TryAcquireError;
use crate::memory::{Answer, Gate};
use crate::time::{Micros, Time};

/// The right to make one call; the call counts as in flight as long as this lives.
///
/// Keep it from before the request leaves until the response has ended (a stream's last byte), and then
/// [`Permit::complete`] it. Dropped instead, it is released all the same, and the tokens that were reserved
/// stay charged. Neither blocks, neither needs a runtime.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use limiter_core::{Limiter, Request};
/// let limiter = Limiter::memory().max_tokens(1_000).build()?;
/// let permit = limiter.try_acquire("test", Request { tokens: 900, ..Request::default() })?;
/// assert_eq!(limiter.peek("test")?.seen.in_flight, 1);
/// permit.complete(Some(250));
///
/// let seen = limiter.peek("test")?.seen;
/// assert_eq!((seen.in_flight, seen.calls, seen.tokens), (0, 1, 250));
/// # Ok(())
/// # }
/// ```
#[must_use = "a permit that is dropped at once limits nothing: hold it until the response has ended"]
#[derive(Debug)]
pub struct Permit {
    gate: Arc<Gate>,
    grant: Grant,
    waited: Micros,
    end: End,
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
    pub(crate) fn new(gate: Arc<Gate>, grant: Grant, waited: Micros) -> Self {
        tracing::debug!(
            pool = gate.name(),
            waited_us = waited.get(),
            calls = grant.seen.calls,
            tokens = grant.seen.tokens,
            in_flight = grant.seen.in_flight,
            version = grant.seen.version,
            "granted"
        );
        Self { gate, grant, waited, end: End::Completed(None) }
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

    /// What was under way when this was granted, itself included: what a refusal says about the real limit.
    pub const fn seen(&self) -> Seen {
        self.grant.seen
    }

    /// When it was granted, on the clock of the limiter.
    pub const fn granted_at(&self) -> Time {
        self.grant.at
    }

    /// How long its caller waited for it.
    pub fn waited(&self) -> Duration {
        self.waited.into()
    }

    /// The name of its pool.
    pub fn pool(&self) -> &str {
        self.gate.name()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        match self.end {
            End::Completed(used_tokens) => self.gate.complete(self.grant.id, used_tokens),
            End::Abandoned => self.gate.abandon(),
        }
    }
}

/// A permit of `gate` at once, or why not.
pub(crate) fn try_acquire(gate: Arc<Gate>, request: &Request) -> Result<Permit, TryAcquireError> {
    match gate.try_enter(request) {
        Ok(Answer::Granted(grant)) => Ok(Permit::new(gate, grant, Micros::ZERO)),
        Ok(Answer::TooLarge { limit }) => Err(TryAcquireError::TooLarge { tokens: request.tokens, limit }),
        Err((wait, now)) => {
            tracing::debug!(pool = gate.name(), binding = wait.binding.name(), "not granted at once");
            let retry_after = wait.until.map(|until| until.since(now).into());
            Err(TryAcquireError::Wait { wait, retry_after })
        }
    }
}
