//! The account of one pool: what was granted, and so what may be granted now. A pure function of state and time.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use crate::decision::{Decision, Grant, GrantId, Seen, Wait};
use crate::limits::{Dimension, Limits, Window};
use crate::time::Time;

/// What one pool has granted, and the limits that decide what it grants next.
///
/// The sliding window is exact: a grant counts from its moment until the window's span has passed, and in no
/// span of that length are more calls granted than the limit. All dimensions are checked before any is
/// charged. Memory is 16 bytes for each call granted within the window.
///
/// ```
/// use limiter_core::{Decision, Ledger, Limits, Micros, Time, Window};
/// # use std::num::NonZeroU64;
/// let window = Window { period: Micros::from_secs(60), guard: Micros::ZERO };
/// let mut ledger = Ledger::new(window, Limits { calls: NonZeroU64::new(1), ..Limits::default() });
/// assert!(matches!(ledger.acquire(0, Time::from_secs_f64(1.0)), Decision::Granted(_)));
/// let Decision::Wait(wait) = ledger.acquire(0, Time::from_secs_f64(2.0)) else { panic!("granted twice") };
/// assert_eq!(wait.until, Some(Time::from_secs_f64(61.0)));
/// ```
#[derive(Clone, Debug)]
pub struct Ledger {
    window: Window,
    limits: Limits,
    /// The grants within the window, oldest first.
    granted: VecDeque<Entry>,
    /// The number of the oldest entry.
    first: u64,
    /// The sum of the entries' tokens.
    tokens: u64,
    in_flight: u64,
    /// When calls in flight that were abandoned stop to count, in order.
    leaving: VecDeque<Time>,
    last_grant: Option<Time>,
    last_cut: Option<Time>,
    /// The latest time seen: a clock that steps back does not take this account with it.
    now: Time,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    at: Time,
    tokens: u64,
}

impl Ledger {
    /// An account without grants.
    pub fn new(window: Window, limits: Limits) -> Self {
        Self {
            window,
            limits,
            granted: VecDeque::new(),
            first: 0,
            tokens: 0,
            in_flight: 0,
            leaving: VecDeque::new(),
            last_grant: None,
            last_cut: None,
            now: Time::ZERO,
        }
    }

    /// The limits in force.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How this account counts.
    pub const fn window(&self) -> Window {
        self.window
    }

    /// Replaces the limits; their version becomes the next one. What was granted stays charged.
    pub fn set_limits(&mut self, limits: Limits) {
        if !self.limits.same_values(&limits) {
            self.limits = Limits { version: self.limits.version + 1, ..limits };
        }
    }

    /// Lowers each limit to that of `cut`, in answer to a refusal of a call that was granted at `granted_at`.
    ///
    /// `false`: limits were cut since that call was granted, so its refusal is old news, and nothing changes. (One
    /// cut an episode: a burst of refusals says no more than its first.)
    pub fn cut(&mut self, granted_at: Time, cut: Limits, now: Time) -> bool {
        self.advance(now);
        if self.last_cut.is_some_and(|last| granted_at <= last) {
            return false;
        }
        let lowered = self.limits.lowered_to(&cut);
        if !self.limits.same_values(&lowered) {
            self.set_limits(lowered);
            self.last_cut = Some(self.now);
        }
        true
    }

    /// Charges a call that was granted elsewhere at `at`, whatever the limits say, and counts it as in flight where
    /// it is `open`. To be told in the order of time.
    #[cfg(feature = "redis")]
    pub(crate) fn charge(&mut self, tokens: u64, at: Time, open: bool) -> GrantId {
        self.in_flight += u64::from(open);
        if at + self.window.span() <= self.now {
            // Not to be found when it is completed, as it has left the window.
            return GrantId(u64::MAX);
        }
        let id = GrantId(self.first + self.granted.len() as u64);
        self.granted.push_back(Entry { at, tokens });
        self.tokens = self.tokens.saturating_add(tokens);
        self.last_grant = self.last_grant.max(Some(at));
        id
    }

    /// Forgets what was granted. Calls in flight stay so until they are completed, and the limits stay.
    pub fn reset(&mut self) {
        self.first += self.granted.len() as u64;
        self.granted.clear();
        self.tokens = 0;
        self.last_grant = None;
    }

    /// Nothing charged and nothing in flight, so that a new account would answer the same?
    pub fn is_idle(&mut self, now: Time) -> bool {
        self.advance(now);
        self.granted.is_empty() && self.in_flight == 0 && self.wait(0).is_none()
    }

