//! Learns an unknown, moving limit from refusals, and spends no more of them than the operator allows.

mod seek;

use std::collections::VecDeque;

use limiter_core::{Dimension, Limits, Micros, Seen, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::Controller;
use crate::outcome::{Feedback, Outcome, Signal};
use seek::{Move, Seek};

/// Refusals that the budget is overdrawn by at most, and that it saves up at most.
const CREDIT: (f64, f64) = (-5.0, 3.0);
/// The share of the budget that is spent where nothing changes…
const CALM_SHARE: f64 = 0.65;
/// …and what of the rest is spent with each change an hour.
const TURBULENT_SHARE: f64 = 1.5;
/// How long nothing is probed after the platform was overloaded: what is refused then says nothing.
const OVERLOAD_REST: Micros = Micros::from_secs(300);
/// Refusals that are remembered, to tell what was charged here and not by the provider.
const MOST_REFUSALS: usize = 64;
/// A call reserves tokens in lumps, so that demand presses before the last token is taken.
const TOKENS_PRESS: f64 = 0.95;

/// Reads limits off refusals, holds just under them, and probes within a budget.
///
/// Under a provider that counts, a refusal says more than "less": what was accepted in the window, or is in
/// flight, at that moment *is* the limit. Each dimension is searched by itself, at a level `x`:
///
/// - **climb**: with every call accepted at the limit, `x <- x + max(1, r x)`, until one is refused, with `n`
///   under way; then `x <- (n - 1)(1 - m)`, and hold. Nothing lower than what the last hold had: a climb that
///   fails is no cut. Further refusals of calls that were granted before lower the reading by one each: of `n`
///   that left together, those that were refused were not accepted.
/// - **hold**: a refusal in a hold is a surprise. The first is taken for a drift, `x <- (n - 1)(1 - d)`; those
///   that follow before a call is accepted at the limit are a step, and cut deeper each time. Then climb back,
///   below what was refused last.
/// - **probe**: a hold ends in a climb when demand presses, the time has come, and the budget has a refusal to
///   spare. The hold is longer after each climb that won nothing, shorter after a deep fall, and longer by
///   `1 / sqrt(p)` where only a share `p` of calls finds the limit full.
/// - `d` grows while surprises follow closely, and shrinks when they do not; `m` is what a climb read too high,
///   if a hold was surprised right after it (a token bucket lets a burst pass that it does not let last).
///
/// The budget: `hits_per_hour` refusals an hour are saved up, less where nothing changes; every refusal takes
/// one, and only probes ask whether one is left. So falls, which cannot be chosen, are paid for by fewer probes.
///
/// A refusal for calls *or* concurrency is put down to the dimension that went beyond all that had been accepted;
/// where both or neither did, to the one whose limit was full; then to the one that was not just cut in vain (a
/// cut of the wrong one costs little, as it climbs back unrefused); then to the one at whose limit more calls were
/// refused lately, of those that filled it. An overload of the platform (1305) says nothing about a limit: nothing
/// is probed for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predictive {
    hits_per_hour: f64,
    /// The window in which the provider counts.
    period: Micros,
    calls: Seek,
    tokens: Seek,
    concurrency: Seek,
    /// Refusals that may be spent on probes, and when that was last reckoned.
    credit: f64,
    credited: Time,
    rests_until: Time,
    /// When those calls were granted that were refused within the last window.
    refusals: VecDeque<Time>,
}

impl Predictive {
    /// Starts from `start`, which is a guess, under a provider that counts in windows of `period`, and aims at no
    /// more than `hits_per_hour` refusals an hour (above 0).
    pub fn new(hits_per_hour: f64, period: Micros, start: &Limits) -> Self {
        // In a steady world, probes alone must stay within the budget: the longest hold is 2.5 times the first.
        let first_hold = Micros::from_secs_f64(0.7 * 3_600.0 / hits_per_hour);
        Self {
            hits_per_hour,
            period,
            calls: Seek::new(start.calls, 1.0, first_hold),
            tokens: Seek::new(start.tokens, TOKENS_PRESS, first_hold),
            concurrency: Seek::new(start.concurrency, 1.0, first_hold),
            // What a start teaches is worth what it costs.
            credit: CREDIT.1,
            credited: Time::ZERO,
            rests_until: Time::ZERO,
            refusals: VecDeque::new(),
        }
    }

