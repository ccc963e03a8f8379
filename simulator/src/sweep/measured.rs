//! What became of one point.

use serde::{Deserialize, Serialize};

use crate::results::ControllerSummary;
use crate::statistics::from_blocks;
use crate::summarise::controller;
use crate::sweep::Versus;
use crate::tally::Run;
use crate::{Contender, Hour};

/// What became of one point, over all replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What it amounts to; without a comparison with the oracle.
    pub summary: ControllerSummary,
    /// The hours of each replication that the statistics cover.
    pub hours: f64,
    /// One after the other, so that points can be compared pair by pair.
    pub replications: Vec<Counts>,
}

/// One replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Attempts answered with 1302 or 1303.
    pub hits: u64,
    /// Calls that ended well.
    pub successes: u64,
}

impl Measured {
    pub(crate) fn of(contender: Contender, runs: &[Run]) -> Self {
        let sum = |run: &Run, count: fn(&Hour) -> u64| run.hours.iter().map(count).sum();
        let counts =
            |run| Counts { hits: sum(run, |hour| hour.hits), successes: sum(run, |hour| hour.successes) };
        Self {
            summary: controller(contender, runs, None),
            hours: runs.first().map_or(0.0, |run| run.measured_hours),
            replications: runs.iter().map(counts).collect(),
        }
    }

    /// The added wait (p50, p95) in hundredths of a second: nobody notices less.
    pub(crate) fn noticed_wait(&self) -> [f64; 2] {
        let wait = self.summary.added_wait_s;
        [wait.p50, wait.p95].map(|seconds| (seconds * 100.0).round())
    }

    /// Calls that ended well, over all replications.
    pub fn successes(&self) -> u64 {
        self.replications.iter().map(|counts| counts.successes).sum()
    }

    /// Whether fewer refusals an hour than `budget` are as good as proven: the upper end of the 95% interval lies
    /// below it. Never, where there is too little for an interval.
    pub fn is_within(&self, budget: f64) -> bool {
        self.summary.hits_per_hour.ci95.is_some_and(|[_, high]| high < budget)
    }

    /// What it amounts to, with its goodput over the oracle's on the same calls, and the interval of that from the ratios
    /// of the replications.
    pub fn beside(&self, oracle: &Self) -> ControllerSummary {
        let successes = Some(oracle.successes()).filter(|successes| *successes > 0);
        let goodput_vs_oracle = successes.map(|successes| self.successes() as f64 / successes as f64);
        let pairs =
            self.replications.iter().zip(&oracle.replications).filter(|(_, oracle)| oracle.successes > 0);
        let ratios: Vec<_> =
            pairs.map(|(own, oracle)| own.successes as f64 / oracle.successes as f64).collect();
        let interval = goodput_vs_oracle.and_then(|ratio| from_blocks(ratio, &ratios).ci95);
        ControllerSummary {
            goodput_vs_oracle,
            goodput_vs_oracle_ci95: interval.map(|[low, high]| [low.max(0.0), high]),
            ..self.summary.clone()
        }
    }

    /// This point less another: replication by replication, as both have seen the same world.
    pub fn less(&self, other: &Self) -> Versus {
        let apart = |count: fn(&Counts) -> u64, scale: f64| {
            let pairs = self.replications.iter().zip(&other.replications);
            let apart: Vec<_> = pairs
                .map(|(one, two)| (count(one) as f64 - count(two) as f64) / self.hours * scale)
                .collect();
            from_blocks(apart.iter().sum::<f64>() / apart.len() as f64, &apart)
        };
        Versus {
            hits_per_hour: apart(|counts| counts.hits, 1.0),
            goodput_per_minute: apart(|counts| counts.successes, 1.0 / 60.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::testing::measured;

    fn counted(hits: [u64; 2], successes: [u64; 2]) -> Measured {
        let counts = |index: usize| Counts { hits: hits[index], successes: successes[index] };
        Measured { hours: 2.0, replications: vec![counts(0), counts(1)], ..measured(0.0, 0.0, 0.0) }
    }

    #[test]
    fn points_are_compared_replication_by_replication() {
        let (one, other) = (counted([4, 8], [120, 240]), counted([2, 6], [60, 60]));
        let less = one.less(&other);
        // Both differences are 2 in 2 hours, so there is no spread.
        assert_eq!((less.hits_per_hour.mean, less.hits_per_hour.ci95), (1.0, Some([1.0, 1.0])));
        // 60 and 180 in two hours: 0.5 and 1.5 a minute.
        assert_eq!(less.goodput_per_minute.mean, 1.0);
        assert!(less.goodput_per_minute.ci95.is_some_and(|[low, high]| low < 0.5 && high > 1.5));
        let beside = one.beside(&other);
        assert_eq!(beside.goodput_vs_oracle, Some(3.0));
        assert!(beside.goodput_vs_oracle_ci95.is_some_and(|[low, high]| low < 2.0 && high > 4.0));
        assert_eq!(one.beside(&counted([0, 0], [0, 0])).goodput_vs_oracle, None);
    }

    #[test]
    fn a_budget_is_kept_where_the_interval_lies_below_it() {
        let point = measured(0.8, 1.0, 1.0);
        assert!(point.is_within(0.95) && !point.is_within(0.85) && !point.is_within(0.9));
    }
}
