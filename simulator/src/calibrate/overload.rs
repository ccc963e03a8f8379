//! When the platform was overloaded.
//!
//! An overload is a stretch in which attempts that were within the limits are refused with a share of its own. Stretches
//! are found as changes of a limit are; a refusal that stands alone makes none, for it proves no load.

use limiter_core::Time;
use serde::Serialize;

use super::interval::Interval;
use super::segments::Segmenter;
use crate::trace::{Log, LoggedOutcome};

/// The platform's overloads, as far as they were felt.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Overloads {
    /// In the order of their start; they do not overlap.
    pub periods: Vec<OverloadPeriod>,
    /// Refusals for an overload that stood alone.
    pub alone: u64,
}

/// One overload.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OverloadPeriod {
    /// Hours on the log's clock.
    pub from_hour: Interval,
    /// Hours on the log's clock.
    pub until_hour: Interval,
    /// The share of attempts that was refused.
    pub refuse: Interval,
    /// How many were.
    pub refused: u64,
}

/// The shares that a stretch may refuse; the first is no overload. The estimate is not bound to them.
const SHARES: [f64; 9] = [0.000_1, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.97];
/// Fewer refusals than this are no period.
const LEAST: u64 = 3;

/// The overloads of `log`.
pub(super) fn overloads(log: &Log) -> Overloads {
    let origin = log.origin();
    let mut answers: Vec<(Time, bool)> = log
        .attempts
        .iter()
        .filter_map(|attempt| match attempt.outcome {
            LoggedOutcome::Overload => Some((Time::ZERO + attempt.sent().since(origin), true)),
            LoggedOutcome::Success | LoggedOutcome::Timeout => {
                Some((Time::ZERO + attempt.sent().since(origin), false))
            }
            LoggedOutcome::Refused(_) | LoggedOutcome::Failed => None,
        })
        .collect();
    answers.sort_by_key(|(at, _)| *at);
    let refused = answers.iter().filter(|(_, refused)| *refused).count() as u64;
    if refused == 0 {
        return Overloads::default();
    }
    let penalty = (answers.len() as f64 * SHARES.len() as f64).ln();
    let mut segmenter = Segmenter::new(SHARES.len(), penalty);
    for (index, (_, refused)) in answers.iter().enumerate() {
        segmenter
            .offer(index, |state| if *refused { -SHARES[state].ln() } else { -(1.0 - SHARES[state]).ln() });
    }
    let path = segmenter.path();
    let ends = path.iter().skip(1).map(|stretch| stretch.from).chain([answers.len()]);
    let stretches = path.iter().zip(ends).filter(|(stretch, _)| stretch.state > 0);
    let mut periods: Vec<OverloadPeriod> = Vec::new();
    for (stretch, end) in stretches {
        let earliest = periods.last().map_or(0.0, |before| before.until_hour.estimate);
        periods.extend(period(&answers[stretch.from..end], earliest));
    }
    let explained: u64 = periods.iter().map(|period| period.refused).sum();
    Overloads { periods, alone: refused - explained }
}

/// The period that a stretch of answers tells of, not before `earliest`.
fn period(answers: &[(Time, bool)], earliest: f64) -> Option<OverloadPeriod> {
    let hours = |at: Time| at.as_secs_f64() / 3_600.0;
    let refused = || answers.iter().filter(|(_, refused)| *refused).map(|(at, _)| hours(*at));
    let count = refused().count() as u64;
    let (first, last) = (refused().next()?, refused().next_back()?);
    if count < LEAST {
        return None;
    }
    // As much before the first refusal as between two of them; with 95% less than three times that (e^-3 = 5%).
    let gap = (last - first) / (count - 1) as f64;
    let begin = (first - gap).max(earliest);
    Some(OverloadPeriod {
        from_hour: Interval { estimate: begin, low: (first - 3.0 * gap).max(0.0), high: Some(first) },
        until_hour: Interval { estimate: last + gap, low: last, high: Some(last + 3.0 * gap) },
        refuse: Interval::share(count, answers.len() as u64),
        refused: count,
    })
}
