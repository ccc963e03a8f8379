//! From a log of live calls to a scenario: what the provider allows, with how sure that is.
//!
//! [`calibrate`] fits the provider's model to a [`Log`], [`Calibration::scenario`] writes it as a scenario, and
//! [`Calibration::findings`] says of each parameter what it is, how far off it may be, and what speaks for it. The method is
//! described in `docs/CALIBRATION.md`.

mod demand;
mod events;
mod explain;
mod finding;
mod fit;
mod gauge;
mod interval;
mod latency;
mod limit;
mod overload;
mod rule;
mod segments;
mod softness;
mod toml;
mod untold;
mod wall;

use serde::Serialize;

pub use self::demand::{Demand, DemandProcess, LogNormalModel, RateStep};
pub use self::events::Timing;
pub use self::finding::Finding;
pub use self::interval::Interval;
pub use self::latency::LatencyModel;
pub use self::limit::{Limit, LimitStep};
pub use self::overload::{OverloadPeriod, Overloads};
pub use self::rule::Dimension;

use self::events::Events;
use self::explain::{Verdict, explain, fit_together, told};
use self::gauge::Gauge;
use self::rule::{Rule, Window};
use crate::scenario::WindowKind;
use crate::trace::{Log, LoggedOutcome};

/// What a log tells of the provider and of the callers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// The log's length.
    pub hours: f64,
    /// How its attempts ended.
    pub attempts: Attempts,
    /// How exactly it says when they were sent.
    pub timing: Timing,
    /// How calls and tokens are counted; absent where no limit on either was felt.
    pub window: Option<WindowModel>,
    /// The limits that were felt.
    pub limits: Vec<Limit>,
    /// The highest that was accepted of what was not felt to be limited.
    pub unlimited: Vec<(Dimension, u64)>,
    /// Calls over which a refusal becomes certain; 0 is a hard wall. Absent where no limit was felt.
    pub soft_wall: Option<Interval>,
    /// When the platform was overloaded.
    pub overloads: Overloads,
    /// How long answers take.
    pub latency: Option<LatencyModel>,
    /// Who calls.
    pub demand: Demand,
    /// What the log cannot tell, and what was assumed instead.
    pub untold: Vec<String>,
}

/// Attempts by their outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Attempts {
    /// Served and answered.
    pub success: u64,
    /// Refused for a limit.
    pub refused: u64,
    /// Refused for an overload.
    pub overload: u64,
    /// Served and not answered in time.
    pub timeout: u64,
    /// Failed for another reason.
    pub failed: u64,
}

/// How the provider counts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WindowModel {
    /// `sliding`, `fixed` or `token-bucket`, as in a scenario.
    pub kind: &'static str,
    /// Seconds.
    pub span_s: f64,
    /// Second of the log, modulo the span, at which fixed windows begin.
    pub phase_s: f64,
    /// Whether refused calls use it up; absent where the log does not tell.
    pub counts_refused: Option<bool>,
}

/// Why a log cannot be calibrated on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalibrateError {
    /// Nothing was accepted.
    #[error(
        "found no accepted attempt among {attempts}: nothing says what would have been accepted; use a log that also \
         holds the calls that succeeded"
    )]
    NothingAccepted {
        /// Attempts in the log.
        attempts: u64,
    },
}

/// Limits that the last fit may choose from.
const LIMITS: usize = explain::MANY;

/// Fits the provider's model to `log`.
///
/// # Errors
/// Where nothing was accepted.
pub fn calibrate(log: &Log) -> Result<Calibration, CalibrateError> {
    let attempts = Attempts::of(log);
    if attempts.success + attempts.timeout == 0 {
        return Err(CalibrateError::NothingAccepted { attempts: log.attempts.len() as u64 });
    }
    let events = Events::of(log);
    let hours = hours(log);
    let verdict = explain(&events).filter(|verdict| verdict.best.cost < verdict.by_chance);
    let (limits, soft_wall) = verdict.as_ref().map_or((Vec::new(), None), |verdict| limits(&events, verdict));
    let mut calibration = Calibration {
        hours,
        attempts,
        timing: events.timing,
        window: verdict.as_ref().and_then(window),
        unlimited: unlimited(&events, &limits),
        limits,
        soft_wall,
        overloads: overload::overloads(log),
        latency: latency::latency(log, events.round_trip()),
        demand: demand::demand(log, hours, &events.round_trips),
        untold: Vec::new(),
    };
    calibration.untold = untold::untold(&calibration, log, &events, verdict.as_ref());
    Ok(calibration)
}

