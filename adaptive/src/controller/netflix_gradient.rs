//! Netflix's limit by latency.

use limiter_core::{Limits, Micros, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::concurrency_range::with_concurrency;
use crate::controller::{ConcurrencyRange, Controller};
use crate::outcome::{Feedback, Outcome};

/// The weight of a new limit beside the old one.
const SMOOTHING: f64 = 0.2;
/// Calls by which the limit may grow while latency is as usual.
const QUEUE_SIZE: f64 = 4.0;
/// By how much latency may exceed the usual one before the limit shrinks.
const TOLERANCE: f64 = 1.5;
/// The least that a single sample leaves of the limit, but for the smoothing.
const LEAST_GRADIENT: f64 = 0.5;
/// Samples that the usual latency is averaged over.
const LONG_WINDOW: f64 = 600.0;
/// Samples of which the usual latency is a plain mean.
const WARMUP: u32 = 10;
/// Where the usual latency is more than this many times the last one, it is out of date…
const STALE: f64 = 2.0;
/// …and shrinks by this factor.
const STALE_DECAY: f64 = 0.95;

/// Netflix's `Gradient2Limit`: a limit on calls in flight that follows the ratio of usual to last latency.
///
/// Netflix/concurrency-limits at f2528de, `limit/Gradient2Limit.java` and
/// `limit/measurement/ExpAvgMeasurement.java`. On each sample, of a call that found `in_flight` calls under
/// way (itself included) and took `short`:
///
/// - `long` is the mean of the first 10 samples, and from then on `long <- (1 - f) * long + f * short` with
///   `f = 2 / (600 + 1)`; where `long > 2 * short`, it shrinks to `0.95 * long` for the next sample;
/// - where `in_flight < L / 2`, nothing else happens: demand does not press;
/// - `g = max(0.5, min(1, 1.5 * long / short))`, and `L <- 0.8 * L + 0.2 * (g * L + 4)`, kept within a range,
///   which is 20 (at the start, too) to 200 where the user sets none;
/// - the limit is `floor(L)`.
///
/// It does not look at what became of the call: a refusal is a sample like any other, and a quick one, so
/// that it lets the limit grow. A failure that says nothing about limits is no sample (the original's
/// `onIgnore`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetflixGradient {
    range: ConcurrencyRange,
    /// `L`.
    estimate: f64,
    long: Mean,
}

/// `long`: the usual latency, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mean {
    value: f64,
    /// Samples so far, up to the warm-up's end.
    samples: u32,
}

impl NetflixGradient {
    /// The range of the original's builder.
    pub const RANGE: ConcurrencyRange =
        ConcurrencyRange { min_concurrency: 20, start_concurrency: 20, max_concurrency: 200 };

    /// Starts at the range's start, and stays within it.
    pub const fn new(range: ConcurrencyRange) -> Self {
        Self { range, estimate: range.start_concurrency as f64, long: Mean { value: 0.0, samples: 0 } }
    }
}

impl Controller for NetflixGradient {
    fn start(&self, set: Limits) -> Limits {
        with_concurrency(&Limits { calls: None, ..set }, self.estimate as u64)
    }

    fn hears_old_news(&self) -> bool {
        true
    }

    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        if feedback.outcome == Outcome::Failed {
            return None;
        }
        // A clock that stood still has measured its own resolution at most.
        let short = now.since(feedback.granted_at).max(Micros::new(1)).as_secs_f64();
        let long = self.long.add(short);
        if long > STALE * short {
            self.long.value *= STALE_DECAY;
        }
        if (feedback.seen.in_flight as f64) < self.estimate / 2.0 {
            return None;
        }
        let gradient = (TOLERANCE * long / short).clamp(LEAST_GRADIENT, 1.0);
        let target = gradient * self.estimate + QUEUE_SIZE;
        let before = self.estimate;
        self.estimate = self.range.clamp((1.0 - SMOOTHING) * before + SMOOTHING * target);
        let reason = if self.estimate < before { Reason::Slow } else { Reason::Unrefused };
        Some((with_concurrency(limits, self.estimate as u64), reason))
    }

    fn wake(&mut self, _: &Limits, _: Time) -> Option<(Limits, Reason)> {
        None
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }
}

