//! Inspect's adaptive connections.

use limiter_core::{Dimension, Limits, Micros, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::concurrency_range::with_concurrency;
use crate::controller::{ConcurrencyRange, Controller};
use crate::outcome::{Feedback, Outcome};

/// The successes that a round has at least.
const LEAST_ROUND: u64 = 4;
/// The share of the limit that must have been in flight within a round for it to grow.
const SATURATION: f64 = 0.8;
/// What a refusal leaves of the limit.
const DECREASE: f64 = 0.8;
/// Growth a round, as a share of the limit.
const SCALE_UP: f64 = 0.05;
/// How long after a cut nothing is cut again, and no success counts.
const COOLDOWN: Micros = Micros::from_secs(15);

/// The adaptive connections of Inspect: slow start, then additive increase a clean round, one cut an episode.
///
/// inspect_ai 0.3.285, `inspect_ai/util/_concurrency.py`, class `AdaptiveConcurrencyController`:
///
/// - a success outside a cooldown counts; a round ends with the `max(limit, 4)`th. If the most calls in
///   flight within it came to `0.8 * limit`, the limit grows: `limit <- 2 * limit` until the first refusal,
///   and then `limit <- ceil5(limit + max(1, round(0.05 * limit)))`;
/// - a refusal begins the round anew, and, outside a cooldown, cuts: `limit <- floor5(floor(0.8 * limit))`,
///   and the next 15 s are a cooldown.
///
/// From 10 up, `ceil5` and `floor5` round to multiples of 5; below, not at all. The limit starts at 20 and
/// stays between 10 and 100, where the user sets nothing else. Every refusal that comes as an HTTP 429
/// counts, a platform overload (1305) too; a failure that says nothing about limits does not. (Retry-After
/// does not stretch the cooldown in this version.)
///
/// Two things differ, as the limiter sees permits and not calls. The original keeps a call's slot while it
/// waits to retry, and does not count its success after a retry; here the slot is given back, and that
/// success counts. And it notes the calls in flight when a slot is taken, we when one is given back: the same
/// highest point, seen a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspect {
    range: ConcurrencyRange,
    limit: u64,
    round: Round,
    refused_before: bool,
    cooldown_until: Time,
}

/// What a round has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    successes: u64,
    most_in_flight: u64,
}

impl Inspect {
    /// The original's range.
    pub const RANGE: ConcurrencyRange =
        ConcurrencyRange { min_concurrency: 10, start_concurrency: 20, max_concurrency: 100 };

    /// Starts at the range's start, and stays within it.
    pub const fn new(range: ConcurrencyRange) -> Self {
        Self {
            range,
            limit: range.start_concurrency,
            round: Round { successes: 0, most_in_flight: 0 },
            refused_before: false,
            cooldown_until: Time::ZERO,
        }
    }

    fn succeeded(&mut self) -> Option<Reason> {
        self.round.successes += 1;
        if self.round.successes < self.limit.max(LEAST_ROUND) {
            return None;
        }
        let round = std::mem::take(&mut self.round);
        if (round.most_in_flight as f64) < SATURATION * self.limit as f64 {
            return None;
        }
        let limit = if self.refused_before {
            let step = (SCALE_UP * self.limit as f64).round_ties_even().max(1.0);
            let limit = self.limit + step as u64;
            if limit < 10 { limit } else { limit.next_multiple_of(5) }
        } else {
            2 * self.limit
        };
        self.limit = limit.min(self.range.max_concurrency);
        Some(Reason::Unrefused)
    }

    fn refused(&mut self, now: Time) -> Option<Reason> {
        self.round = Round::default();
        self.refused_before = true;
        if now < self.cooldown_until {
            return None;
        }
        self.cooldown_until = now + COOLDOWN;
        let limit = (self.limit as f64 * DECREASE) as u64;
        let limit = if limit < 10 { limit } else { limit / 5 * 5 };
        self.limit = limit.max(self.range.min_concurrency);
        Some(Reason::Refused(Dimension::Concurrency))
    }
}

