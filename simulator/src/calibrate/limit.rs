//! The limits that a fit found, with how far off they may be.
//!
//! Within a stretch of one limit, the limit's posterior under a flat prior is its likelihood: with a hard wall it is even
//! from the highest count that was accepted to the lowest that was refused. When it changed is as likely at any moment
//! between two events as the events make it.

use std::ops::Range;

use serde::Serialize;

use super::events::Events;
use super::fit::Fit;
use super::gauge::{Gauge, Step, Told};
use super::interval::Interval;
use super::rule::Dimension;
use super::wall::Wall;

/// A limit over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// What it is on.
    pub dimension: Dimension,
    /// The first from hour 0 on.
    pub steps: Vec<LimitStep>,
}

/// From when on a limit was what.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LimitStep {
    /// Hours on the log's clock.
    pub from_hour: Interval,
    /// Calls or tokens in a window, or calls in flight.
    pub limit: Interval,
    /// Refusals for this limit that it is learned from.
    pub refusals: u64,
    /// Refusals within it that this limit does not explain, nor another.
    pub unexplained: u64,
    /// Accepted attempts that were over it.
    pub accepted_over: u64,
}

/// Points at which a posterior is looked at, at a time.
const POINTS: f64 = 240.0;
/// What costs so much more than the best is not looked at: e^-12.
const UNLIKELY: f64 = 12.0;
/// Events on either side of a change that say when it was.
const AROUND: usize = 20_000;

/// The limit of `fit` with its intervals; `walls` are the walls that it may have, and how likely each is.
pub(super) fn limit(
    events: &Events,
    gauge: &Gauge<'_>,
    told: &[Told],
    fit: &Fit,
    walls: &[(Wall, f64)],
) -> Limit {
    let ends = fit.steps.iter().skip(1).map(|step| step.from).chain([told.len()]);
    let stretches: Vec<Range<usize>> = fit.steps.iter().zip(ends).map(|(step, end)| step.from..end).collect();
    let mut steps: Vec<LimitStep> = Vec::new();
    for (number, stretch) in stretches.iter().enumerate() {
        let limit = within(gauge, told, stretch, walls);
        let from_hour = match number.checked_sub(1) {
            None => Interval::exactly(0.0),
            Some(before) => {
                let around = stretches[before].start.max(stretch.start.saturating_sub(AROUND))
                    ..stretch.end.min(stretch.start + AROUND);
                changed(events, gauge, told, &around, [fit.steps[before], fit.steps[number]], &fit.wall)
            }
        };
        let mut step = LimitStep { from_hour, limit, refusals: 0, unexplained: 0, accepted_over: 0 };
        for index in stretch.clone() {
            let over = fit.excess[index] > 0.0;
            step.refusals += u64::from(told[index] == Told::Refused && over);
            step.unexplained += u64::from(told[index] == Told::Refused && !over);
            step.accepted_over += u64::from(told[index] == Told::Accepted && over);
        }
        steps.push(step);
    }
    Limit { dimension: gauge.rule.dimension, steps }
}

/// The limit in one stretch.
fn within(gauge: &Gauge<'_>, told: &[Told], stretch: &Range<usize>, walls: &[(Wall, f64)]) -> Interval {
    let highest = |what: Told| {
        let levels = stretch.clone().filter(|index| told[*index] == what).map(|index| gauge.levels[index]);
        levels.max().unwrap_or_default() as f64
    };
    let (accepted, refused) = (highest(Told::Accepted), highest(Told::Refused));
    let (mut low, mut high) = (1.0_f64, refused.max(accepted).max(1.0));
    let mut before = f64::INFINITY;
    // Ends, because each round looks more closely than the one before.
    loop {
        let apart = ((high - low) / POINTS).ceil().max(1.0);
        let points: Vec<f64> =
            (0..).map(|number| low + f64::from(number) * apart).take_while(|at| *at < high + apart).collect();
        let costs = costs(gauge, told, stretch, walls, &points);
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let likely = || {
            points.iter().zip(&costs).filter(|(_, cost)| **cost < least + UNLIKELY).map(|(point, _)| *point)
        };
        if apart == 1.0 || apart >= before {
            let weighted: Vec<_> =
                points.iter().zip(&costs).map(|(point, cost)| (*point, (least - cost).exp())).collect();
            let interval = Interval::of_weights(&weighted);
            // Without a refusal of its own, any higher limit is as likely.
            let bounded = costs.last().is_some_and(|last| *last > least + 3.0);
            let lower = weighted.iter().find(|(_, weight)| *weight > 0.05).map_or(low, |(point, _)| *point);
            return interval.filter(|_| bounded).unwrap_or_else(|| Interval::at_least(lower));
        }
        let (first, last) = (likely().fold(high, f64::min), likely().fold(low, f64::max));
        before = apart;
        (low, high) = ((first - apart).max(1.0), last + apart);
    }
}