    fn accepted(&mut self, feedback: &Feedback, now: Time) -> Option<Reason> {
        let may_probe = self.credit >= 1.0 && now >= self.rests_until;
        let Seen { calls, tokens, in_flight, .. } = feedback.seen;
        let granted = feedback.granted_at;
        let dimensions = [
            (Dimension::Calls, &mut self.calls, calls),
            (Dimension::Tokens, &mut self.tokens, tokens),
            (Dimension::Concurrency, &mut self.concurrency, in_flight),
        ];
        let mut reason = None;
        for (dimension, seek, seen) in dimensions {
            // One probe at a time: were both refused, nobody could tell which was.
            let may_probe = may_probe && reason.is_none();
            seek.note(seen, false);
            let moved = seek.accepted(seen, granted, may_probe, now);
            reason = reason.or(moved.map(|moved| because(moved, dimension)));
        }
        reason
    }

    fn refused(&mut self, signal: Signal, feedback: &Feedback, now: Time) -> Option<Reason> {
        let seen = feedback.most_seen();
        let blamed = match signal {
            Signal::Rate | Signal::Ramp => Dimension::Calls,
            Signal::Concurrency => Dimension::Concurrency,
            Signal::Tokens => Dimension::Tokens,
            Signal::RateOrConcurrency => self.blame(&seen, now),
            Signal::Overload => {
                self.rests_until = now + OVERLOAD_REST;
                return None;
            }
        };
        self.credit = (self.credit - 1.0).max(CREDIT.0);
        self.calls.note(seen.calls, true);
        self.tokens.note(seen.tokens, true);
        self.concurrency.note(seen.in_flight, true);
        let others = self.remember(feedback.granted_at);
        let (seek, seen, others) = match blamed {
            Dimension::Concurrency => (&mut self.concurrency, seen.in_flight, 0),
            Dimension::Tokens => (&mut self.tokens, seen.tokens, 0),
            _ => (&mut self.calls, seen.calls, others),
        };
        if seek.is_old(feedback.granted_at) {
            return seek.reread().then_some(Reason::Revealed(blamed));
        }
        Some(because(seek.refused(seen, others, now), blamed))
    }

    fn blame(&self, seen: &Seen, now: Time) -> Dimension {
        let calls = self.calls.suspicion(seen.calls, now);
        let in_flight = self.concurrency.suspicion(seen.in_flight, now);
        // On GLM the cap on calls in flight is the one that binds most often, so it is blamed on a tie.
        if calls > in_flight { Dimension::Calls } else { Dimension::Concurrency }
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

    fn save_up(&mut self, now: Time) {
        let hours = now.since(self.credited).as_secs_f64() / 3_600.0;
        let changes: f64 =
            [&self.calls, &self.tokens, &self.concurrency].map(|seek| seek.turbulence(now)).iter().sum();
        let share = CALM_SHARE + (TURBULENT_SHARE * changes).min(1.0 - CALM_SHARE);
        self.credit = (self.credit + hours * self.hits_per_hour * share).min(CREDIT.1);
        self.credited = self.credited.max(now);
    }
}

impl Controller for Predictive {
    /// Calls that were refused together, with a cut before the news of the last, are counted one by one.
    fn hears_old_news(&self) -> bool {
        true
    }

    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        self.save_up(now);
        self.calls.follow(limits.calls);
        self.tokens.follow(limits.tokens);
        self.concurrency.follow(limits.concurrency);
        let reason = match feedback.outcome {
            Outcome::Success => self.accepted(feedback, now),
            Outcome::Refused(signal) => self.refused(signal, feedback, now),
            Outcome::Failed => None,
        }?;
        let limits = Limits {
            calls: self.calls.limit(),
            tokens: self.tokens.limit(),
            concurrency: self.concurrency.limit(),
            ..*limits
        };
        Some((limits, reason))
    }

    fn wake(&mut self, _: &Limits, _: Time) -> Option<(Limits, Reason)> {
        None
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }
}

fn because(moved: Move, dimension: Dimension) -> Reason {
    match moved {
        Move::Probed => Reason::Probed(dimension),
        Move::Climbed => Reason::Climbed(dimension),
        Move::Revealed => Reason::Revealed(dimension),
        Move::Fell => Reason::Refused(dimension),
    }
}
