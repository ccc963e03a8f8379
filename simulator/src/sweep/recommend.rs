//! Which point is recommended.

use serde::{Deserialize, Serialize};

use crate::sweep::Measured;

/// Goodput that is less by no more than this share is as good: a call in a thousand does not decide.
pub const TIE: f64 = 0.001;

/// The point that is recommended, and what it was chosen from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommendation {
    /// Its place among the points, from 0.
    pub point: usize,
    /// Points that keep the budget: the upper end of their refusals' 95% interval lies below it. Where there is none,
    /// the point is the one with the fewest refusals.
    pub within_budget: usize,
    /// Points among these whose goodput is within a thousandth of the highest.
    pub tied: usize,
}

/// Of the points that keep the budget, the one with the highest goodput; of those within [`TIE`] of it, the one with
/// the smallest added wait (p95, then p50, to a hundredth of a second), then the fewest refusals, then the first.
///
/// Where none keeps the budget, the one with the fewest refusals, then the highest goodput, then the smallest wait.
/// `None` without a point, or without a call.
pub fn recommend(points: &[&Measured], budget: f64) -> Option<Recommendation> {
    if points.iter().all(|point| point.summary.calls == 0) {
        return None;
    }
    let kept: Vec<usize> = (0..points.len()).filter(|&index| points[index].is_within(budget)).collect();
    let goodput = |index: usize| points[index].summary.goodput_per_minute.mean;
    let hits = |index: usize| points[index].summary.hits_per_hour.mean;
    let by_wait = |one: usize, other: usize| {
        let ([p50, p95], [other_p50, other_p95]) = (points[one].noticed_wait(), points[other].noticed_wait());
        p95.total_cmp(&other_p95).then(p50.total_cmp(&other_p50))
    };
    if kept.is_empty() {
        // `min_by` takes the first of equal ones.
        let point = (0..points.len()).min_by(|&one, &other| {
            let by_hits = hits(one).total_cmp(&hits(other));
            by_hits.then(goodput(other).total_cmp(&goodput(one))).then_with(|| by_wait(one, other))
        })?;
        return Some(Recommendation { point, within_budget: 0, tied: 0 });
    }
    let highest = kept.iter().map(|&index| goodput(index)).fold(0.0, f64::max);
    let tied: Vec<usize> =
        kept.iter().copied().filter(|&index| goodput(index) >= highest * (1.0 - TIE)).collect();
    let point = tied
        .iter()
        .copied()
        .min_by(|&one, &other| by_wait(one, other).then(hits(one).total_cmp(&hits(other))))?;
    Some(Recommendation { point, within_budget: kept.len(), tied: tied.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::testing::measured;

    /// Points by hits an hour (with an interval of 0.1 to both sides), goodput and wait, under a budget of 1.
    fn chosen(points: &[(f64, f64, f64)]) -> (usize, usize, usize) {
        let points: Vec<_> =
            points.iter().map(|(hits, goodput, wait)| measured(*hits, *goodput, *wait)).collect();
        let Recommendation { point, within_budget, tied } =
            recommend(&points.iter().collect::<Vec<_>>(), 1.0).unwrap();
        (point, within_budget, tied)
    }

    #[test]
    fn the_highest_goodput_within_the_budget() {
        assert_eq!(chosen(&[(0.2, 50.0, 1.0), (0.8, 55.0, 9.0), (0.95, 60.0, 1.0)]), (1, 2, 1));
    }

    #[test]
    fn of_equal_goodput_the_smallest_wait_then_the_fewest_refusals_then_the_first() {
        assert_eq!(chosen(&[(0.1, 60.0, 2.0), (0.5, 59.95, 1.0), (0.0, 59.9, 0.5)]), (1, 3, 2));
        assert_eq!(chosen(&[(0.2, 60.0, 1.0), (0.1, 60.0, 1.004), (0.1, 60.0, 1.0)]), (1, 3, 3));
    }

    #[test]
    fn where_none_qualifies_the_fewest_refusals() {
        assert_eq!(chosen(&[(3.0, 60.0, 1.0), (2.0, 40.0, 1.0), (2.0, 50.0, 1.0)]), (2, 0, 0));
        assert_eq!(recommend(&[], 1.0), None);
    }

    #[test]
    fn where_nobody_calls_nothing_is_recommended() {
        let mut idle = measured(0.0, 0.0, 0.0);
        idle.summary.calls = 0;
        assert_eq!(recommend(&[&idle], 1.0), None);
    }

    #[test]
    fn without_an_interval_nothing_is_proven() {
        let mut idle = measured(0.0, 10.0, 0.0);
        idle.summary.hits_per_hour.ci95 = None;
        assert_eq!(recommend(&[&idle], 1.0).unwrap().within_budget, 0);
    }
}