    /// The counts at `now`.
    pub fn seen(&mut self, now: Time) -> Seen {
        self.advance(now);
        Seen {
            calls: self.granted.len() as u64,
            tokens: self.tokens,
            in_flight: self.in_flight,
            version: self.limits.version,
        }
    }

    /// Grants a call of `tokens` tokens and charges it, or says what it has to wait for and charges nothing.
    ///
    /// A call of more tokens than the limit waits for ever: the caller must refuse it beforehand.
    pub fn acquire(&mut self, tokens: u64, now: Time) -> Decision {
        self.advance(now);
        match self.wait(tokens) {
            Some(wait) => Decision::Wait(wait),
            None => Decision::Granted(self.grant(tokens)),
        }
    }

    /// What a call of `tokens` tokens would have to wait for at `now`; `None`: nothing.
    pub fn peek(&mut self, tokens: u64, now: Time) -> Option<Wait> {
        self.advance(now);
        self.wait(tokens)
    }

    /// The call has ended: it is no longer in flight, and its reservation is settled to the tokens `used`.
    ///
    /// Each grant is to be completed once. `None` leaves the reservation as it is.
    pub fn complete(&mut self, id: GrantId, used: Option<u64>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(used) = used else { return };
        // A grant that has left the window is charged nothing any more.
        let entry = id.0.checked_sub(self.first).and_then(|index| self.granted.get_mut(index as usize));
        if let Some(entry) = entry {
            self.tokens = self.tokens.saturating_sub(entry.tokens).saturating_add(used);
            entry.tokens = used;
        }
    }