/// What the stretch costs under each limit, with each wall as likely as it is.
fn costs(
    gauge: &Gauge<'_>,
    told: &[Told],
    stretch: &Range<usize>,
    walls: &[(Wall, f64)],
    limits: &[f64],
) -> Vec<f64> {
    let mut of_walls = vec![vec![0.0; limits.len()]; walls.len()];
    gauge.walk_within(stretch, told, limits, |index, excess| {
        let refused = told[index] == Told::Refused;
        for ((wall, _), costs) in walls.iter().zip(&mut of_walls) {
            for (cost, excess) in costs.iter_mut().zip(excess) {
                *cost += wall.cost(*excess, refused);
            }
        }
    });
    let least = of_walls.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let mixed = |limit: usize| {
        let likely: f64 = walls
            .iter()
            .zip(&of_walls)
            .map(|((_, weight), costs)| weight * (least - costs[limit]).exp())
            .sum();
        least - likely.max(f64::MIN_POSITIVE).ln()
    };
    (0..limits.len()).map(mixed).collect()
}

/// When, within the events `around`, one limit took the other's place.
fn changed(
    events: &Events,
    gauge: &Gauge<'_>,
    told: &[Told],
    around: &Range<usize>,
    [before, after]: [Step; 2],
    wall: &Wall,
) -> Interval {
    let fallback = events.all[after.from].at.as_secs_f64() / 3_600.0;
    let falls = after.limit < before.limit;
    let limits = if falls { [after.limit, before.limit] } else { [before.limit, after.limit] };
    // For each event that tells the limits apart: when, and what a change after it costs more than one before it.
    let mut telling: Vec<(f64, f64)> = Vec::new();
    gauge.walk_within(around, told, &limits, |index, excess| {
        let refused = told[index] == Told::Refused;
        let [lower, higher] = [excess[0], excess[1]].map(|excess| wall.cost(excess, refused));
        if lower != higher {
            let more = if falls { higher - lower } else { lower - higher };
            telling.push((events.all[index].at.as_secs_f64() / 3_600.0, more));
        }
    });
    let (Some(first), Some(last)) = (telling.first(), telling.last()) else {
        return Interval::exactly(fallback);
    };
    let ends = [events.all[around.start].at.as_secs_f64() / 3_600.0, last.0];
    // A change lies between two telling events, as likely at any moment.
    let mut gaps: Vec<(f64, f64, f64)> = vec![(ends[0].min(first.0), first.0, 0.0)];
    let mut cost = 0.0;
    for (number, (at, more)) in telling.iter().enumerate() {
        cost += more;
        gaps.push((*at, telling.get(number + 1).map_or(ends[1], |next| next.0), cost));
    }
    let least = gaps.iter().map(|gap| gap.2).fold(f64::INFINITY, f64::min);
    let weighted: Vec<_> = gaps
        .iter()
        .map(|(from, to, cost)| (*from, *to, (to - from).max(1e-9) * (least - cost).exp()))
        .collect();
    let total: f64 = weighted.iter().map(|gap| gap.2).sum();
    let quantile = |share: f64| {
        let mut below = 0.0;
        for (from, to, weight) in &weighted {
            if below + weight >= share * total {
                return from + (to - from) * ((share * total - below) / weight);
            }
            below += weight;
        }
        fallback
    };
    Interval { estimate: quantile(0.5), low: quantile(0.025), high: Some(quantile(0.975)) }
}
