//! The send rate of the AWS SDKs.

use std::num::NonZeroU64;

use limiter_core::{Dimension, Limits, MAX_LIMIT, Micros, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::Controller;
use crate::outcome::{Feedback, Outcome};

/// `C`, in calls a second, per second cubed.
const SCALE: f64 = 0.4;
/// `beta`: what a throttle leaves of the rate.
const BETA: f64 = 0.7;
/// `fill` is at most this many times the measured rate…
const MOST_OF_MEASURED: f64 = 2.0;
/// …and at least this, in calls a second.
const LEAST_FILL: f64 = 0.5;
/// The weight of the newest measurement.
const SMOOTHING: f64 = 0.8;
/// The span that responses are counted over, in microseconds.
const BUCKET_MICROS: u64 = 500_000;
/// Such spans in a second.
const BUCKETS_A_SECOND: f64 = 2.0;

/// The adaptive retry mode of the AWS SDKs: a send rate that follows CUBIC.
///
/// botocore 1.44.5, `botocore/retries/adaptive.py` (measured rate, when a law applies), `throttling.py` (the
/// law) and `bucket.py` (the rate's floor); the law is that of Ha, Rhee and Xu, "CUBIC: a new TCP-friendly
/// high-speed TCP variant" (2008), in calls a second instead of segments a round trip:
///
/// - off, and nothing limits, until the first throttle;
/// - on a throttle `w_max <- min(measured, fill)` (the first time `measured`), `t <- 0`, and
///   `rate = beta * w_max`;
/// - on any other response `rate = C * (t - K)^3 + w_max` with `K = (w_max * (1 - beta) / C)^(1/3)`, `t` the
///   seconds since the last throttle;
/// - either way `fill = max(0.5, min(rate, 2 * measured))`.
///
/// `measured` is the rate of responses, smoothed: at the first response in a new half second it becomes
/// `0.8 * count / elapsed + 0.2 * measured`. Every refusal that comes as an HTTP 429 is a throttle, a platform
/// overload (1305) too, and there is no telling an episode: ten calls refused together are ten cuts.
///
/// **On our limiter.** A bucket that holds one call and fills at `fill` calls a second is a pacing of
/// `1 / fill`. The original's bucket holds `fill` calls where that is above one, a second's worth to be sent at
/// once; ours are spaced there too. Under pressure, when a bucket is always empty, both are the same. The
/// limit on calls is set to `ceil(period * fill)`, what the pacing lets through: it tells the operator, and
/// binds by the guard's share only. One law rules the whole pool, where the original has one in each client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AwsCubic {
    /// The window that the limit on calls is counted in.
    period: Micros,
    /// The operator's pacing: ours is never shorter.
    least_pacing: Micros,
    clocker: RateClocker,
    /// Absent until the first throttle.
    law: Option<Cubic>,
    /// Calls a second.
    fill: f64,
}

/// The rate of responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct RateClocker {
    /// Calls a second.
    measured: f64,
    /// Responses since it was last measured.
    count: u64,
    /// The half second that it was last measured in; absent before the first response.
    last_bucket: Option<u64>,
}

/// The curve since the last throttle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cubic {
    /// Calls a second.
    w_max: f64,
    last_fail: Time,
}

impl AwsCubic {
    /// Off, until the first throttle. `period` is the window's, `pacing` the operator's.
    pub const fn new(period: Micros, pacing: Micros) -> Self {
        let clocker = RateClocker { measured: 0.0, count: 0, last_bucket: None };
        Self { period, least_pacing: pacing, clocker, law: None, fill: LEAST_FILL }
    }

    fn limits(&self, limits: &Limits) -> Limits {
        let pacing = Micros::from_secs_f64(1.0 / self.fill).max(Micros::new(1));
        let calls = self.period.get().div_ceil(pacing.get()).min(MAX_LIMIT);
        let pacing = pacing.min(self.period).max(self.least_pacing);
        Limits { calls: NonZeroU64::new(calls), pacing, ..*limits }
    }
}

impl Controller for AwsCubic {
    fn start(&self, set: Limits) -> Limits {
        Limits { calls: None, concurrency: None, ..set }
    }

    fn hears_old_news(&self) -> bool {
        true
    }

    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        let measured = self.clocker.record(now);
        let (rate, reason) = match (feedback.outcome, self.law) {
            (Outcome::Refused(_), law) => {
                let w_max = if law.is_some() { measured.min(self.fill) } else { measured };
                self.law = Some(Cubic { w_max, last_fail: now });
                (BETA * w_max, Reason::Refused(Dimension::Calls))
            }
            (_, Some(law)) => (law.rate(now), Reason::Unrefused),
            (_, None) => return None,
        };
        self.fill = rate.min(MOST_OF_MEASURED * measured).max(LEAST_FILL);
        Some((self.limits(limits), reason))
    }

    fn wake(&mut self, _: &Limits, _: Time) -> Option<(Limits, Reason)> {
        None
    }

    fn next_wake(&self) -> Option<Time> {
        None
    }
}