    /// The caller has given up on the call, and the provider does not know it yet: it stays in flight for the
    /// window's guard from `now` on, the time that the news may take. Its reservation stays as it is.
    ///
    /// In place of [`Ledger::complete`], once for each grant.
    pub fn abandon(&mut self, now: Time) {
        self.advance(now);
        self.leaving.push_back(self.now + self.window.guard);
    }

    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        while self.leaving.front().is_some_and(|at| *at <= self.now) {
            self.leaving.pop_front();
            self.in_flight = self.in_flight.saturating_sub(1);
        }
        let span = self.window.span();
        while let Some(entry) = self.granted.front() {
            if entry.at + span > self.now {
                break;
            }
            self.tokens = self.tokens.saturating_sub(entry.tokens);
            self.granted.pop_front();
            self.first += 1;
        }
    }

    fn wait(&self, tokens: u64) -> Option<Wait> {
        let slot = match self.limits.concurrency.and_then(|limit| self.in_flight.checked_sub(limit.get())) {
            None => None,
            Some(must_leave) => match self.leaving.get(must_leave as usize) {
                Some(at) => Some(*at),
                // A wait for a call to complete has no known end, so it is named before any that has.
                None => return Some(Wait { binding: Dimension::Concurrency, until: None }),
            },
        };
        let calls = self.limits.calls.and_then(|limit| self.calls_free_at(limit));
        let token = self.limits.tokens.and_then(|limit| self.tokens_free_at(limit, tokens));
        let paced = self.last_grant.map(|last| last + self.limits.pacing).filter(|at| *at > self.now);
        [
            (Dimension::Concurrency, slot),
            (Dimension::Calls, calls),
            (Dimension::Tokens, token),
            (Dimension::Pacing, paced),
        ]
        .into_iter()
        .filter_map(|(binding, until)| until.map(|until| (until, binding)))
        .reduce(|longest, other| if other.0 > longest.0 { other } else { longest })
        .map(|(until, binding)| Wait { binding, until: Some(until) })
    }

    fn calls_free_at(&self, limit: NonZeroU64) -> Option<Time> {
        // The limit may have been lowered below what is charged: then several have to leave first.
        let must_leave = self.granted.len().checked_sub(usize::try_from(limit.get()).ok()?)?;
        self.granted.get(must_leave).map(|entry| entry.at + self.window.span())
    }

    fn tokens_free_at(&self, limit: NonZeroU64, tokens: u64) -> Option<Time> {
        let mut excess = self.tokens.saturating_add(tokens).saturating_sub(limit.get());
        if excess == 0 {
            return None;
        }
        for entry in &self.granted {
            excess = excess.saturating_sub(entry.tokens);
            if excess == 0 {
                return Some(entry.at + self.window.span());
            }
        }
        Some(Time::MAX)
    }

    fn grant(&mut self, tokens: u64) -> Grant {
        let id = GrantId(self.first + self.granted.len() as u64);
        self.granted.push_back(Entry { at: self.now, tokens });
        self.tokens = self.tokens.saturating_add(tokens);
        self.in_flight += 1;
        self.last_grant = Some(self.now);
        let seen = Seen {
            calls: self.granted.len() as u64,
            tokens: self.tokens,
            in_flight: self.in_flight,
            version: self.limits.version,
        };
        Grant { id, at: self.now, seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Micros;

    fn at(secs: f64) -> Time {
        Time::from_secs_f64(secs)
    }

    fn ledger(limits: Limits) -> Ledger {
        Ledger::new(Window { period: Micros::from_secs(60), guard: Micros::ZERO }, limits)
    }

    fn granted(decision: Decision) -> Grant {
        match decision {
            Decision::Granted(grant) => grant,
            Decision::Wait(wait) => panic!("has to wait: {wait:?}"),
        }
    }

    fn waits(decision: Decision) -> (Dimension, Option<Time>) {
        match decision {
            Decision::Granted(grant) => panic!("was granted: {grant:?}"),
            Decision::Wait(wait) => (wait.binding, wait.until),
        }
    }

    #[test]
    fn a_window_slides_by_hand() {
        let mut ledger = ledger(Limits { calls: NonZeroU64::new(2), ..Limits::default() });
        granted(ledger.acquire(0, at(0.0)));
        granted(ledger.acquire(0, at(59.0)));
        assert_eq!(waits(ledger.acquire(0, at(59.999_999))), (Dimension::Calls, Some(at(60.0))));
        granted(ledger.acquire(0, at(60.0)));
        assert_eq!(waits(ledger.acquire(0, at(60.0))), (Dimension::Calls, Some(at(119.0))));
    }

    #[test]
    fn the_guard_makes_the_window_longer() {
        let window = Window { period: Micros::from_secs(60), guard: Micros::from_millis(250) };
        let mut ledger = Ledger::new(window, Limits { calls: NonZeroU64::new(1), ..Limits::default() });
        granted(ledger.acquire(0, at(0.0)));
        assert_eq!(waits(ledger.acquire(0, at(60.0))), (Dimension::Calls, Some(at(60.25))));
    }

    #[test]
    fn a_call_that_waits_in_one_dimension_is_charged_in_none() {
        let limits = Limits {
            calls: NonZeroU64::new(10),
            tokens: NonZeroU64::new(100),
            concurrency: NonZeroU64::new(3),
            ..Limits::default()
        };
        let mut ledger = ledger(limits);
        granted(ledger.acquire(80, at(0.0)));
        assert_eq!(waits(ledger.acquire(30, at(1.0))), (Dimension::Tokens, Some(at(60.0))));
        assert_eq!(ledger.seen(at(1.0)), Seen { calls: 1, tokens: 80, in_flight: 1, version: 0 });
    }

    #[test]
    fn tokens_are_settled_to_what_was_used_even_to_more() {
        let mut ledger = ledger(Limits { tokens: NonZeroU64::new(100), ..Limits::default() });
        let first = granted(ledger.acquire(80, at(0.0)));
        ledger.complete(first.id, Some(20));
        let second = granted(ledger.acquire(80, at(1.0)));
        ledger.complete(second.id, Some(130));
        assert_eq!(ledger.seen(at(2.0)).tokens, 150);
        assert_eq!(waits(ledger.acquire(1, at(2.0))), (Dimension::Tokens, Some(at(61.0))));
        assert_eq!(ledger.seen(at(61.0)).tokens, 0);
    }

    #[test]
    fn a_settlement_after_the_window_charges_nothing() {
        let mut ledger = ledger(Limits { tokens: NonZeroU64::new(100), ..Limits::default() });
        let first = granted(ledger.acquire(80, at(0.0)));
        granted(ledger.acquire(10, at(70.0)));
        ledger.complete(first.id, Some(5_000));
        assert_eq!(ledger.seen(at(70.0)).tokens, 10);
    }

    #[test]
    fn concurrency_is_freed_by_completion_only() {
        let mut ledger = ledger(Limits { concurrency: NonZeroU64::new(1), ..Limits::default() });
        let first = granted(ledger.acquire(0, at(0.0)));
        assert_eq!(waits(ledger.acquire(0, at(1_000.0))), (Dimension::Concurrency, None));
        ledger.complete(first.id, None);
        granted(ledger.acquire(0, at(1_000.0)));
    }

    #[test]
    fn an_abandoned_call_counts_until_the_provider_must_have_heard_of_it() {
        let window = Window { period: Micros::from_secs(60), guard: Micros::from_millis(200) };
        let limits = Limits { concurrency: NonZeroU64::new(2), ..Limits::default() };
        let mut ledger = Ledger::new(window, limits);
        granted(ledger.acquire(0, at(0.0)));
        granted(ledger.acquire(0, at(0.0)));
        ledger.abandon(at(5.0));
        assert_eq!(waits(ledger.acquire(0, at(5.0))), (Dimension::Concurrency, Some(at(5.2))));
        granted(ledger.acquire(0, at(5.2)));
        assert_eq!(waits(ledger.acquire(0, at(9.0))), (Dimension::Concurrency, None));
    }

    #[test]
    fn pacing_spaces_two_grants() {
        let mut ledger = ledger(Limits { pacing: Micros::from_millis(500), ..Limits::default() });
        granted(ledger.acquire(0, at(1.0)));
        assert_eq!(waits(ledger.acquire(0, at(1.1))), (Dimension::Pacing, Some(at(1.5))));
        granted(ledger.acquire(0, at(1.5)));
    }

    #[test]
    fn a_lowered_limit_waits_until_enough_have_left() {
        let mut ledger = ledger(Limits { calls: NonZeroU64::new(5), ..Limits::default() });
        for second in 0..5 {
            granted(ledger.acquire(0, at(f64::from(second))));
        }
        ledger.set_limits(Limits { calls: NonZeroU64::new(2), ..Limits::default() });
        assert_eq!(ledger.limits().version, 1);
        assert_eq!(waits(ledger.acquire(0, at(10.0))), (Dimension::Calls, Some(at(63.0))));
    }

    #[test]
    fn a_refusal_cuts_once_an_episode_and_never_raises() {
        let limits = |calls, concurrency| Limits {
            calls: NonZeroU64::new(calls),
            concurrency: NonZeroU64::new(concurrency),
            ..Limits::default()
        };
        let mut ledger = ledger(limits(60, 5));
        assert!(ledger.cut(at(1.0), limits(50, 9), at(10.0)));
        assert_eq!(*ledger.limits(), Limits { version: 1, ..limits(50, 5) });
        assert!(!ledger.cut(at(10.0), limits(40, 5), at(11.0)), "granted before the cut");
        assert!(ledger.cut(at(10.5), limits(40, 0), at(11.0)), "granted after it; no limit is no cut");
        assert_eq!(*ledger.limits(), Limits { version: 2, ..limits(40, 5) });
        assert!(ledger.cut(at(12.0), limits(80, 8), at(13.0)));
        assert_eq!(ledger.limits().version, 2);
    }

    #[test]
    fn a_reset_forgets_the_window_but_not_what_is_in_flight() {
        let limits = Limits { calls: NonZeroU64::new(1), tokens: NonZeroU64::new(10), ..Limits::default() };
        let mut ledger = ledger(limits);
        let first = granted(ledger.acquire(10, at(1.0)));
        ledger.reset();
        let second = granted(ledger.acquire(10, at(1.0)));
        assert_eq!(second.seen, Seen { calls: 1, tokens: 10, in_flight: 2, version: 0 });
        ledger.complete(first.id, Some(3));
        assert_eq!(ledger.seen(at(1.0)), Seen { calls: 1, tokens: 10, in_flight: 1, version: 0 });
    }

    #[test]
    fn an_account_is_idle_when_a_new_one_would_answer_the_same() {
        let limits = Limits { pacing: Micros::from_secs(90), ..Limits::default() };
        let mut ledger = ledger(limits);
        assert!(ledger.is_idle(at(0.0)));
        let grant = granted(ledger.acquire(0, at(0.0)));
        assert!(!ledger.is_idle(at(80.0)), "in flight");
        ledger.complete(grant.id, None);
        assert!(!ledger.is_idle(at(89.0)), "paced");
        assert!(ledger.is_idle(at(90.0)));
    }

    #[test]
    fn a_clock_that_steps_back_is_held() {
        let mut ledger = ledger(Limits { calls: NonZeroU64::new(1), ..Limits::default() });
        granted(ledger.acquire(0, at(100.0)));
        assert_eq!(waits(ledger.acquire(0, at(0.0))), (Dimension::Calls, Some(at(160.0))));
    }
}
