//! The client side of the model: how long it backs off, and how many tokens it reserves.

use limiter_core::{Limits, Micros, Time};
use rand::RngExt;

use crate::stream::Stream;

/// The first pause after a refusal; each further one is twice as long…
const FIRST_PAUSE_S: f64 = 1.0;
/// …up to this.
const LONGEST_PAUSE_S: f64 = 30.0;

/// The pause after the `attempt`-th refusal (from 1): exponential, and half of it at random, so that those
/// who were refused together do not come back together.
pub fn pause(attempt: u32, jitter: &mut Stream) -> Micros {
    let whole = (FIRST_PAUSE_S * f64::from(attempt.saturating_sub(1).min(16)).exp2()).min(LONGEST_PAUSE_S);
    Micros::from_secs_f64(whole * (0.5 + 0.5 * jitter.random::<f64>()))
}

/// What a client expects of an answer's length before it has it: the mean so far, recent answers weighing more.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenEstimate {
    mean_output: Option<f64>,
}

impl TokenEstimate {
    /// The weight of the newest answer.
    const WEIGHT: f64 = 0.05;

    /// Tokens to reserve for a call. Never more than the limit in force: that one was learned, and may be too
    /// low for a call that the provider would take.
    pub fn reserve(&self, input: u32, limits: &Limits) -> u64 {
        let expected = u64::from(input) + self.mean_output.unwrap_or(0.0) as u64;
        limits.tokens.map_or(expected, |limit| expected.min(limit.get()))
    }

    /// Takes in the length of an answer.
    pub fn learn(&mut self, output: u32) {
        let output = f64::from(output);
        self.mean_output =
            Some(self.mean_output.map_or(output, |mean| mean + Self::WEIGHT * (output - mean)));
    }
}

/// How long answers take, as a client sees it: it does not wait for a permit until there is no time left to use it.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerTime {
    mean_s: f64,
}

impl AnswerTime {
    /// The weight of the newest answer.
    const WEIGHT: f64 = 0.05;
    /// Time kept for the answer, in means: a log-normal answer of sigma 0.7 is in time nineteen times of twenty.
    const MEANS_KEPT: f64 = 2.5;
    /// The share of a call's time that is kept at most.
    const MOST_KEPT: f64 = 0.5;

    /// Until when a call that arrived at `arrival` waits for a permit.
    pub fn patience(&self, arrival: Time, deadline: Time) -> Time {
        let kept = Micros::from_secs_f64(self.mean_s * Self::MEANS_KEPT);
        let most = Micros::from_secs_f64(deadline.since(arrival).as_secs_f64() * Self::MOST_KEPT);
        deadline - kept.min(most)
    }

    /// Takes in how long an answer took.
    pub fn learn(&mut self, took: Micros) {
        self.mean_s += Self::WEIGHT * (took.as_secs_f64() - self.mean_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{Streams, Subsystem};

    #[test]
    fn pauses_double_up_to_a_cap_and_half_of_them_is_chance() {
        let mut jitter = Streams::new(1, 0).of(Subsystem::Clients);
        for (attempt, whole) in [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (u32::MAX, 30.0)] {
            for _ in 0..100 {
                let pause = pause(attempt, &mut jitter).as_secs_f64();
                assert!((whole / 2.0..=whole).contains(&pause), "attempt {attempt}: {pause}");
            }
        }
    }
}
