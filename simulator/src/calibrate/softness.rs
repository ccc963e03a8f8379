//! How soft the wall is, and how sure that is.

use super::events::{Events, Sample};
use super::explain::{Explanation, cost, fit_together};
use super::interval::Interval;
use super::wall::Wall;

/// Events on which softnesses are compared, and from how many parts of the log.
const COMPARED: usize = 60_000;
const PARTS: usize = 4;
/// Limits that a fit may choose from.
const LIMITS: usize = 64;
/// The softnesses that are compared first, relative to the best so far.
const FACTORS: [f64; 9] = [0.4, 0.55, 0.7, 0.85, 1.0, 1.15, 1.4, 1.7, 2.2];
/// Rounds in which the softnesses move closer to the best.
const ROUNDS: usize = 3;
/// As many nats more make a softness too unlikely to count: e^-3.
const UNLIKELY: f64 = 3.0;

/// The softness of an explanation's wall with its interval, and each softness with how likely it is.
pub(super) fn softness(events: &Events, explanation: &Explanation) -> (Interval, Vec<(f64, f64)>) {
    if explanation.softness == 0.0 {
        return (Interval::exactly(0.0), vec![(0.0, 1.0)]);
    }
    let sample = events.sample(PARTS, COMPARED);
    let mut compared: Vec<(f64, f64)> = Vec::new();
    let mut next: Vec<f64> = FACTORS.iter().map(|factor| explanation.softness * factor).collect();
    for _ in 0..ROUNDS {
        compared.extend(next.iter().filter_map(|softness| compare(&sample, explanation, *softness)));
        compared.sort_by(|a, b| a.0.total_cmp(&b.0));
        next = between_likely(&compared);
    }
    let least = least(&compared);
    // A softness stands for those half way to its neighbours.
    let weight = |number: usize| {
        let (softness, cost) = compared[number];
        let before = number.checked_sub(1).map_or(softness, |before| compared[before].0);
        let after = compared.get(number + 1).map_or(softness, |after| after.0);
        (softness, (after - before) / 2.0 * (least - cost).exp())
    };
    let weighted: Vec<(f64, f64)> = (0..compared.len()).map(weight).collect();
    (Interval::of_weights(&weighted).unwrap_or(Interval::exactly(explanation.softness)), weighted)
}

fn compare(sample: &Sample<'_>, explanation: &Explanation, softness: f64) -> Option<(f64, f64)> {
    let fits = fit_together(sample, &explanation.rules, softness, LIMITS)?;
    Some((softness, cost(sample, &explanation.rules, &fits, softness)))
}

fn least(compared: &[(f64, f64)]) -> f64 {
    compared.iter().map(|(_, cost)| *cost).fold(f64::INFINITY, f64::min)
}

/// Softnesses between those that are likely and their neighbours.
fn between_likely(compared: &[(f64, f64)]) -> Vec<f64> {
    let least = least(compared);
    let likely = |(_, cost): &(f64, f64)| *cost < least + UNLIKELY;
    let pairs = compared.windows(2).filter(|pair| pair.iter().any(likely));
    pairs.flat_map(|pair| [0.33, 0.67].map(|share| pair[0].0 + share * (pair[1].0 - pair[0].0))).collect()
}

/// The walls of those softnesses, with what `learned` knows.
pub(super) fn walls(weighted: &[(f64, f64)], learned: &Wall) -> Vec<(Wall, f64)> {
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let likely = weighted.iter().filter(|(_, weight)| *weight > total * 1e-4);
    likely.map(|(softness, weight)| (learned.as_soft_as(*softness), weight / total)).collect()
}
