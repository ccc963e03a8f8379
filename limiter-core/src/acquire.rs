//! Asking for a permit, and waiting for it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::coop;
use tokio::time::Sleep;

use crate::decision::{Priority, Request};
use crate::error::AcquireError;
use crate::limits::Dimension;
use crate::memory::{Answer, Gate, Place};
use crate::permit::Permit;
use crate::time::{Micros, Time};

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
    gate: Result<Arc<Gate>, AcquireError>,
    request: Request,
    timeout: Option<Duration>,
}

/// The future of an [`Acquire`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct AcquireFuture {
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Asking(Acquire),
    Waiting(Waiting),
    /// Answered: a future that is polled after its end stays pending.
    Done,
}

/// A place in the queue, left when this is dropped.
#[derive(Debug)]
struct Waiting {
    gate: Arc<Gate>,
    tokens: u64,
    place: Place,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Acquire {
    pub(crate) fn new(gate: Result<Arc<Gate>, AcquireError>) -> Self {
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
        AcquireFuture { stage: Stage::Asking(self) }
    }
}

impl Future for AcquireFuture {
    type Output = Result<Permit, AcquireError>;

    /// # Panics
    /// Where it has to wait outside of a tokio runtime with time enabled.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A task whose calls are all let through at once has to leave room for other tasks, too.
        let budget = ready!(coop::poll_proceed(cx));
        let mut waiting = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Asking(acquire) => match acquire.enter(cx) {
                Ok(result) => {
                    budget.made_progress();
                    return Poll::Ready(result);
                }
                Err(waiting) => waiting,
            },
            Stage::Waiting(waiting) => waiting,
            Stage::Done => return Poll::Pending,
        };
        let polled = waiting.poll(cx);
        match polled {
            Poll::Ready(_) => budget.made_progress(),
            Poll::Pending => self.stage = Stage::Waiting(waiting),
        }
        polled
    }
}

impl Acquire {
    /// Is answered at once, or has to wait.
    fn enter(self, cx: &Context<'_>) -> Result<Result<Permit, AcquireError>, Waiting> {
        let gate = match self.gate {
            Ok(gate) => gate,
            Err(error) => return Ok(Err(error)),
        };
        let tokens = self.request.tokens;
        if self.timeout == Some(Duration::ZERO) {
            return Ok(match gate.try_enter(&self.request) {
                Ok(answer) => conclude(&gate, answer, tokens, None),
                Err((wait, _)) => Err(time_out(&gate, Micros::ZERO, wait.binding)),
            });
        }
        match gate.enter(&self.request, cx.waker()) {
            Ok(answer) => Ok(conclude(&gate, answer, tokens, None)),
            Err(place) => {
                tracing::debug!(pool = gate.name(), binding = place.wait.binding.name(), tokens, "waits");
                // The place is guarded before the timer, which panics outside of a runtime, is made.
                let mut waiting = Waiting { gate, tokens, place, deadline: None };
                waiting.deadline = self.timeout.map(|timeout| Box::pin(tokio::time::sleep(timeout)));
                Err(waiting)
            }
        }
    }
}

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Permit, AcquireError>> {
        let Place { ticket, since, wait } = self.place;
        if let Some(answer) = self.gate.answer(ticket, cx.waker()) {
            return Poll::Ready(conclude(&self.gate, answer, self.tokens, Some(since)));
        }
        let Some(deadline) = &mut self.deadline else { return Poll::Pending };
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(match self.gate.last_answer(ticket) {
            Ok(answer) => conclude(&self.gate, answer, self.tokens, Some(since)),
            Err((last_wait, now)) => {
                let binding = last_wait.unwrap_or(wait).binding;
                Err(time_out(&self.gate, now.since(since), binding))
            }
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.gate.leave(self.place.ticket);
    }
}

/// Turns an answer into the caller's; `since`: when it began to wait, if it did.
fn conclude(
    gate: &Arc<Gate>,
    answer: Answer,
    tokens: u64,
    since: Option<Time>,
) -> Result<Permit, AcquireError> {
    match answer {
        Answer::Granted(grant) => {
            let waited = grant.at.since(since.unwrap_or(grant.at));
            Ok(Permit::new(Arc::clone(gate), grant, waited))
        }
        Answer::TooLarge { limit } => Err(AcquireError::TooLarge { tokens, limit }),
    }
}

fn time_out(gate: &Gate, waited: Micros, binding: Dimension) -> AcquireError {
    tracing::debug!(pool = gate.name(), waited_us = waited.get(), binding = binding.name(), "timed out");
    AcquireError::Timeout { waited: waited.into(), binding }
}
