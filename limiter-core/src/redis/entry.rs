//! Asking for a permit of a pool in Redis, and waiting for it, with the store or without.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::ask::{Asked, Mode};
use super::gate::Gate;
use super::reply::{Granted, News};
use crate::decision::{Grant, Request, Wait};
use crate::error::{AcquireError, TryAcquireError};
use crate::fallback::Fallback;
use crate::limits::Dimension;
use crate::memory;
use crate::permit::Permit;
use crate::store_error::StoreError;
use crate::telemetry;
use crate::time::Time;

/// A request under way. Dropped before its end, it gives up its place and any grant that came of it.
struct Asking {
    gate: Arc<Gate>,
    request: Request,
    number: u64,
    since: Time,
    /// The store may know of it.
    asked: bool,
}

/// A permit, after a wait of at most `patience`.
pub(crate) async fn acquire(
    gate: Arc<Gate>,
    request: Request,
    patience: Option<Duration>,
) -> Result<Permit, AcquireError> {
    if patience == Some(Duration::ZERO) {
        return match try_acquire(gate, request).await {
            Ok(permit) => Ok(permit),
            Err(TryAcquireError::Wait { wait, .. }) => {
                Err(AcquireError::Timeout { waited: Duration::ZERO, binding: wait.binding })
            }
            Err(TryAcquireError::TooLarge { tokens, limit }) => Err(AcquireError::TooLarge { tokens, limit }),
            Err(TryAcquireError::BadPool(error)) => Err(error.into()),
            Err(TryAcquireError::TooManyPools(error)) => Err(error.into()),
            Err(TryAcquireError::Store(error)) => Err(error.into()),
        };
    }
    let began = Instant::now();
    let deadline = patience.and_then(|patience| began.checked_add(patience));
    let mut asking = Asking::new(gate, request);
    let mut binding = Dimension::Calls;
    match deadline {
        None => asking.wait(&mut binding).await,
        Some(deadline) => match timeout_at(deadline, asking.wait(&mut binding)).await {
            Ok(result) => result,
            Err(_) => asking.last_chance(began, binding).await,
        },
    }
}

/// A permit at once, or what it would have to wait for.
pub(crate) async fn try_acquire(gate: Arc<Gate>, request: Request) -> Result<Permit, TryAcquireError> {
    let mut asking = Asking::new(gate, request);
    match asking.ask(Mode::Try).await {
        Ok(asked) => asking.settle(asked),
        Err(error) => asking.go_alone(error),
    }
}

impl Asking {
    fn new(gate: Arc<Gate>, request: Request) -> Self {
        let number = gate.home.number();
        let since = gate.now();
        Self { gate, request, number, since, asked: false }
    }

    async fn ask(&mut self, mode: Mode) -> Result<Asked, StoreError> {
        if !self.asked {
            self.gate.expect(self.number);
        }
        self.asked = true;
        // Boxed, as it is large and gone while a caller waits, of whom there may be thousands.
        Box::pin(self.gate.ask(self.number, &self.request, self.since, mode)).await
    }

    /// Until it is granted, or can never be. `binding`: what it waits for at the moment.
    async fn wait(&mut self, binding: &mut Dimension) -> Result<Permit, AcquireError> {
        let mut mode = Mode::Queue;
        loop {
            match self.ask(mode).await {
                Ok(Asked::Granted(granted)) => return Ok(self.conclude(granted)),
                Ok(Asked::TooLarge { limit }) => return Err(self.too_large(limit)),
                Ok(Asked::Wait(wait, _)) => {
                    if mode == Mode::Queue {
                        telemetry::denied(self.gate.name(), wait.binding, self.request.tokens, true);
                        self.gate.call_driver();
                    }
                    *binding = wait.binding;
                    match poll_fn(|cx| self.gate.poll_news(self.number, cx.waker())).await {
                        News::Granted(granted) => return Ok(self.conclude(granted)),
                        News::TooLarge { limit } => return Err(self.too_large(limit)),
                        News::Ask | News::Heads { .. } => {}
                    }
                }
                Err(error) => match self.gate.home.settings.fallback {
                    Fallback::Closed => return Err(error.into()),
                    Fallback::Open => return Ok(self.pass()),
                    Fallback::Local => {
                        if let Some(permit) = Box::pin(self.wait_locally(binding)).await? {
                            return Ok(permit);
                        }
                    }
                },
            }
            mode = mode.again();
        }
    }

