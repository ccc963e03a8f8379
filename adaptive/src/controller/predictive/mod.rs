//! Learns an unknown, moving limit from refusals, and spends no more of them than the operator allows.

mod blame;
mod brake;
mod budget;
mod forecast;
mod hold;
mod reading;
mod seek;

use std::collections::VecDeque;
use std::num::NonZeroU64;

use limiter_core::{Dimension, Limits, Micros, Seen, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::Controller;
use crate::hint::Hint;
use crate::outcome::{Feedback, Outcome, Signal};
use brake::Brake;
use budget::Budget;
use forecast::Forecast;
use seek::{Move, Seek};

/// Refusals that are remembered, to tell what was charged here and not by the provider.
const MOST_REFUSALS: usize = 64;
/// A call reserves tokens in lumps, so that demand presses before the last token is taken.
const TOKENS_PRESS: f64 = 0.95;
/// The dimensions that are searched, in the order in which they are asked.
const SEARCHED: [Dimension; 3] = [Dimension::Calls, Dimension::Tokens, Dimension::Concurrency];

/// Reads limits off refusals, holds just under them, and probes within a budget.
///
/// Under a provider that counts, a refusal says more than "less": what was accepted in the window, or is in
/// flight, at that moment *is* the limit. And a refusal is dear: with probes at a rate `h` and limits that rise by a
/// share `u` at a rate `l`, `l u / 2 h` of the capacity is lost, so in a restless world one refusal fewer elsewhere is
/// worth the capacity of some ten minutes. Each dimension is searched by itself, at a level `x`:
///
/// - **climb**: with every call accepted at the limit, `x <- x + max(1, r x)`, until one is refused, with `n`
///   under way; then `x <- (n - 1)(1 - m)`, and hold. Nothing lower than what the last hold had: a climb that
///   fails is no cut. Further refusals of calls that were granted before lower the reading by one each: of `n`
///   that left together, those that were refused were not accepted.
/// - **hold**: a refusal in a hold is a surprise.
/// - **fall**: `x <- (1 - c)(n - 1)` with every surprise, deep enough that most falls end with the first: the time
///   below the limit costs less than a second refusal. When a call is accepted at `x`, it climbs back, up to
///   `(1 - d)(n - 1)` of what was refused at first. Unrefused, it was a drift; refused on the way, that is the limit.
/// - **probe**: a hold ends in a climb when demand presses, the time has come, and the budget has a
///   refusal to spare. The hold is longer after each climb that won nothing, shorter after a deep fall,
///   and longer by `1 / sqrt(p)` where only a share `p` of calls finds the limit full.
/// - **forecast**: at each quarter of an hour, a level that is held is moved as it moved on
///   earlier days, if these have foretold well: down without a refusal, up without a probe.
/// - `d` grows while drifts follow closely, and shrinks when they do not; `m` is learned from
///   readings that turned out too high.
///
/// A refusal for calls *or* concurrency is put down to the more suspect of the two (`blame.rs`). Where a
/// dimension was cut in vain, the other one makes room as well: both climb back, one raise at a time, the last
/// one taken back where nothing has proven it, so that only the one to blame meets a refusal.
///
/// An overload of the platform (1305) says nothing about a limit: the levels stay, and single calls are
/// let through, ever further apart, until they are accepted again. What a provider [states](Hint) of its limits
/// bounds a level, or raises it without a refusal; what it asks to wait is waited.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predictive {
    /// The window in which the provider counts.
    period: Micros,
    /// By their order in [`SEARCHED`].
    seeks: [Seek; 3],
    forecasts: [Forecast; 3],
    budget: Budget,
    brake: Brake,
    /// When a limit was raised last.
    raised: Time,
    /// When the next quarter of an hour begins.
    next_slot: Time,
    /// When those calls were granted that were refused within the last window.
    refusals: VecDeque<Time>,
}

