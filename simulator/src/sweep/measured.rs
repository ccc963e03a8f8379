//! What became of one point.

use serde::{Deserialize, Serialize};

use crate::results::{ControllerSummary, Estimate};
use crate::statistics::from_blocks;
use crate::summarise::controller;
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

    /// How many more refusals an hour, and how much more goodput a minute, than `other`: replication by
    /// replication, as both have seen the same world.
    pub fn less(&self, other: &Self) -> (Estimate, Estimate) {
        let apart = |count: fn(&Counts) -> u64, scale: f64| {
            let pairs = self.replications.iter().zip(&other.replications);
            let apart: Vec<_> = pairs
                .map(|(one, two)| (count(one) as f64 - count(two) as f64) / self.hours * scale)
                .collect();
            from_blocks(apart.iter().sum::<f64>() / apart.len() as f64, &apart)
        };
        (apart(|counts| counts.hits, 1.0), apart(|counts| counts.successes, 1.0 / 60.0))
    }
}
