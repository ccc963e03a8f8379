//! What a gate guards: the pool with its waiters, the answers not yet fetched, and the driver's alarm.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::decision::{Decision, Grant, Request, Wait};
use crate::limits::{Limits, Window};
use crate::pool::{Pool, Ticket};
use crate::time::Time;

/// A pool whose waiters are woken by wakers.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) pool: Pool<Waker>,
    /// For those who were taken out of the queue and have not fetched their answer yet.
    pub(super) answers: BTreeMap<Ticket, Answer>,
    /// When the driver wakes; `Time::MAX`: when it is called; `None`: there is no driver.
    pub(super) alarm: Option<Time>,
}

/// What a caller gets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Granted(Grant),
    /// It asks for more tokens than the limit, and will never go.
    TooLarge {
        limit: u64,
    },
}

impl Queue {
    pub(super) fn new(window: Window, limits: Limits) -> Self {
        Self { pool: Pool::new(window, limits), answers: BTreeMap::new(), alarm: None }
    }

    /// Answers at once, or says what there is to wait for.
    pub(super) fn decide(&mut self, request: &Request, now: Time) -> Result<Answer, Wait> {
        if let Some(limit) = self.pool.limits().tokens.filter(|limit| request.tokens > limit.get()) {
            return Ok(Answer::TooLarge { limit: limit.get() });
        }
        match self.pool.try_acquire(request, now) {
            Decision::Granted(grant) => Ok(Answer::Granted(grant)),
            Decision::Wait(wait) => Err(wait),
        }
    }

    /// Takes all out of the queue who can go, and returns whom to wake.
    pub(super) fn serve(&mut self, now: Time) -> Vec<Waker> {
        let mut woken = Vec::new();
        while let Some(ticket) = self.pool.first()
            && let Some((waker, grant)) = self.pool.poll(now)
        {
            self.answers.insert(ticket, Answer::Granted(grant));
            woken.push(waker);
        }
        woken
    }

    /// Takes those out of the queue who ask for more tokens than the limit, and returns whom to wake.
    pub(super) fn send_away_unservable(&mut self) -> Vec<Waker> {
        let Some(limit) = self.pool.limits().tokens else { return Vec::new() };
        let mut woken = Vec::new();
        for ticket in self.pool.unservable() {
            self.answers.insert(ticket, Answer::TooLarge { limit: limit.get() });
            woken.extend(self.pool.cancel(ticket));
        }
        woken
    }

    /// When the driver has to wake; `None`: nobody waits, so it is not needed.
    pub(super) fn next_alarm(&mut self, now: Time) -> Option<Time> {
        (self.pool.waiting() > 0).then(|| self.pool.next_wake(now).unwrap_or(Time::MAX))
    }

    /// Whether the caller has to start a driver, because one is needed and there is none.
    pub(super) fn claim_driver(&mut self, now: Time) -> bool {
        if self.alarm.is_some() {
            return false;
        }
        self.alarm = self.next_alarm(now);
        self.alarm.is_some()
    }

    /// Whether the driver has to be called, because it would wake too late or for nobody.
    ///
    /// One that would wake too early is left alone: it finds nothing to do, and rests again.
    pub(super) fn move_alarm(&mut self, now: Time) -> bool {
        let Some(alarm) = self.alarm else { return false };
        match self.next_alarm(now) {
            None => true,
            Some(next) if next < alarm => {
                self.alarm = Some(next);
                true
            }
            Some(_) => false,
        }
    }
}