impl Mean {
    fn add(&mut self, sample: f64) -> f64 {
        let weight = if self.samples < WARMUP {
            self.samples += 1;
            // A plain mean of so many.
            1.0 / f64::from(self.samples)
        } else {
            2.0 / (LONG_WINDOW + 1.0)
        };
        self.value = (1.0 - weight) * self.value + weight * sample;
        self.value
    }
}

#[cfg(test)]
mod tests {
    use limiter_core::Seen;

    use super::*;
    use crate::outcome::Signal;

    fn observe(law: &mut NetflixGradient, in_flight: u64, secs: f64, outcome: Outcome) -> Option<Reason> {
        let seen = Seen { in_flight, ..Seen::default() };
        let feedback = Feedback { granted_at: Time::ZERO, seen, seen_at_end: seen, outcome, hint: None };
        let now = Time::ZERO + Micros::from_secs_f64(secs);
        law.observe(&feedback, &Limits::default(), now).map(|(_, reason)| reason)
    }

    /// The law by hand, from 20 calls in flight.
    #[test]
    fn the_law_by_hand() {
        let mut law = NetflixGradient::new(NetflixGradient::RANGE);
        // Latency as usual: g = 1, and 0.8 * 20 + 0.2 * 24 = 20.8; then 21.6.
        assert_eq!(observe(&mut law, 10, 2.0, Outcome::Success), Some(Reason::Unrefused));
        assert!((law.estimate - 20.8).abs() < 1e-9);
        // 10 in flight are fewer than half of 20.8, and are no reason to grow; 11 are.
        assert_eq!(observe(&mut law, 10, 2.0, Outcome::Success), None);
        observe(&mut law, 11, 2.0, Outcome::Success);
        assert!((law.estimate - 21.6).abs() < 1e-9);
        for _ in 0..7 {
            observe(&mut law, 1, 2.0, Outcome::Success);
        }
        assert!((law.long.value - 2.0).abs() < 1e-9, "the mean of ten");
        // 12 s: long = 2 + 10 * 2 / 601 = 2.03328, g = max(0.5, 1.5 * 2.03328 / 12) = 0.5, and
        // 0.8 * 21.6 + 0.2 * (10.8 + 4) = 20.24.
        assert_eq!(observe(&mut law, 20, 12.0, Outcome::Success), Some(Reason::Slow));
        assert!((law.long.value - 2.033_278).abs() < 1e-6);
        assert!((law.estimate - 20.24).abs() < 1e-9);
        // 4 s: long = 2.03982, g = 0.76493: 0.8 * 20.24 + 0.2 * (15.4823 + 4) = 20.0885.
        observe(&mut law, 20, 4.0, Outcome::Success);
        assert!((law.estimate - 20.088_451).abs() < 1e-6, "{}", law.estimate);
    }

    #[test]
    fn a_refusal_is_a_quick_sample_that_lets_the_limit_grow() {
        let mut law = NetflixGradient::new(NetflixGradient::RANGE);
        observe(&mut law, 1, 2.0, Outcome::Success);
        let refused = Outcome::Refused(Signal::RateOrConcurrency);
        assert_eq!(observe(&mut law, 20, 0.06, refused), Some(Reason::Unrefused));
        assert!((law.estimate - 20.8).abs() < 1e-9);
        // The mean of the two is more than twice the last, so it shrinks to 0.95 * 1.03.
        assert!((law.long.value - 0.9785).abs() < 1e-9);
    }

    #[test]
    fn the_range_is_kept() {
        let mut law = NetflixGradient::new(NetflixGradient::RANGE);
        for _ in 0..1_000 {
            observe(&mut law, 200, 2.0, Outcome::Success);
        }
        assert_eq!(law.estimate, 200.0);
        for secs in 3..10 {
            observe(&mut law, 200, f64::from(secs).exp2(), Outcome::Success);
        }
        assert!((20.0..200.0).contains(&law.estimate), "{}", law.estimate);
        assert_eq!(law.start(Limits::default()).calls, None);
    }
}