impl Predictive {
    /// Starts from `start`, which is a guess, under a provider that counts in windows of `period`, and aims at no
    /// more than `hits_per_hour` refusals an hour (above 0).
    pub fn new(hits_per_hour: f64, period: Micros, start: &Limits) -> Self {
        let budget = Budget::new(hits_per_hour);
        let seek = |limit, press| Seek::new(limit, press, budget.first_hold());
        Self {
            period,
            seeks: [seek(start.calls, 1.0), seek(start.tokens, TOKENS_PRESS), seek(start.concurrency, 1.0)],
            forecasts: [const { Forecast::new() }; 3],
            budget,
            brake: Brake::new(start.pacing, period),
            raised: Time::ZERO,
            next_slot: Forecast::next_slot(Time::ZERO),
            refusals: VecDeque::new(),
        }
    }

    fn accepted(&mut self, feedback: &Feedback, now: Time) -> Option<Reason> {
        let released = self.brake.accepted(feedback.granted_at, now).then_some(Reason::Released);
        let may_probe = self.budget.allows_one() && !self.brake.rests(now);
        let mut raised = None;
        for ((dimension, seek), seen) in SEARCHED.into_iter().zip(&mut self.seeks).zip(counts(&feedback.seen))
        {
            seek.note(seen, false);
            // One raise at a time: were both refused, nobody could tell which was.
            let last = if raised.is_some() { now } else { self.raised };
            let moved = seek.accepted(seen, feedback.granted_at, last, may_probe, now);
            raised = raised.or(moved.map(|moved| (moved, dimension)));
        }
        let Some((moved, raised)) = raised else { return released };
        self.raised = now;
        for (dimension, seek) in SEARCHED.into_iter().zip(&mut self.seeks) {
            if dimension != raised && dimension != Dimension::Tokens {
                seek.retract();
            }
        }
        Some(because(moved, raised))
    }

    fn refused(&mut self, signal: Signal, feedback: &Feedback, now: Time) -> Option<Reason> {
        let seen = counts(&feedback.most_seen());
        let blamed = match signal {
            Signal::Rate | Signal::Ramp => 0,
            Signal::Tokens => 1,
            Signal::Concurrency => 2,
            Signal::RateOrConcurrency => self.blame(seen, now),
            Signal::Overload => {
                return self.brake.overloaded(feedback.granted_at, now).then_some(Reason::Braked);
            }
        };
        self.budget.charge();
        for (seek, seen) in self.seeks.iter_mut().zip(seen) {
            seek.note(seen, true);
        }
        let others = self.remember(feedback.granted_at);
        // Only of the calls in the window is it known how many of them were refused.
        let others = if blamed == 0 { others } else { 0 };
        let seek = &mut self.seeks[blamed];
        if seek.is_old(feedback.granted_at) {
            return seek.reread().then_some(Reason::Revealed(SEARCHED[blamed]));
        }
        let in_vain = signal == Signal::RateOrConcurrency && seek.was_cut_in_vain(seen[blamed], now);
        let moved = seek.refused(seen[blamed], others, in_vain, now);
        if in_vain {
            let other = 2 - blamed;
            self.seeks[other].make_room(seen[other], now);
        }
        Some(because(moved, SEARCHED[blamed]))
    }

    /// Calls or concurrency, by their place in [`SEARCHED`].
    fn blame(&self, seen: [u64; 3], now: Time) -> usize {
        let suspicion = |dimension: usize| self.seeks[dimension].suspicion(seen[dimension], now);
        // On GLM the cap on calls in flight is the one that binds most often, so it is blamed on a tie.
        if suspicion(0) > suspicion(2) { 0 } else { 2 }
    }

    /// Notes a refusal; how many others there were in its window. They are charged here, and a provider that
    /// does not count what it refuses did not charge them.
    fn remember(&mut self, granted_at: Time) -> u64 {
        let in_window = |at: &Time| *at + self.period >= granted_at;
        while self.refusals.front().is_some_and(|at| !in_window(at)) || self.refusals.len() >= MOST_REFUSALS {
            self.refusals.pop_front();
        }
        let others = self.refusals.len() as u64;
        self.refusals.push_back(granted_at);
        others
    }