impl Attempts {
    fn of(log: &Log) -> Self {
        let mut attempts = Self::default();
        for attempt in &log.attempts {
            *match attempt.outcome {
                LoggedOutcome::Success => &mut attempts.success,
                LoggedOutcome::Refused(_) => &mut attempts.refused,
                LoggedOutcome::Overload => &mut attempts.overload,
                LoggedOutcome::Timeout => &mut attempts.timeout,
                LoggedOutcome::Failed => &mut attempts.failed,
            } += 1;
        }
        attempts
    }
}

/// From the log's origin to its last arrival.
fn hours(log: &Log) -> f64 {
    let last = log.attempts.iter().map(|attempt| attempt.arrival).max().unwrap_or_default();
    last.since(log.origin()).as_secs_f64() / 3_600.0
}

/// The limits of the best explanation, and the softness of their wall.
fn limits(events: &Events, verdict: &Verdict) -> (Vec<Limit>, Option<Interval>) {
    let (softness, softnesses) = softness::softness(events, &verdict.best);
    let whole = events.whole();
    let mut rules = verdict.best.rules.clone();
    // A limit that a sample has felt and the whole log explains by the others is none.
    let fits = loop {
        match fit_together(&whole, &rules, softness.estimate, LIMITS) {
            Some(fits) => break fits,
            None if rules.len() > 1 => drop(rules.pop()),
            None => return (Vec::new(), None),
        }
    };
    let known: Vec<_> = fits.iter().cloned().map(Some).collect();
    let limit = |(index, rule): (usize, &Rule)| {
        let gauge = Gauge::new(*rule, &whole);
        let told = told(&whole, &rules, index, &known);
        let softnesses =
            if rule.dimension == Dimension::Tokens { &[(0.0, 1.0)] } else { softnesses.as_slice() };
        limit::limit(events, &gauge, &told, &fits[index], &softness::walls(softnesses, &fits[index].wall))
    };
    let mut limits: Vec<Limit> = rules.iter().enumerate().map(limit).collect();
    limits.sort_by_key(|limit| limit.dimension);
    let has_soft = rules.iter().any(|rule| rule.dimension != Dimension::Tokens);
    (limits, has_soft.then_some(softness))
}

fn window(verdict: &Verdict) -> Option<WindowModel> {
    let rule = verdict.best.rules.iter().find(|rule| rule.dimension != Dimension::Concurrency)?;
    let Window { kind, span, phase, counts_refused } = rule.window;
    let other = Window { counts_refused: !counts_refused, ..rule.window };
    let cannot_tell = rule.dimension == Dimension::Tokens
        || verdict.rivals.iter().any(|rival| rival.rules.iter().any(|rule| rule.window == other));
    Some(WindowModel {
        kind: match kind {
            WindowKind::Sliding => "sliding",
            WindowKind::Fixed => "fixed",
            WindowKind::TokenBucket => "token-bucket",
        },
        span_s: span.as_secs_f64(),
        phase_s: phase.as_secs_f64(),
        counts_refused: (!cannot_tell).then_some(counts_refused),
    })
}

/// The most that was accepted of what no limit was felt on: in flight, and in a minute.
fn unlimited(events: &Events, limits: &[Limit]) -> Vec<(Dimension, u64)> {
    let whole = events.whole();
    let known = [
        (Dimension::Calls, true),
        (Dimension::Concurrency, events.knows_ends),
        (Dimension::Tokens, events.knows_tokens),
    ];
    let free = |dimension: &Dimension| limits.iter().all(|limit| limit.dimension != *dimension);
    let known = known.into_iter().filter(|(_, known)| *known).map(|(dimension, _)| dimension).filter(free);
    known
        .filter_map(|dimension| {
            let gauge = Gauge::new(Rule { dimension, window: Window::MINUTE }, &whole);
            let accepted = gauge.levels.iter().zip(&events.all).filter(|(_, event)| !event.refused);
            Some((dimension, accepted.map(|(level, _)| *level).max()?))
        })
        .collect()
}
