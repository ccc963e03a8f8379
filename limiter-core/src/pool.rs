//! One pool: its account and the queue of those who wait. What the limiter in memory and the simulator both turn.

use std::collections::BTreeMap;

use crate::decision::{Decision, Grant, GrantId, Request, Seen, Wait};
use crate::ledger::Ledger;
use crate::limits::{Limits, Window};
use crate::time::Time;

/// An account and its queue; `W` is what the driver needs to reach a waiter (a channel, a call's number).
///
/// The driver calls [`Pool::poll`] until it answers `None` after every change (a completion, new limits, a
/// cancelled waiter) and at [`Pool::next_wake`]; nothing here blocks, reads a clock or forgets a waiter.
#[derive(Debug)]
pub struct Pool<W> {
    ledger: Ledger,
    waiters: BTreeMap<Ticket, Waiter<W>>,
    /// Tickets issued so far: orders those of one rank.
    issued: u64,
}

/// A place in the queue; orders it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    rank: Time,
    number: u64,
}

#[derive(Debug)]
struct Waiter<W> {
    tokens: u64,
    who: W,
}

impl<W> Pool<W> {
    /// An empty pool.
    pub fn new(window: Window, limits: Limits) -> Self {
        Self { ledger: Ledger::new(window, limits), waiters: BTreeMap::new(), issued: 0 }
    }

    /// Grants at once, or says what to wait for; overtakes nobody who waits with the same or a better claim.
    pub fn try_acquire(&mut self, request: &Request, now: Time) -> Decision {
        if let Some((first, waiter)) = self.waiters.first_key_value() {
            // An equal rank came earlier, so it goes earlier.
            if first.rank <= request.priority.rank(now) {
                // The first may be free to go and only not have been polled yet: then this one waits for that.
                let wait = self.ledger.peek(waiter.tokens, now);
                return Decision::Wait(
                    wait.unwrap_or(Wait { binding: crate::Dimension::Calls, until: Some(now) }),
                );
            }
        }
        self.ledger.acquire(request.tokens, now)
    }

    /// Takes a place in the queue, as one who waits since `since`.
    pub fn enqueue(&mut self, request: &Request, who: W, since: Time) -> Ticket {
        let ticket = Ticket { rank: request.priority.rank(since), number: self.issued };
        self.issued += 1;
        self.waiters.insert(ticket, Waiter { tokens: request.tokens, who });
        ticket
    }

    /// The first in the queue: whom [`Pool::poll`] serves next.
    pub fn first(&self) -> Option<Ticket> {
        self.waiters.first_key_value().map(|(ticket, _)| *ticket)
    }

    /// The waiter at a place in the queue; `None` where the ticket was served or cancelled before.
    pub fn waiter_mut(&mut self, ticket: Ticket) -> Option<&mut W> {
        self.waiters.get_mut(&ticket).map(|waiter| &mut waiter.who)
    }

    /// Everybody in the queue, the first first.
    pub fn waiters(&self) -> impl Iterator<Item = &W> {
        self.waiters.values().map(|waiter| &waiter.who)
    }

    /// Leaves the queue; `None` where the ticket was served or cancelled before.
    pub fn cancel(&mut self, ticket: Ticket) -> Option<W> {
        self.waiters.remove(&ticket).map(|waiter| waiter.who)
    }

    /// Serves the first in the queue, if it can go at `now`. To be called until it answers `None`.
    pub fn poll(&mut self, now: Time) -> Option<(W, Grant)> {
        let first = self.waiters.first_entry()?;
        match self.ledger.acquire(first.get().tokens, now) {
            Decision::Granted(grant) => Some((first.remove().who, grant)),
            Decision::Wait(_) => None,
        }
    }

    /// What the first in the queue waits for; `None` where nobody waits, or it could go at once.
    pub fn next_wait(&mut self, now: Time) -> Option<Wait> {
        let tokens = self.waiters.first_key_value()?.1.tokens;
        self.ledger.peek(tokens, now)
    }

    /// When [`Pool::poll`] is to be called even if nothing changes; `None`: not before something does.
    pub fn next_wake(&mut self, now: Time) -> Option<Time> {
        self.next_wait(now)?.until
    }

    /// A granted call has ended; see [`Ledger::complete`].
    pub fn complete(&mut self, id: GrantId, used_tokens: Option<u64>) {
        self.ledger.complete(id, used_tokens);
    }

    /// The caller of a granted call has given up on it; see [`Ledger::abandon`].
    pub fn abandon(&mut self, now: Time) {
        self.ledger.abandon(now);
    }

    /// Replaces the limits; see [`Ledger::set_limits`].
    pub fn set_limits(&mut self, limits: Limits) {
        self.ledger.set_limits(limits);
    }

    /// Lowers the limits in answer to a refusal; see [`Ledger::cut`].
    pub fn cut(&mut self, granted_at: Time, cut: Limits, now: Time) -> bool {
        self.ledger.cut(granted_at, cut, now)
    }

