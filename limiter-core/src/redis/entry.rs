//! Asking for a permit of a pool in Redis, and waiting for it, with the store or without.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::ask::{Asked, Mode};
use super::gate::Gate;
use super::reply::{Granted, News};
use crate::decision::{Request, Wait};
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
    let refuse = |wait: Wait, now: Time| {
        let retry_after = wait.until.map(|until| until.since(now).into());
        TryAcquireError::Wait { wait, retry_after }
    };
    match asking.ask(Mode::Try).await {
        Ok(Asked::Granted(granted)) => Ok(asking.conclude(granted)),
        Ok(Asked::Wait(wait, now)) => {
            asking.asked = false;
            Err(refuse(wait, now))
        }
        Ok(Asked::TooLarge { limit }) => {
            asking.asked = false;
            Err(TryAcquireError::TooLarge { tokens: request.tokens, limit })
        }
        Err(error) => match asking.gate.home.settings.fallback {
            Fallback::Closed => Err(error.into()),
            Fallback::Open => Ok(asking.pass()),
            Fallback::Local => match asking.gate.local().try_enter(&request) {
                Ok(memory::Answer::Granted(grant)) => Ok(asking.conclude_locally(grant)),
                Ok(memory::Answer::TooLarge { limit }) => {
                    Err(TryAcquireError::TooLarge { tokens: request.tokens, limit })
                }
                Err((wait, now)) => Err(refuse(wait, now)),
            },
        },
    }
}

impl Asking {
    fn new(gate: Arc<Gate>, request: Request) -> Self {
        let number = gate.home.number();
        let since = gate.now();
        Self { gate, request, number, since, asked: false }
    }

    async fn ask(&mut self, mode: Mode) -> Result<Asked, StoreError> {
        self.asked = true;
        self.gate.ask(self.number, &self.request, self.since, mode).await
    }

    /// Until it is granted, or can never be. `binding`: what it waits for at the moment.
    async fn wait(&mut self, binding: &mut Dimension) -> Result<Permit, AcquireError> {
        let mut mode = Mode::Queue;
        loop {
            if mode == Mode::Queue {
                self.gate.expect(self.number);
            }
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
                        if let Some(permit) = self.wait_locally(binding).await? {
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
        let (error, binding) = match self.gate.last_chance(self.number).await {
            Ok(Asked::Granted(granted)) => return Ok(self.conclude(granted)),
            Ok(Asked::Wait(wait, _)) => {
                self.asked = false;
                (None, wait.binding)
            }
            Ok(Asked::TooLarge { .. }) => (None, binding),
            Err(error) => (Some(error), binding),
        };
        let waited = began.elapsed();
        if let Some(error) = error {
            tracing::debug!(pool = self.gate.name(), %error, "no last chance");
        }
        telemetry::timed_out(self.gate.name(), waited.into(), binding);
        Err(AcquireError::Timeout { waited, binding })
    }

    fn conclude(&mut self, granted: Granted) -> Permit {
        self.asked = false;
        self.gate.granted(self.number, self.request.tokens);
        self.permit(granted)
    }

    fn conclude_locally(&mut self, grant: crate::decision::Grant) -> Permit {
        self.gate.granted_locally(self.number, self.request.tokens, grant.id, grant.at);
        self.asked = false;
        self.permit(Granted { at: self.gate.store_time(grant.at), seen: grant.seen })
    }

    /// Lets through without asking anybody.
    fn pass(&mut self) -> Permit {
        self.asked = false;
        self.gate.granted(self.number, self.request.tokens);
        let now = self.gate.now();
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

impl Drop for Asking {
    fn drop(&mut self) {
        self.gate.forget(self.number, self.asked);
    }
}
