//! Who calls: when calls arrive, with how many tokens, and over which network.

use limiter_core::{Micros, Time};
use serde::Serialize;

use super::interval::Interval;
use super::latency::{exp, mean_and_spread};
use crate::trace::{Log, Logged, LoggedOutcome};

/// The callers, as far as a log tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Demand {
    /// Calls; retries of one are not counted again.
    pub calls: u64,
    /// When they arrive.
    pub process: DemandProcess,
    /// The variance of the number of calls in ten seconds over its mean: 1 for a Poisson process, more for bursts.
    pub dispersion: f64,
    /// Tokens of a prompt.
    pub input_tokens: Option<LogNormalModel>,
    /// Tokens of an answer.
    pub output_tokens: Option<LogNormalModel>,
    /// Milliseconds from a grant to the provider.
    pub network_ms: Option<LogNormalModel>,
    /// Seconds after which calls were given up.
    pub deadline_s: Option<f64>,
}

/// When calls arrive.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DemandProcess {
    /// A closed loop: each caller makes its next call so long after the last one's end.
    Saturated {
        /// Callers.
        workers: u32,
        /// Seconds.
        think_s: Interval,
    },
    /// Independent calls.
    Poisson {
        /// From which hour on how many an hour.
        steps: Vec<RateStep>,
    },
}

/// From when on calls arrived how often.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateStep {
    /// Hours on the log's clock.
    pub from_hour: f64,
    /// Calls an hour.
    pub calls_per_hour: Interval,
}

/// A log-normal distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LogNormalModel {
    /// Half of the draws are below.
    pub median: Interval,
    /// The spread of the logarithm.
    pub sigma: f64,
}

/// A call: when it arrived, and when its last attempt ended.
#[derive(Clone, Copy, Debug)]
struct Call {
    arrival: Time,
    end: Time,
}

/// The demand of `log`, over so many hours; `round_trips` are what the network took, where refusals show it.
pub(super) fn demand(log: &Log, hours: f64, round_trips: &[Micros]) -> Demand {
    let calls = calls(log);
    let delays_ms = log
        .attempts
        .iter()
        .filter_map(|attempt| Some(attempt.reached?.since(attempt.granted?).as_secs_f64() * 1e3));
    let measured_ms = log_normal(delays_ms);
    // Where the provider's own times are known, ends are the provider's, and the news has its way back still to go.
    let back_s = measured_ms.map_or(0.0, |network| network.median.estimate / 1e3);
    let one_ways_ms = round_trips.iter().map(|round_trip| round_trip.as_secs_f64() / 2.0 * 1e3);
    let network_ms = measured_ms.or_else(|| log_normal(one_ways_ms));
    let process = closed_loop(&calls, back_s).unwrap_or_else(|| poisson(&calls, hours));
    let tokens =
        |of: fn(&Logged) -> Option<u32>| log_normal(log.attempts.iter().filter_map(of).map(f64::from));
    Demand {
        calls: calls.len() as u64,
        process,
        dispersion: dispersion(&calls),
        input_tokens: tokens(|attempt| attempt.input_tokens),
        output_tokens: tokens(|attempt| attempt.output_tokens),
        network_ms,
        deadline_s: deadline(log),
    }
}

/// The calls in the order of their arrival. Attempts of one call share its number, or else its arrival and prompt.
fn calls(log: &Log) -> Vec<Call> {
    let origin = log.origin();
    let mut attempts: Vec<(Time, u64, Time)> = log
        .attempts
        .iter()
        .map(|attempt| {
            let call = attempt.call.unwrap_or_else(|| attempt.input_tokens.map_or(0, u64::from));
            (attempt.arrival, call, attempt.ended().unwrap_or_else(|| attempt.sent()))
        })
        .collect();
    attempts.sort_unstable();
    let call = |attempts: &[(Time, u64, Time)]| Call {
        arrival: Time::ZERO + attempts[0].0.since(origin),
        end: Time::ZERO + attempts[attempts.len() - 1].2.since(origin),
    };
    attempts.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)).map(call).collect()
}

/// A closed loop, where one shows: then a call follows each end after the same pause, and the calls that lie between are
/// as many at any time. Looked at in a few places, because calls that were lost without an attempt are not in the log.
fn closed_loop(calls: &[Call], back_s: f64) -> Option<DemandProcess> {
    const PLACES: usize = 5;
    const RUN: usize = 300;
    if calls.len() < 2 * RUN {
        return None;
    }
    let arrivals: Vec<f64> = calls.iter().map(|call| call.arrival.as_secs_f64()).collect();
    let mut ends: Vec<f64> = calls.iter().map(|call| call.end.as_secs_f64()).collect();
    ends.sort_by(f64::total_cmp);
    let mut pauses: Vec<(f64, f64, usize)> = Vec::new();
    let last = ends.len().checked_sub(2 * RUN)?;
    for place in 0..PLACES {
        pauses.extend(pause(&arrivals, &ends[..], last * place / PLACES, RUN));
    }
    if pauses.len() < PLACES - 1 {
        return None;
    }
    let workers = u32::try_from(pauses[0].2).ok().filter(|workers| *workers > 0)?;
    pauses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (pause_s, spread, _) = pauses[pauses.len() / 2];
    // The end reaches the caller over the network.
    let think = Interval::normal((pause_s - back_s).max(0.0), spread / (RUN as f64).sqrt());
    Some(DemandProcess::Saturated { workers, think_s: Interval { low: think.low.max(0.0), ..think } })
}

