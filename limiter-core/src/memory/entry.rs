//! Asking for a permit of a pool in memory, and waiting for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::coop;

use super::runtime::{Sleep, sleep};
use super::{Answer, Gate, Place};
use crate::decision::{Grant, Request};
use crate::error::AcquireError;
use crate::limits::Dimension;
use crate::telemetry;
use crate::time::{Micros, Time};

/// A request under way: it takes its place when it is first polled, and leaves it when it is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    gate: Arc<Gate>,
    request: Request,
    timeout: Option<Duration>,
    /// When it began to wait elsewhere, if it did.
    since: Option<Time>,
    stage: Stage,
}

/// The end of a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entered {
    pub(crate) grant: Grant,
    pub(crate) waited: Micros,
}

#[derive(Debug)]
enum Stage {
    Asking,
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

impl Entry {
    pub(crate) fn new(
        gate: Arc<Gate>,
        request: Request,
        timeout: Option<Duration>,
        since: Option<Time>,
    ) -> Self {
        Self { gate, request, timeout, since, stage: Stage::Asking }
    }

    pub(crate) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Is answered at once, or has to wait.
    fn enter(&self, cx: &Context<'_>) -> Result<Result<Entered, AcquireError>, Waiting> {
        let tokens = self.request.tokens;
        if self.timeout == Some(Duration::ZERO) {
            return Ok(match self.gate.try_enter(&self.request) {
                Ok(answer) => conclude(answer, tokens, None),
                Err((wait, _)) => Err(time_out(&self.gate, Micros::ZERO, wait.binding)),
            });
        }
        match self.gate.enter(&self.request, cx.waker(), self.since) {
            Ok(answer) => Ok(conclude(answer, tokens, None)),
            Err(place) => {
                telemetry::denied(self.gate.name(), place.wait.binding, tokens, true);
                // The place is guarded before the timer, which panics outside of a runtime, is made.
                let mut waiting = Waiting { gate: Arc::clone(&self.gate), tokens, place, deadline: None };
                waiting.deadline = self.timeout.map(|timeout| Box::pin(sleep(timeout)));
                Err(waiting)
            }
        }
    }
}

impl Future for Entry {
    type Output = Result<Entered, AcquireError>;

    /// # Panics
    /// Where it has to wait outside of a tokio runtime with time enabled.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A task whose calls are all let through at once has to leave room for other tasks, too.
        let budget = ready!(coop::poll_proceed(cx));
        let mut waiting = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Asking => match self.enter(cx) {
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

impl Waiting {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Entered, AcquireError>> {
        let Place { ticket, since, wait } = self.place;
        if let Some(answer) = self.gate.answer(ticket, cx.waker()) {
            return Poll::Ready(conclude(answer, self.tokens, Some(since)));
        }
        let Some(deadline) = &mut self.deadline else { return Poll::Pending };
        ready!(deadline.as_mut().poll(cx));
        Poll::Ready(match self.gate.last_answer(ticket) {
            Ok(answer) => conclude(answer, self.tokens, Some(since)),
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
fn conclude(answer: Answer, tokens: u64, since: Option<Time>) -> Result<Entered, AcquireError> {
    match answer {
        Answer::Granted(grant) => {
            let waited = grant.at.since(since.unwrap_or(grant.at));
            Ok(Entered { grant, waited })
        }
        Answer::TooLarge { limit } => Err(AcquireError::TooLarge { tokens, limit }),
    }
}

fn time_out(gate: &Gate, waited: Micros, binding: Dimension) -> AcquireError {
    telemetry::timed_out(gate.name(), waited, binding);
    AcquireError::Timeout { waited: waited.into(), binding }
}