    /// Takes the provider at its word.
    fn heed(&mut self, hint: &Hint, feedback: &Feedback, now: Time) -> Option<Reason> {
        let until = hint.wait_until(now);
        let waits = until.is_some_and(|until| self.brake.pause(feedback.granted_at, until, now));
        let mut reason = waits.then_some(Reason::Braked);
        let stated = [hint.calls, hint.tokens].into_iter().zip(counts(&feedback.seen_at_end));
        for ((dimension, seek), (stated, counted)) in SEARCHED.into_iter().zip(&mut self.seeks).zip(stated) {
            if let Some(bound) = stated.bound(counted)
                && seek.state(bound, counted, now)
            {
                reason = Some(Reason::Told(dimension));
            }
        }
        reason
    }

    fn follow(&mut self, limits: &Limits) {
        let limits = [limits.calls, limits.tokens, limits.concurrency];
        for (seek, limit) in self.seeks.iter_mut().zip(limits) {
            seek.follow(limit);
        }
    }

    fn set(&self, limits: &Limits) -> Limits {
        let [calls, tokens, concurrency]: [Option<NonZeroU64>; 3] = self.seeks.map(|seek| seek.limit());
        Limits { calls, tokens, concurrency, pacing: self.brake.pacing(calls), ..*limits }
    }

    fn begin_slot(&mut self, now: Time) -> Option<Reason> {
        self.next_slot = Forecast::next_slot(now);
        let mut reason = None;
        for ((dimension, seek), forecast) in
            SEARCHED.into_iter().zip(&mut self.seeks).zip(&mut self.forecasts)
        {
            if let Some(level) = seek.settled()
                && let Some(target) = forecast.begin_slot(level, now)
                && seek.foretell(target, Forecast::has_begun(now), now)
            {
                reason = Some(Reason::Told(dimension));
            }
        }
        reason
    }
}

impl Controller for Predictive {
    /// Calls that were refused together, with a cut before the news of the last, are counted one by one.
    fn hears_old_news(&self) -> bool {
        true
    }

    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        let changes = self.seeks.iter().map(|seek| seek.turbulence(now)).sum();
        self.budget.save_up(changes, now);
        self.follow(limits);
        let stated = feedback.hint.and_then(|hint| self.heed(&hint, feedback, now));
        let is_quota = feedback.hint.is_some_and(|hint| hint.quota_until.is_some());
        let learned = match feedback.outcome {
            Outcome::Success => self.accepted(feedback, now),
            // A cap of days says nothing of what may be sent in a minute.
            Outcome::Refused(_) if is_quota => None,
            Outcome::Refused(signal) => self.refused(signal, feedback, now),
            Outcome::Failed => None,
        };
        let reason = learned.or(stated)?;
        for (seek, forecast) in self.seeks.iter().zip(&mut self.forecasts) {
            if let Some(level) = seek.settled() {
                forecast.set(level);
            }
        }
        Some((self.set(limits), reason))
    }

    fn wake(&mut self, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        self.follow(limits);
        let released = self.brake.wake(now).then_some(Reason::Released);
        let foretold = if now >= self.next_slot { self.begin_slot(now) } else { None };
        let reason = foretold.or(released)?;
        Some((self.set(limits), reason))
    }

    fn next_wake(&self) -> Option<Time> {
        Some(self.brake.ends().map_or(self.next_slot, |ends| ends.min(self.next_slot)))
    }
}

/// By the order of [`SEARCHED`].
fn counts(seen: &Seen) -> [u64; 3] {
    [seen.calls, seen.tokens, seen.in_flight]
}

fn because(moved: Move, dimension: Dimension) -> Reason {
    match moved {
        Move::Probed => Reason::Probed(dimension),
        Move::Climbed => Reason::Climbed(dimension),
        Move::Told => Reason::Told(dimension),
        Move::Revealed => Reason::Revealed(dimension),
        Move::Fell => Reason::Refused(dimension),
    }
}
