//! The pure pool under any interleaving: what it grants is counted again by brute force.
//!
//! A failing case is kept in `proptest-regressions/` and tried first from then on (commit it);
//! `PROPTEST_CASES=100000 cargo test -p limiter-core --test pool` looks harder.

use std::num::NonZeroU64;

use limiter_core::{Decision, Grant, Ledger, Limits, Micros, Pool, Priority, Request, Ticket, Time, Window};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Time passes, unnoticed by the driver.
    Pass(Micros),
    /// Time passes until the driver is due.
    PassToWake,
    TryAcquire(Request),
    Enqueue(Request),
    /// One of the calls in flight ends, having used so many tokens.
    Complete(prop::sample::Index, Option<u64>),
    /// One of the waiters leaves.
    Cancel(prop::sample::Index),
    SetLimits(Limits),
}

fn a_step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>();
    prop_oneof![
        3 => (0..20_000_000_u64).prop_map(|micros| Step::Pass(Micros::new(micros))),
        2 => Just(Step::PassToWake),
        3 => a_request().prop_map(Step::TryAcquire),
        4 => a_request().prop_map(Step::Enqueue),
        4 => (index.clone(), prop::option::of(0..150_u64)).prop_map(|(i, used)| Step::Complete(i, used)),
        1 => index.prop_map(Step::Cancel),
        1 => some_limits().prop_map(Step::SetLimits),
    ]
}

fn a_request() -> impl Strategy<Value = Request> {
    (0..60_u64, 0..3_u8).prop_map(|(tokens, level)| Request { tokens, priority: Priority(level) })
}

fn some_limits() -> impl Strategy<Value = Limits> {
    let limit = |most: u64| prop::option::of(1..=most).prop_map(|limit| limit.and_then(NonZeroU64::new));
    let pacing = prop_oneof![Just(0), 0..3_000_000_u64].prop_map(Micros::new);
    (limit(6), limit(100), limit(4), pacing).prop_map(|(calls, tokens, concurrency, pacing)| Limits {
        version: 0,
        calls,
        tokens,
        concurrency,
        pacing,
    })
}

fn a_window() -> impl Strategy<Value = Window> {
    (10_000..40_000_000_u64, 0..2_000_000_u64)
        .prop_map(|(period, guard)| Window { period: Micros::new(period), guard: Micros::new(guard) })
}

/// A pool with its driver, and beside it an account of all that it did which shares no code with it.
struct Witness {
    pool: Pool<usize>,
    window: Window,
    now: Time,
    limits: Limits,
    granted: Vec<Granted>,
    waiters: Vec<Waiter>,
    arrivals: usize,
}

struct Granted {
    grant: Grant,
    charged: u64,
    in_flight: bool,
}

#[derive(Clone, Copy)]
struct Waiter {
    number: usize,
    ticket: Ticket,
    tokens: u64,
    /// When it counts as having come.
    rank: u64,
}

impl Witness {
    fn new(window: Window, limits: Limits) -> Self {
        Self {
            pool: Pool::new(window, limits),
            window,
            now: Time::ZERO,
            limits,
            granted: Vec::new(),
            waiters: Vec::new(),
            arrivals: 0,
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Pass(span) => {
                self.now = self.now + span;
                return; // The driver sleeps.
            }
            Step::PassToWake => {
                let due = self.pool.next_wake(self.now);
                self.now = due.unwrap_or(self.now);
                let before = self.waiters.len();
                self.drive();
                assert!(due.is_none() || self.waiters.len() < before, "the promise was not kept");
            }
            Step::TryAcquire(request) => {
                self.drive();
                self.try_acquire(request);
            }
            Step::Enqueue(request) => {
                self.drive();
                if !self.try_acquire(request) && self.fits(request.tokens) {
                    let ticket = self.pool.enqueue(&request, self.arrivals, self.now);
                    let rank = self.rank(request.priority);
                    self.waiters.push(Waiter { number: self.arrivals, ticket, tokens: request.tokens, rank });
                    self.arrivals += 1;
                }
            }
            Step::Complete(index, used) => {
                let in_flight: Vec<_> =
                    (0..self.granted.len()).filter(|i| self.granted[*i].in_flight).collect();
                if !in_flight.is_empty() {
                    self.complete(*index.get(&in_flight), used);
                }
            }
            Step::Cancel(index) => {
                if !self.waiters.is_empty() {
                    let waiter = self.waiters.remove(index.index(self.waiters.len()));
                    assert_eq!(self.pool.cancel(waiter.ticket), Some(waiter.number));
                    assert_eq!(self.pool.cancel(waiter.ticket), None);
                }
            }
            Step::SetLimits(limits) => {
                self.pool.set_limits(limits);
                self.limits = limits;
                let mut removed = self.pool.remove_unservable();
                removed.sort_unstable();
                let (stay, go): (Vec<Waiter>, Vec<Waiter>) =
                    self.waiters.iter().partition(|w| self.fits(w.tokens));
                assert_eq!(removed, go.iter().map(|waiter| waiter.number).collect::<Vec<_>>());
                self.waiters = stay;
            }
        }
        self.drive();
        assert_eq!(self.pool.waiting(), self.waiters.len());
    }

