//! One pool shared by threads and tasks: its queue behind a mutex.
//!
//! Every operation takes the lock, applies its change, takes out of the queue whom that lets through, and wakes
//! exactly those after it has let go of the lock. (Wakers are neither woken nor dropped under the lock:
//! both may run a caller's code, which may come back here.)

use std::sync::{Arc, PoisonError};
use std::task::Waker;

use super::driver;
use super::queue::{Answer, Queue};
use super::runtime::{Clock, Mutex, MutexGuard, Notify, timeout_at};
use crate::decision::{GrantId, Request, Seen, Wait};
use crate::error::LimitError;
use crate::limits::{Limits, Window};
use crate::pool::Ticket;
use crate::time::Time;

/// One pool of the limiter in memory.
#[derive(Debug)]
pub(crate) struct Gate {
    name: Arc<str>,
    clock: Clock,
    queue: Mutex<Queue>,
    /// Tells the driver that it has to wake earlier than it meant to, or that nobody waits any more.
    changed: Notify,
}

/// Where a caller waits, since when, and for what at first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) ticket: Ticket,
    pub(crate) since: Time,
    pub(crate) wait: Wait,
}

impl Gate {
    pub(crate) fn new(name: Arc<str>, clock: Clock, window: Window, limits: Limits) -> Self {
        let queue = Mutex::new(Queue::new(window, limits));
        Self { name, clock, queue, changed: Notify::new() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Answers at once; or says what there is to wait for, and what time it is.
    pub(crate) fn try_enter(&self, request: &Request) -> Result<Answer, (Wait, Time)> {
        let now = self.clock.now();
        let mut queue = self.lock();
        let woken = queue.serve(now);
        let answer = queue.decide(request, now);
        self.finish(queue, now, woken);
        answer.map_err(|wait| (wait, now))
    }

    /// Answers at once; or takes a place in the queue, whose [`Gate::answer`] is to be asked for next.
    ///
    /// `since`: when it began to wait elsewhere, if it did.
    pub(crate) fn enter(
        &self,
        request: &Request,
        waker: &Waker,
        since: Option<Time>,
    ) -> Result<Answer, Place> {
        let now = self.clock.now();
        let since = since.unwrap_or(now);
        let mut queue = self.lock();
        let mut woken = queue.serve(now);
        let entry = queue.decide(request, now).map_err(|wait| {
            let ticket = queue.pool.enqueue(request, waker.clone(), since);
            if since < now {
                // It may have come before all others, and be free to go.
                woken.append(&mut queue.serve(now));
            }
            Place { ticket, since, wait }
        });
        self.finish(queue, now, woken);
        entry
    }

    /// The answer for a place in the queue; `None`: not yet, and `waker` is woken when there is one.
    pub(crate) fn answer(self: &Arc<Self>, ticket: Ticket, waker: &Waker) -> Option<Answer> {
        let waker = waker.clone();
        let mut queue = self.lock();
        if let Some(answer) = queue.answers.remove(&ticket) {
            return Some(answer);
        }
        let replaced = queue.pool.waiter_mut(ticket).map(|old| std::mem::replace(old, waker));
        let undriven = queue.claim_driver(self.clock.now());
        drop(queue);
        drop(replaced);
        if undriven {
            driver::spawn(Arc::clone(self));
        }
        None
    }

    /// The last chance of a waiter whose time is up: its answer; or what the queue waits for and the time, and then
    /// its place is given up.
    pub(crate) fn last_answer(&self, ticket: Ticket) -> Result<Answer, (Option<Wait>, Time)> {
        let now = self.clock.now();
        let mut queue = self.lock();
        let mut woken = queue.serve(now);
        let answer = queue.answers.remove(&ticket);
        let wait = queue.pool.next_wait(now);
        // Left for later, the place could be granted a call meanwhile, which nobody would make.
        let left = queue.pool.cancel(ticket);
        if left.is_some() {
            woken.append(&mut queue.serve(now));
        }
        self.finish(queue, now, woken);
        answer.ok_or((wait, now))
    }

    /// Gives up a place in the queue, and a grant that was not fetched; does nothing where both are gone.
    pub(crate) fn leave(&self, ticket: Ticket) {
        let mut queue = self.lock();
        let waker = queue.pool.cancel(ticket);
        let answer = queue.answers.remove(&ticket);
        if let Some(Answer::Granted(grant)) = answer {
            // That call was never sent, so it used no tokens.
            queue.pool.complete(grant.id, Some(0));
        }
        if waker.is_some() || answer.is_some() {
            let now = self.clock.now();
            let woken = queue.serve(now);
            self.finish(queue, now, woken);
        }
    }

    /// A granted call has ended.
    pub(crate) fn complete(&self, id: GrantId, used_tokens: Option<u64>) {
        let mut queue = self.lock();
        queue.pool.complete(id, used_tokens);
        // The clock costs more than all the rest of this, so it is only read when somebody waits.
        if queue.pool.waiting() > 0 {
            let now = self.clock.now();
            let woken = queue.serve(now);
            self.finish(queue, now, woken);
        }
    }

    /// The caller of a granted call has given up on it.
    pub(crate) fn abandon(&self) {
        let now = self.clock.now();
        let mut queue = self.lock();
        queue.pool.abandon(now);
        let woken = queue.serve(now);
        self.finish(queue, now, woken);
    }

    /// Replaces the limits, whether that lets waiters through or sends them away.
    pub(crate) fn set_limits(&self, limits: Limits) -> Result<(), LimitError> {
        limits.check()?;
        let now = self.clock.now();
        let mut queue = self.lock();
        queue.pool.set_limits(limits);
        let mut woken = queue.send_away_unservable();
        woken.append(&mut queue.serve(now));
        self.finish(queue, now, woken);
        Ok(())
    }

    /// Lowers the limits in answer to a refusal; `false`: old news.
    pub(crate) fn cut(&self, granted_at: Time, cut: Limits) -> Result<bool, LimitError> {
        cut.check()?;
        let now = self.clock.now();
        let mut queue = self.lock();
        let news = queue.pool.cut(granted_at, cut, now);
        let mut woken = queue.send_away_unservable();
        woken.append(&mut queue.serve(now));
        self.finish(queue, now, woken);
        Ok(news)
    }

    /// Forgets what was granted; calls in flight and waiters stay.
    pub(crate) fn reset(&self) {
        let now = self.clock.now();
        let mut queue = self.lock();
        queue.pool.reset();
        let woken = queue.serve(now);
        self.finish(queue, now, woken);
    }

    /// Charges a call that was granted elsewhere; see [`Ledger::charge`](crate::Ledger::charge).
    #[cfg(feature = "redis")]
    pub(crate) fn charge(&self, tokens: u64, at: Time, open: bool) -> GrantId {
        self.lock().pool.charge(tokens, at, open)
    }

    pub(crate) fn limits(&self) -> Limits {
        *self.lock().pool.limits()
    }

    /// The counts, how many wait, and the limits.
    pub(crate) fn status(&self) -> (Seen, usize, Limits) {
        let now = self.clock.now();
        let mut queue = self.lock();
        (queue.pool.seen(now), queue.pool.waiting(), *queue.pool.limits())
    }

    /// Would a new pool answer the same?
    pub(crate) fn is_as_new(&self) -> bool {
        let now = self.clock.now();
        let mut queue = self.lock();
        // Limits that were set would be lost with the pool.
        queue.pool.limits().version == 0 && queue.pool.is_idle(now)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics under the lock but an allocation that fails, and no change is ever half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends an operation: corrects the driver's alarm, lets go of the lock, and only then wakes.
    fn finish(&self, mut queue: MutexGuard<'_, Queue>, now: Time, woken: Vec<Waker>) {
        let call_driver = queue.move_alarm(now);
        drop(queue);
        woken.into_iter().for_each(Waker::wake);
        if call_driver {
            self.changed.notify_one();
        }
    }
}

/// What the driver does.
impl Gate {
    /// Serves those whose time has come, and says when to come back; `None`: nobody waits, the driver may go.
    pub(super) fn attend(&self) -> Option<Time> {
        let now = self.clock.now();
        let mut queue = self.lock();
        let woken = queue.serve(now);
        queue.alarm = queue.next_alarm(now);
        let alarm = queue.alarm;
        drop(queue);
        woken.into_iter().for_each(Waker::wake);
        alarm
    }

    /// Returns at `alarm`, or earlier where something has changed.
    pub(super) async fn rest(&self, alarm: Time) {
        let changed = self.changed.notified();
        match self.clock.instant(alarm) {
            Some(instant) => {
                // Whether it was called or its time has come is all one: it looks at the pool anew.
                let _ = timeout_at(instant, changed).await;
            }
            None => changed.await,
        }
    }

    /// The driver is gone although some may wait: its runtime was shut down. They are woken to start another.
    pub(super) fn lose_driver(&self) {
        let mut queue = self.lock();
        queue.alarm = None;
        let waiters: Vec<_> = queue.pool.waiters().cloned().collect();
        drop(queue);
        waiters.into_iter().for_each(Waker::wake);
    }
}