impl RateClocker {
    /// A response at `now`; the measured rate after it.
    fn record(&mut self, now: Time) -> f64 {
        let bucket = now.as_micros() / BUCKET_MICROS;
        let last = *self.last_bucket.get_or_insert(bucket);
        self.count += 1;
        if bucket > last {
            let rate = self.count as f64 * BUCKETS_A_SECOND / (bucket - last) as f64;
            self.measured = SMOOTHING * rate + (1.0 - SMOOTHING) * self.measured;
            self.count = 0;
            self.last_bucket = Some(bucket);
        }
        self.measured
    }
}

impl Cubic {
    /// `C * (t - K)^3 + w_max`.
    fn rate(&self, now: Time) -> f64 {
        let t = now.since(self.last_fail).as_secs_f64();
        let k = (self.w_max * (1.0 - BETA) / SCALE).cbrt();
        SCALE * (t - k).powi(3) + self.w_max
    }
}

#[cfg(test)]
mod tests {
    use limiter_core::Seen;

    use super::*;
    use crate::outcome::Signal;

    const REFUSED: Outcome = Outcome::Refused(Signal::RateOrConcurrency);

    struct Bench {
        law: AwsCubic,
        limits: Limits,
    }

    impl Bench {
        fn new() -> Self {
            let law = AwsCubic::new(Micros::from_secs(60), Micros::ZERO);
            let set = Limits { calls: NonZeroU64::new(60), ..Limits::default() };
            let limits = law.start(set);
            Self { law, limits }
        }

        fn observe(&mut self, secs: f64, outcome: Outcome) -> Option<Reason> {
            let seen = Seen::default();
            let feedback = Feedback { granted_at: Time::ZERO, seen, seen_at_end: seen, outcome, hint: None };
            let (limits, reason) = self.law.observe(&feedback, &self.limits, Time::from_secs_f64(secs))?;
            self.limits = limits;
            Some(reason)
        }

        fn calls(&self) -> Option<u64> {
            self.limits.calls.map(NonZeroU64::get)
        }
    }

    /// The law by hand: four responses a second until a throttle at 10 s.
    #[test]
    fn the_law_by_hand() {
        let mut bench = Bench::new();
        for quarter in 0..40 {
            assert_eq!(bench.observe(f64::from(quarter) / 4.0, Outcome::Success), None);
        }
        assert_eq!(bench.limits, Limits::default(), "off until the first throttle");
        // Two responses in each half second: 4 a second. w_max = 4, so 2.8 are left.
        assert_eq!(bench.observe(10.0, REFUSED), Some(Reason::Refused(Dimension::Calls)));
        assert!((bench.law.fill - 2.8).abs() < 1e-4, "{}", bench.law.fill);
        assert_eq!(bench.calls(), Some(168));
        assert_eq!(bench.limits.pacing, Micros::new(357_143));
        // K = (4 * 0.3 / 0.4)^(1/3) = 1.4422 s; 1 s after: 0.4 * (1 - 1.4422)^3 + 4 = 3.9654. Two responses
        // in that second: measured = 0.8 * 2 + 0.2 * 4 = 2.4, and twice that is no bound.
        bench.observe(10.25, Outcome::Success);
        assert_eq!(bench.observe(11.0, Outcome::Success), Some(Reason::Unrefused));
        assert!((bench.law.clocker.measured - 2.4).abs() < 1e-4);
        assert!((bench.law.fill - 3.9654).abs() < 1e-4, "{}", bench.law.fill);
        // 3 s after: 0.4 * 1.5578^3 + 4 = 5.512; one response in 2 s: measured = 0.8 * 0.5 + 0.2 * 2.4 = 0.88,
        // which bounds it.
        bench.observe(13.0, Outcome::Success);
        assert!((bench.law.fill - 1.76).abs() < 1e-4, "{}", bench.law.fill);
        // The next throttle starts from the fill or the measured rate, whichever is lower: 0.7 * 0.88.
        bench.observe(13.25, REFUSED);
        assert!((bench.law.fill - 0.616).abs() < 1e-4, "{}", bench.law.fill);
        assert_eq!(bench.calls(), Some(37));
    }

    #[test]
    fn refusals_that_come_together_cut_one_after_the_other_down_to_the_floor() {
        let mut bench = Bench::new();
        for quarter in 0..=40 {
            bench.observe(f64::from(quarter) / 4.0, Outcome::Success);
        }
        for _ in 0..10 {
            bench.observe(10.1, REFUSED);
        }
        assert_eq!(bench.law.fill, LEAST_FILL);
        assert_eq!((bench.calls(), bench.limits.pacing), (Some(30), Micros::from_secs(2)));
    }

    #[test]
    fn a_refusal_before_anything_was_measured_leaves_the_floor() {
        let mut bench = Bench::new();
        bench.observe(0.3, REFUSED);
        assert_eq!(bench.calls(), Some(30));
    }

    #[test]
    fn the_operators_pacing_is_kept() {
        let pacing = Micros::from_secs(5);
        let mut law = AwsCubic::new(Micros::from_secs(60), pacing);
        let seen = Seen::default();
        let refusal =
            Feedback { granted_at: Time::ZERO, seen, seen_at_end: seen, outcome: REFUSED, hint: None };
        let (limits, _) = law.observe(&refusal, &Limits::default(), Time::ZERO).unwrap();
        assert_eq!(limits.pacing, pacing);
    }
}