    /// What a driver owes the pool after every change.
    fn drive(&mut self) {
        while let Some((number, grant)) = self.pool.poll(self.now) {
            let place = self.waiters.iter().position(|waiter| waiter.number == number);
            assert!(place.is_some(), "served one who does not wait");
            let served = self.waiters.remove(place.unwrap_or_default());
            for waiter in &self.waiters {
                let ahead = (served.rank, served.number) < (waiter.rank, waiter.number);
                assert!(ahead, "a waiter was overtaken by one with a lesser claim");
            }
            self.record(grant, served.tokens);
        }
        if let Some(wake) = self.pool.next_wake(self.now) {
            assert!(wake > self.now, "a wake-up that is due already would spin");
        }
    }

    fn try_acquire(&mut self, request: Request) -> bool {
        if !self.fits(request.tokens) {
            return false;
        }
        match self.pool.try_acquire(&request, self.now) {
            Decision::Granted(grant) => {
                let rank = self.rank(request.priority);
                assert!(self.waiters.iter().all(|waiter| rank < waiter.rank), "a newcomer overtook an equal");
                self.record(grant, request.tokens);
                true
            }
            Decision::Wait(wait) => {
                assert!(wait.until.is_none_or(|until| until > self.now));
                false
            }
        }
    }

    fn complete(&mut self, index: usize, used: Option<u64>) {
        let granted = &mut self.granted[index];
        granted.in_flight = false;
        granted.charged = used.unwrap_or(granted.charged);
        self.pool.complete(granted.grant.id, used);
    }

    /// Counts again, over all grants there ever were.
    fn record(&mut self, grant: Grant, tokens: u64) {
        assert_eq!(grant.at, self.now);
        if let Some(last) = self.granted.last() {
            assert!(grant.at.since(last.grant.at) >= self.limits.pacing, "pacing");
        }
        self.granted.push(Granted { grant, charged: tokens, in_flight: true });
        let span = self.window.period.get() + self.window.guard.get();
        let counted = || self.granted.iter().filter(|g| g.grant.at.as_micros() + span > self.now.as_micros());
        let calls = counted().count() as u64;
        let tokens = counted().map(|granted| granted.charged).sum::<u64>();
        let in_flight = self.granted.iter().filter(|granted| granted.in_flight).count() as u64;
        assert!(self.limits.calls.is_none_or(|limit| calls <= limit.get()), "calls: {calls}");
        assert!(self.limits.tokens.is_none_or(|limit| tokens <= limit.get()), "tokens: {tokens}");
        assert!(
            self.limits.concurrency.is_none_or(|limit| in_flight <= limit.get()),
            "in flight: {in_flight}"
        );
        assert_eq!((grant.seen.calls, grant.seen.tokens, grant.seen.in_flight), (calls, tokens, in_flight));
    }

    /// All calls end, and all who wait are served at the very moments that are promised.
    fn finish(&mut self) {
        self.drive();
        loop {
            for index in 0..self.granted.len() {
                if self.granted[index].in_flight {
                    self.complete(index, None);
                }
            }
            self.drive();
            if self.granted.iter().any(|granted| granted.in_flight) {
                continue;
            }
            let Some(wake) = self.pool.next_wake(self.now) else { break };
            assert!(self.pool.poll(wake - Micros::new(1)).is_none(), "earlier than promised");
            let before = self.waiters.len();
            self.now = wake;
            self.drive();
            assert!(self.waiters.len() < before, "later than promised");
        }
        assert!(self.waiters.is_empty() && self.pool.waiting() == 0, "somebody was forgotten");
        assert_eq!(self.pool.seen(self.now).in_flight, 0);
    }

    fn rank(&self, priority: Priority) -> u64 {
        self.now.as_micros() + 30_000_000 * u64::from(priority.0)
    }

    fn fits(&self, tokens: u64) -> bool {
        self.limits.tokens.is_none_or(|limit| tokens <= limit.get())
    }
}

proptest! {
    #[test]
    fn no_window_holds_more_than_the_limits_and_nobody_is_forgotten(
        window in a_window(),
        limits in some_limits(),
        steps in prop::collection::vec(a_step(), 1..150),
    ) {
        let mut witness = Witness::new(window, limits);
        for step in steps {
            witness.step(step);
        }
        witness.finish();
    }

    /// If nothing else changes, a call goes at the promised microsecond and not one before.
    #[test]
    fn a_promise_is_exact(
        window in a_window(),
        limits in some_limits(),
        history in prop::collection::vec((0..20_000_000_u64, 0..60_u64, prop::option::of(0..150_u64)), 1..60),
    ) {
        let mut ledger = Ledger::new(window, limits);
        let mut now = Time::ZERO;
        for (pass, tokens, used) in history {
            now = now + Micros::new(pass);
            let tokens = limits.tokens.map_or(tokens, |limit| tokens.min(limit.get()));
            match ledger.acquire(tokens, now) {
                Decision::Granted(grant) => ledger.complete(grant.id, used),
                Decision::Wait(wait) => {
                    let until = wait.until.expect("nothing is in flight");
                    let early = ledger.clone().acquire(tokens, until - Micros::new(1));
                    prop_assert!(matches!(early, Decision::Wait(_)));
                    let in_time = ledger.clone().acquire(tokens, until);
                    prop_assert!(matches!(in_time, Decision::Granted(_)));
                }
            }
        }
    }
}
