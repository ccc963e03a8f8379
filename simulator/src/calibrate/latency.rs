//! How long answers take: `(base + output tokens / tokens_per_s)` times a log-normal factor of median 1.
//!
//! With c = base * tokens_per_s, the logarithm of a latency is that of (c + output tokens) less that of tokens_per_s plus
//! noise: for a given c the other two are a mean and a spread, so that only c has to be searched for.

use limiter_core::Micros;
use serde::Serialize;

use super::interval::Interval;
use crate::trace::{Log, Logged};

/// The provider's latency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LatencyModel {
    /// Seconds until the first token; the median of all latencies where the log has no tokens.
    pub base_s: Interval,
    /// Tokens a second after it; absent where the log does not tell.
    pub tokens_per_s: Option<Interval>,
    /// The spread of the factor's logarithm.
    pub sigma: Interval,
    /// Answers that it is learned from.
    pub answers: u64,
}

/// More answers than this make no estimate better that anybody would notice.
const MOST: usize = 50_000;
/// Fewer answers than this are not worth a model.
const LEAST: usize = 10;
/// Steps of the search for c; each shortens the interval to 0.618 of it.
const STEPS: usize = 60;

/// The latency of the answers in `log`, of whose times `round_trip` is the network's; `None` where they are too few, or have no times.
pub(super) fn latency(log: &Log, round_trip: Micros) -> Option<LatencyModel> {
    let timed: Vec<(f64, Option<u32>)> = log
        .attempts
        .iter()
        .filter_map(|attempt| Some((took(attempt, round_trip)?, attempt.output_tokens)))
        .collect();
    let every = timed.len().div_ceil(MOST).max(1);
    let timed: Vec<_> = timed.into_iter().step_by(every).collect();
    let with_tokens: Vec<(f64, f64)> =
        timed.iter().filter_map(|(took, output)| Some((took.ln(), f64::from((*output)?)))).collect();
    if timed.len() < LEAST {
        return None;
    }
    let n = timed.len() as f64;
    let varies = with_tokens.iter().any(|(_, output)| *output != with_tokens[0].1);
    if 2 * with_tokens.len() < timed.len() || !varies {
        let logs: Vec<f64> = timed.iter().map(|(took, _)| took.ln()).collect();
        let (mean, sigma) = mean_and_spread(logs.iter().copied());
        let base_s = Interval::normal(mean, sigma / n.sqrt());
        return Some(LatencyModel {
            base_s: exp(base_s),
            tokens_per_s: None,
            sigma: Interval::normal(sigma, sigma / (2.0 * n).sqrt()),
            answers: n as u64,
        });
    }
    let c = best_c(&with_tokens);
    let (mean, sigma) = residual(&with_tokens, c);
    let n = with_tokens.len() as f64;
    // The Fisher information of (c, ln speed): d/dc ln(c + output) = 1 / (c + output), d/d ln speed = -1.
    let slopes = || with_tokens.iter().map(|(_, output)| 1.0 / (c + output));
    let (slope, spread) = mean_and_spread(slopes());
    let speed = (-mean).exp();
    let c_error = sigma / (n.sqrt() * spread.max(1e-12));
    let log_error = sigma / n.sqrt() * (1.0 + (slope / spread.max(1e-12)).powi(2)).sqrt();
    // base = c / speed; the errors of c and of ln speed are correlated, with slope between them.
    let covariance = slope * c_error * c_error;
    let base = c / speed;
    let variance = (c_error / speed).powi(2) + (base * log_error).powi(2) - 2.0 * base / speed * covariance;
    let base_s = Interval::normal(base, variance.max(0.0).sqrt());
    Some(LatencyModel {
        base_s: Interval { low: base_s.low.max(0.0), ..base_s },
        tokens_per_s: Some(exp(Interval::normal(speed.ln(), log_error))),
        sigma: Interval::normal(sigma, sigma / (2.0 * n).sqrt()),
        answers: n as u64,
    })
}

fn took(attempt: &Logged, round_trip: Micros) -> Option<f64> {
    attempt.took().map(|took| took.saturating_sub(round_trip).as_secs_f64()).filter(|took| *took > 0.0)
}

/// The c with the least spread about its model: golden-section search in its logarithm.
fn best_c(answers: &[(f64, f64)]) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let spread = |log_c: f64| residual(answers, log_c.exp()).1;
    let (mut low, mut high) = (-5.0_f64, 12.0_f64);
    let (mut left, mut right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_left, mut at_right) = (spread(left), spread(right));
    for _ in 0..STEPS {
        if at_left < at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = spread(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = spread(right);
        }
    }
    f64::midpoint(low, high).exp()
}

/// The mean and the spread of what c leaves unexplained.
fn residual(answers: &[(f64, f64)], c: f64) -> (f64, f64) {
    mean_and_spread(answers.iter().map(|(log_took, output)| log_took - (c + output).ln()))
}

/// The mean and the standard deviation (Welford, 1962).
pub(super) fn mean_and_spread(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut n, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        n += 1.0;
        let apart = value - mean;
        mean += apart / n;
        squares += apart * (value - mean);
    }
    (mean, (squares / f64::max(n - 1.0, 1.0)).sqrt())
}

/// The interval of what this is the logarithm of.
pub(super) fn exp(interval: Interval) -> Interval {
    Interval { estimate: interval.estimate.exp(), low: interval.low.exp(), high: interval.high.map(f64::exp) }
}

#[cfg(test)]
mod tests {
    use limiter_core::Time;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::stream::{Streams, Subsystem};
    use crate::trace::LoggedOutcome;

    fn log(answers: u32, has_tokens: bool) -> Log {
        let mut chance = Streams::new(7, 0).of(Subsystem::Calls);
        let attempt = |number: u32| {
            let output = 50 + number * 37 % 900;
            let z: f64 = StandardNormal.sample(&mut chance);
            let took = (0.5 + f64::from(output) / 60.0) * (0.3 * z).exp();
            Logged {
                arrival: Time::from_micros(u64::from(number)),
                granted: None,
                reached: None,
                finished: None,
                latency: Some(Micros::from_secs_f64(took)),
                input_tokens: None,
                output_tokens: has_tokens.then_some(output),
                call: None,
                attempt: None,
                outcome: LoggedOutcome::Success,
            }
        };
        Log { attempts: (0..answers).map(attempt).collect() }
    }

    #[test]
    fn what_was_drawn_is_found_within_three_standard_errors() {
        let found = latency(&log(5_000, true), Micros::ZERO).unwrap();
        for (interval, truth) in
            [(found.base_s, 0.5), (found.tokens_per_s.unwrap(), 60.0), (found.sigma, 0.3)]
        {
            let error = (interval.high.unwrap() - interval.low) / (2.0 * 1.96);
            assert!((interval.estimate - truth).abs() < 3.0 * error, "{truth} is not near {interval:?}");
            assert!(error < 0.1 * truth, "{interval:?} tells too little");
        }
    }

    #[test]
    fn without_tokens_there_is_no_speed_and_of_few_answers_no_model() {
        let found = latency(&log(500, false), Micros::ZERO).unwrap();
        assert_eq!(found.tokens_per_s, None);
        assert!((5.0..12.0).contains(&found.base_s.estimate), "{found:?}");
        assert_eq!(latency(&log(5, true), Micros::ZERO), None);
    }
}