    /// Charges a call that was granted elsewhere; see [`Ledger::charge`].
    #[cfg(feature = "redis")]
    pub(crate) fn charge(&mut self, tokens: u64, at: Time, open: bool) -> GrantId {
        self.ledger.charge(tokens, at, open)
    }

    /// Forgets what was granted; see [`Ledger::reset`]. Those who wait keep their places.
    pub fn reset(&mut self) {
        self.ledger.reset();
    }

    /// The waiters that can never go, because they ask for more tokens than the limit allows.
    pub fn unservable(&self) -> Vec<Ticket> {
        let Some(limit) = self.ledger.limits().tokens else { return Vec::new() };
        (self.waiters.iter())
            .filter(|(_, waiter)| waiter.tokens > limit.get())
            .map(|(ticket, _)| *ticket)
            .collect()
    }

    /// Takes out those whom [`Pool::unservable`] names.
    pub fn remove_unservable(&mut self) -> Vec<W> {
        self.unservable().into_iter().filter_map(|ticket| self.cancel(ticket)).collect()
    }

    /// The limits in force.
    pub const fn limits(&self) -> &Limits {
        self.ledger.limits()
    }

    /// The counts at `now`.
    pub fn seen(&mut self, now: Time) -> Seen {
        self.ledger.seen(now)
    }

    /// Nothing charged, nothing in flight, nobody waiting: a new pool would answer the same?
    pub fn is_idle(&mut self, now: Time) -> bool {
        self.waiters.is_empty() && self.ledger.is_idle(now)
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::decision::Priority;
    use crate::time::Micros;

    fn pool(calls: u64) -> Pool<&'static str> {
        let window = Window { period: Micros::from_secs(60), guard: Micros::ZERO };
        Pool::new(window, Limits { calls: NonZeroU64::new(calls), ..Limits::default() })
    }

    fn request(priority: Priority) -> Request {
        Request { tokens: 0, priority }
    }

    fn at(secs: u64) -> Time {
        Time::ZERO + Micros::from_secs(secs)
    }

    #[test]
    fn those_who_wait_go_in_the_order_in_which_they_came() {
        let mut pool = pool(1);
        assert!(matches!(pool.try_acquire(&request(Priority::NORMAL), at(0)), Decision::Granted(_)));
        pool.enqueue(&request(Priority::NORMAL), "first", at(1));
        pool.enqueue(&request(Priority::NORMAL), "second", at(1));
        assert_eq!(pool.next_wake(at(1)), Some(at(60)));
        assert!(pool.poll(at(59)).is_none());
        assert_eq!(pool.poll(at(60)).map(|(who, _)| who), Some("first"));
        assert!(pool.poll(at(60)).is_none());
        assert_eq!(pool.poll(at(120)).map(|(who, _)| who), Some("second"));
    }

    #[test]
    fn a_newcomer_overtakes_nobody_of_its_level() {
        let mut pool = pool(1);
        pool.enqueue(&request(Priority::NORMAL), "waits", at(0));
        assert!(matches!(pool.try_acquire(&request(Priority::NORMAL), at(1)), Decision::Wait(_)));
        assert!(matches!(pool.try_acquire(&request(Priority::HIGH), at(1)), Decision::Granted(_)));
    }

    #[test]
    fn a_level_is_a_handicap_so_nobody_starves() {
        let mut pool = pool(1);
        pool.enqueue(&request(Priority::LOW), "low", at(0));
        pool.enqueue(&request(Priority::HIGH), "urgent", at(1));
        pool.enqueue(&request(Priority::HIGH), "urgent but late", at(61));
        let order: Vec<_> = (1..4).filter_map(|n| pool.poll(at(n * 60 + 2))).map(|(who, _)| who).collect();
        assert_eq!(order, ["urgent", "low", "urgent but late"]);
    }

    #[test]
    fn a_cancelled_waiter_leaves_its_place_to_the_next() {
        let mut pool = pool(1);
        let gone = pool.enqueue(&request(Priority::NORMAL), "gone", at(0));
        pool.enqueue(&request(Priority::NORMAL), "next", at(0));
        assert_eq!(pool.cancel(gone), Some("gone"));
        assert_eq!(pool.cancel(gone), None);
        assert_eq!(pool.poll(at(0)).map(|(who, _)| who), Some("next"));
    }

    #[test]
    fn limits_change_while_callers_wait() {
        let mut pool = pool(1);
        assert!(matches!(pool.try_acquire(&request(Priority::NORMAL), at(0)), Decision::Granted(_)));
        pool.enqueue(&request(Priority::NORMAL), "waits", at(1));
        pool.set_limits(Limits { calls: NonZeroU64::new(2), ..Limits::default() });
        assert_eq!(pool.poll(at(2)).map(|(who, grant)| (who, grant.seen.version)), Some(("waits", 1)));
    }
}