impl Controller for Inspect {
    fn start(&self, set: Limits) -> Limits {
        with_concurrency(&Limits { calls: None, ..set }, self.limit)
    }

    fn hears_old_news(&self) -> bool {
        true
    }

    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        if now >= self.cooldown_until {
            self.round.most_in_flight = self.round.most_in_flight.max(feedback.seen_at_end.in_flight);
        }
        let reason = match feedback.outcome {
            Outcome::Success if now >= self.cooldown_until => self.succeeded(),
            Outcome::Refused(_) => self.refused(now),
            _ => None,
        }?;
        Some((with_concurrency(limits, self.limit), reason))
    }

    fn wake(&mut self, _: &Limits, _: Time) -> Option<(Limits, Reason)> {
        None
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }
}

#[cfg(test)]
mod tests {
    use limiter_core::Seen;

    use super::*;
    use crate::outcome::Signal;

    const REFUSED: Outcome = Outcome::Refused(Signal::RateOrConcurrency);

    fn observe(law: &mut Inspect, secs: u64, in_flight: u64, outcome: Outcome) -> Option<Reason> {
        let seen = Seen { in_flight, ..Seen::default() };
        let feedback = Feedback { granted_at: Time::ZERO, seen, seen_at_end: seen, outcome, hint: None };
        let now = Time::ZERO + Micros::from_secs(secs);
        law.observe(&feedback, &Limits::default(), now).map(|(_, reason)| reason)
    }

    fn succeed(law: &mut Inspect, secs: u64, in_flight: u64, times: u64) {
        for _ in 0..times {
            observe(law, secs, in_flight, Outcome::Success);
        }
    }

    /// The law by hand: 20 at the start.
    #[test]
    fn the_law_by_hand() {
        let mut law = Inspect::new(Inspect::RANGE);
        succeed(&mut law, 1, 15, 20);
        assert_eq!(law.limit, 20, "15 in flight are less than 0.8 * 20");
        succeed(&mut law, 2, 16, 19);
        assert_eq!(law.limit, 20);
        assert_eq!(observe(&mut law, 2, 3, Outcome::Success), Some(Reason::Unrefused));
        assert_eq!(law.limit, 40, "slow start doubles after a round of 20");
        succeed(&mut law, 3, 40, 39);
        // 0.8 * 40 = 32, down to 30; the round of 39 is lost.
        assert_eq!(observe(&mut law, 100, 40, REFUSED), Some(Reason::Refused(Dimension::Concurrency)));
        assert_eq!(law.limit, 30);
        assert_eq!(observe(&mut law, 114, 40, REFUSED), None, "one cut in 15 s");
        succeed(&mut law, 114, 30, 100);
        assert_eq!(law.limit, 30, "successes in a cooldown do not count");
        succeed(&mut law, 115, 30, 30);
        assert_eq!(law.limit, 35, "round(0.05 * 30) = 2, and 32 up to 35");
        // A refusal while the cooldown is over cuts: 28, down to 25.
        observe(&mut law, 116, 35, REFUSED);
        assert_eq!(law.limit, 25);
    }

    #[test]
    fn small_limits_move_by_one_and_stay_above_the_least() {
        let range = ConcurrencyRange { min_concurrency: 2, start_concurrency: 5, max_concurrency: 100 };
        let mut law = Inspect::new(range);
        for (secs, left) in [(20, 4), (40, 3), (60, 2), (80, 2)] {
            observe(&mut law, secs, 5, REFUSED);
            assert_eq!(law.limit, left);
        }
        succeed(&mut law, 100, 2, 4);
        assert_eq!(law.limit, 3, "a round has four successes at least");
        succeed(&mut law, 101, 3, 4 + 4 + 4);
        assert_eq!(law.limit, 4, "three in flight do not fill a limit of four");
    }
}