    /// Waits in the pool of this process alone; none: the store is back.
    async fn wait_locally(&mut self, binding: &mut Dimension) -> Result<Option<Permit>, AcquireError> {
        let mut joined = self.gate.joined.subscribe();
        let local = self.gate.local();
        // Whoever waits here is to be told of the store's return.
        self.gate.call_driver();
        let entry = memory::Entry::new(local, self.request, None, Some(self.since));
        *binding = Dimension::Calls;
        tokio::select! {
            biased;
            _ = joined.wait_for(|joined| *joined) => Ok(None),
            result = entry => Ok(Some(self.conclude_locally(result?.grant))),
        }
    }

    /// The time is up: whoever may go at that very moment goes.
    async fn last_chance(mut self, began: Instant, binding: Dimension) -> Result<Permit, AcquireError> {
        let last = match Box::pin(self.gate.last_chance(self.number)).await {
            Ok(asked) => self.settle(asked),
            Err(error) => self.go_alone(error),
        };
        let binding = match last {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Wait { wait, .. }) => wait.binding,
            Err(TryAcquireError::Store(error)) => return Err(error.into()),
            Err(_) => binding,
        };
        let waited = began.elapsed();
        telemetry::timed_out(self.gate.name(), waited.into(), binding);
        Err(AcquireError::Timeout { waited, binding })
    }

    /// What the store has said to one who does not wait any longer.
    fn settle(&mut self, asked: Asked) -> Result<Permit, TryAcquireError> {
        // Whoever is not granted has no place in the queue any more.
        self.asked = false;
        match asked {
            Asked::Granted(granted) => Ok(self.conclude(granted)),
            Asked::Wait(wait, now) => Err(refuse(wait, now)),
            Asked::TooLarge { limit } => {
                Err(TryAcquireError::TooLarge { tokens: self.request.tokens, limit })
            }
        }
    }

    /// What happens without the store to one who does not wait.
    fn go_alone(&mut self, error: StoreError) -> Result<Permit, TryAcquireError> {
        match self.gate.home.settings.fallback {
            Fallback::Closed => Err(error.into()),
            Fallback::Open => Ok(self.pass()),
            Fallback::Local => match self.gate.local().try_enter(&self.request) {
                Ok(memory::Answer::Granted(grant)) => Ok(self.conclude_locally(grant)),
                Ok(memory::Answer::TooLarge { limit }) => {
                    Err(TryAcquireError::TooLarge { tokens: self.request.tokens, limit })
                }
                Err((wait, now)) => Err(refuse(wait, now)),
            },
        }
    }

    fn conclude(&mut self, granted: Granted) -> Permit {
        self.asked = false;
        self.gate.granted(self.number, self.request.tokens);
        self.permit(granted)
    }

    fn conclude_locally(&mut self, grant: Grant) -> Permit {
        self.gate.granted_alone(self.number, self.request.tokens, grant.at, Some(grant.id));
        self.asked = false;
        self.permit(Granted { at: self.gate.store_time(grant.at), seen: grant.seen })
    }

    /// Lets through without asking anybody.
    fn pass(&mut self) -> Permit {
        self.asked = false;
        let now = self.gate.now();
        self.gate.granted_alone(self.number, self.request.tokens, now, None);
        let seen = self.gate.lock().seen();
        self.permit(Granted { at: self.gate.store_time(now), seen })
    }

    fn permit(&self, granted: Granted) -> Permit {
        let waited = self.gate.now().since(self.since);
        Permit::in_redis(Arc::clone(&self.gate), self.number, granted.at, granted.seen, waited)
    }

    fn too_large(&mut self, limit: u64) -> AcquireError {
        self.asked = false;
        AcquireError::TooLarge { tokens: self.request.tokens, limit }
    }
}

fn refuse(wait: Wait, now: Time) -> TryAcquireError {
    let retry_after = wait.until.map(|until| until.since(now).into());
    TryAcquireError::Wait { wait, retry_after }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.gate.forget(self.number, self.asked);
    }
}
