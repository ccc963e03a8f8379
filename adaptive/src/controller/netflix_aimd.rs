//! Netflix's limit by drops and latency.

use limiter_core::{Dimension, Limits, Micros, Time};
use serde::{Deserialize, Serialize};

use crate::adjustment::Reason;
use crate::controller::concurrency_range::with_concurrency;
use crate::controller::{ConcurrencyRange, Controller};
use crate::outcome::{Feedback, Outcome};

/// What a drop leaves of the limit.
const BACKOFF_RATIO: f64 = 0.9;

/// What the original's builder asks its user for; the defaults are its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetflixAimdSettings {
    /// Calls in flight at least; 1 or more.
    pub min_concurrency: u64,
    /// Calls in flight at the start.
    pub start_concurrency: u64,
    /// Calls in flight at most.
    pub max_concurrency: u64,
    /// An answer that takes longer counts as dropped, in seconds.
    pub timeout_s: f64,
}

impl Default for NetflixAimdSettings {
    fn default() -> Self {
        Self { min_concurrency: 20, start_concurrency: 20, max_concurrency: 200, timeout_s: 5.0 }
    }
}

/// Netflix's `AIMDLimit`: a limit on calls in flight that grows by one an answer and shrinks by a tenth a
/// drop.
///
/// Netflix/concurrency-limits at 784c960, `limit/AIMDLimit.java`. On each sample, of a call that found
/// `in_flight` calls under way (itself included) and took `rtt`:
///
/// - dropped, or `rtt > 5 s`: `limit <- floor(0.9 * limit)`;
/// - else, where `2 * in_flight >= limit`: `limit <- limit + 1`;
/// - within 20 (at the start, too) and 200, where the user sets nothing else.
///
/// A refusal is a drop, whatever it says, and there is no telling an episode: ten calls refused together are
/// ten cuts. A failure that says nothing about limits is no sample (the original's `onIgnore`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetflixAimd {
    range: ConcurrencyRange,
    timeout: Micros,
    limit: u64,
}

impl NetflixAimd {
    /// Starts at the range's start, and stays within it; an answer that takes longer than `timeout` is a
    /// drop.
    pub const fn new(range: ConcurrencyRange, timeout: Micros) -> Self {
        Self { range, timeout, limit: range.start_concurrency }
    }
}

impl Controller for NetflixAimd {
    fn start(&self, set: Limits) -> Limits {
        with_concurrency(&Limits { calls: None, ..set }, self.limit)
    }

    fn hears_old_news(&self) -> bool {
        true
    }

    fn observe(&mut self, feedback: &Feedback, limits: &Limits, now: Time) -> Option<(Limits, Reason)> {
        let slow = now.since(feedback.granted_at) > self.timeout;
        let limit = self.limit as f64;
        let (limit, reason) = match feedback.outcome {
            Outcome::Refused(_) => (BACKOFF_RATIO * limit, Reason::Refused(Dimension::Concurrency)),
            Outcome::Success if slow => (BACKOFF_RATIO * limit, Reason::Slow),
            Outcome::Success if 2 * feedback.seen.in_flight >= self.limit => (limit + 1.0, Reason::Unrefused),
            _ => return None,
        };
        self.limit = self.range.clamp(limit) as u64;
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

    fn observe(law: &mut NetflixAimd, in_flight: u64, secs: f64, outcome: Outcome) -> Option<Reason> {
        let seen = Seen { in_flight, ..Seen::default() };
        let feedback = Feedback { granted_at: Time::ZERO, seen, seen_at_end: seen, outcome, hint: None };
        let now = Time::from_secs_f64(secs);
        law.observe(&feedback, &Limits::default(), now).map(|(_, reason)| reason)
    }

    fn law(min: u64, start: u64, max: u64) -> NetflixAimd {
        let range = ConcurrencyRange { min_concurrency: min, start_concurrency: start, max_concurrency: max };
        NetflixAimd::new(range, Micros::from_secs(5))
    }

    /// The law by hand: 20 at the start.
    #[test]
    fn the_law_by_hand() {
        let mut law = law(5, 20, 22);
        assert_eq!(observe(&mut law, 9, 2.0, Outcome::Success), None, "2 * 9 < 20");
        assert_eq!(observe(&mut law, 10, 5.0, Outcome::Success), Some(Reason::Unrefused));
        assert_eq!(law.limit, 21);
        observe(&mut law, 11, 2.0, Outcome::Success);
        observe(&mut law, 11, 2.0, Outcome::Success);
        assert_eq!(law.limit, 22, "not above the most");
        // Ten refused together are ten cuts: 19, 17, 15, 13, 11, 9, 8, 7, 6, 5.
        assert_eq!(observe(&mut law, 22, 0.1, REFUSED), Some(Reason::Refused(Dimension::Concurrency)));
        assert_eq!(law.limit, 19);
        for left in [17, 15, 13, 11, 9, 8, 7, 6, 5, 5] {
            observe(&mut law, 22, 0.1, REFUSED);
            assert_eq!(law.limit, left);
        }
    }

    #[test]
    fn a_slow_answer_is_a_drop_and_a_failure_is_nothing() {
        let mut law = law(1, 20, 200);
        assert_eq!(observe(&mut law, 20, 5.1, Outcome::Success), Some(Reason::Slow));
        assert_eq!(law.limit, 18);
        assert_eq!(observe(&mut law, 20, 120.0, Outcome::Failed), None);
        assert_eq!(law.limit, 18);
    }
}