/// The pause between an end and the call that follows from it, its spread, and the callers, where the ends from `first`
/// on are followed as in a closed loop.
fn pause(arrivals: &[f64], ends: &[f64], first: usize, run: usize) -> Option<(f64, f64, usize)> {
    /// Calls that other callers make within a pause.
    const MOST_BETWEEN: usize = 400;
    let ends = &ends[first..first + run];
    let next = arrivals.partition_point(|arrival| *arrival < ends[0]);
    let gap = |between: usize| {
        let follow = arrivals.get(next + between..next + between + run)?;
        let mut pauses: Vec<f64> = follow.iter().zip(ends).map(|(arrival, end)| arrival - end).collect();
        let middle = median(&mut pauses);
        let mut apart: Vec<f64> = pauses.iter().map(|pause| (pause - middle).abs()).collect();
        let interval = (follow[run - 1] - follow[0]) / (run - 1) as f64;
        Some((middle, median(&mut apart), interval, between))
    };
    let best = (0..MOST_BETWEEN).map_while(gap).min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (middle, spread, interval, between) = best;
    // With independent calls it is at least half an interval, and mostly many.
    (spread < 0.3 * interval && middle > 0.0).then_some((middle, spread, next + between - first))
}

/// Independent calls, by the hour: neighbouring hours that do not differ by more than chance make one step.
fn poisson(calls: &[Call], hours: f64) -> DemandProcess {
    let bins = (hours.ceil() as usize).max(1);
    let mut counts = vec![0_u64; bins];
    for call in calls {
        let bin = (call.arrival.as_secs_f64() / 3_600.0) as usize;
        counts[bin.min(bins - 1)] += 1;
    }
    let mut merged: Vec<(usize, f64, f64)> = Vec::new();
    for (bin, count) in counts.iter().enumerate() {
        let (count, length) = (*count as f64, (hours - bin as f64).min(1.0));
        match merged.last_mut() {
            Some((_, known, over))
                if (count - *known / *over * length).powi(2)
                    < 9.0 * (1.0 + *known / *over * length) * (1.0 + length / *over) =>
            {
                (*known, *over) = (*known + count, *over + length);
            }
            _ => merged.push((bin, count, length)),
        }
    }
    let step = |(bin, count, length): (usize, f64, f64)| {
        let rate = Interval::normal(count / length, count.max(1.0).sqrt() / length);
        RateStep { from_hour: bin as f64, calls_per_hour: Interval { low: rate.low.max(0.0), ..rate } }
    };
    DemandProcess::Poisson { steps: merged.into_iter().map(step).collect() }
}

fn dispersion(calls: &[Call]) -> f64 {
    const BIN_S: f64 = 10.0;
    let Some(last) = calls.last() else { return 1.0 };
    let bin = |call: &Call| (call.arrival.as_secs_f64() / BIN_S) as u64;
    let bins = bin(last) + 1;
    let squares: f64 =
        calls.chunk_by(|one, other| bin(one) == bin(other)).map(|calls| (calls.len() as f64).powi(2)).sum();
    let mean = calls.len() as f64 / bins as f64;
    (squares / bins as f64 - mean * mean) / mean
}

/// Calls that were given up, were so at their deadline.
fn deadline(log: &Log) -> Option<f64> {
    let timeouts = log.attempts.iter().filter(|attempt| attempt.outcome == LoggedOutcome::Timeout);
    let mut after: Vec<f64> =
        timeouts.filter_map(|attempt| Some(attempt.finished?.since(attempt.arrival).as_secs_f64())).collect();
    (!after.is_empty()).then(|| median(&mut after)).filter(|deadline| *deadline > 0.0)
}

fn log_normal(values: impl Iterator<Item = f64>) -> Option<LogNormalModel> {
    // What is 0 has no logarithm: an answer without a token was none.
    let logs: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::ln).collect();
    if logs.is_empty() {
        return None;
    }
    let (mean, sigma) = mean_and_spread(logs.iter().copied());
    let median = exp(Interval::normal(mean, sigma / (logs.len() as f64).sqrt()));
    Some(LogNormalModel { median, sigma })
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}
