//! From runs to what they amount to.

use hdrhistogram::Histogram;
use limiter_core::Micros;

use crate::contender::Contender;
use crate::results::{
    Adjustments, ControllerSummary, Estimate, PairedDifference, ScenarioSummary, Timeline, WaitCurve,
    WaitPoint, WaitSummary,
};
use crate::scenario::Scenario;
use crate::statistics::{LEAST_BLOCKS, from_blocks, from_clustered, from_count, from_shares};
use crate::tally::{Hour, Run};

/// Points of a wait curve are at least this share of the calls apart.
const CURVE_STEP: f64 = 0.002;

/// The runs of one contender, one a replication.
pub type Field = (Contender, Vec<Run>);

/// One scenario's part of the results. Every contender must have as many runs as the others.
pub fn summarise(scenario: &Scenario, field: &[Field]) -> (ScenarioSummary, Vec<Timeline>, Vec<WaitCurve>) {
    let oracle = field.iter().find(|(contender, _)| *contender == Contender::Oracle);
    let oracle = oracle.map(|(_, runs)| runs.as_slice());
    let summary = ScenarioSummary {
        name: scenario.name.clone(),
        hours: scenario.horizon.as_secs_f64() / 3_600.0,
        warmup_hours: scenario.warmup.as_secs_f64() / 3_600.0,
        controllers: field.iter().map(|(contender, runs)| controller(*contender, runs, oracle)).collect(),
        differences: differences(field),
    };
    let timelines = field.iter().flat_map(|(contender, runs)| {
        (0_u32..).zip(runs).map(|(replication, run)| Timeline {
            scenario: scenario.name.clone(),
            controller: contender.name().to_owned(),
            replication,
            minutes: run.minutes.clone(),
        })
    });
    let waits = field.iter().map(|(contender, runs)| WaitCurve {
        scenario: scenario.name.clone(),
        controller: contender.name().to_owned(),
        points: curve(runs),
    });
    (summary, timelines.collect(), waits.collect())
}

/// What each controller did in its first replication, where it did anything.
pub fn adjustments(scenario: &Scenario, field: &[Field]) -> Vec<Adjustments> {
    let first = field.iter().filter_map(|(contender, runs)| Some((contender, runs.first()?)));
    first
        .filter(|(_, run)| !run.changes.is_empty())
        .map(|(contender, run)| Adjustments {
            scenario: scenario.name.clone(),
            controller: contender.name().to_owned(),
            replication: 0,
            changes: run.changes.clone(),
        })
        .collect()
}

/// One contender's part; compared with the oracle, where its runs are given.
pub fn controller(contender: Contender, runs: &[Run], oracle: Option<&[Run]>) -> ControllerSummary {
    let sum = total(runs);
    let oracle_successes = oracle.map(|runs| total(runs).successes).filter(|successes| *successes > 0);
    let of_oracle = oracle_successes.map(|successes| sum.successes as f64 / successes as f64);
    let hours: f64 = runs.iter().map(|run| run.measured_hours).sum();
    let blocks = Blocks::of(runs);
    let minutes = hours * 60.0;
    let utilisation: Option<f64> = runs.iter().map(|run| run.utilisation).sum();
    ControllerSummary {
        name: contender.name().to_owned(),
        replications: u32::try_from(runs.len()).unwrap_or(u32::MAX),
        calls: sum.calls,
        attempts: sum.attempts,
        hits: sum.hits,
        overloads: sum.overloads,
        lost: sum.lost,
        hits_per_hour: from_clustered(sum.hits, hours, &blocks.rates(|hour| hour.hits)),
        episodes_per_hour: from_count(sum.episodes, hours),
        success_rate: (sum.calls > 0).then(|| sum.successes as f64 / sum.calls as f64),
        success_rate_ci95: from_shares(sum.calls - sum.successes, sum.calls, &blocks.success_shares()),
        goodput_per_minute: per_minute(sum.successes as f64 / minutes, &blocks.rates(|hour| hour.successes)),
        goodput_vs_oracle: of_oracle,
        goodput_vs_oracle_ci95: of_oracle
            .zip(oracle)
            .and_then(|(ratio, runs)| ratio_interval(ratio, &blocks, &Blocks::of(runs))),
        added_wait_s: waits(runs),
        utilisation: utilisation.map(|sum| sum / runs.len() as f64),
        highest_limit_calls: runs.iter().filter_map(|run| run.highest_limit_calls).max(),
        highest_in_flight: runs.iter().map(|run| run.highest_in_flight).max().unwrap_or(0),
    }
}

/// Every pair, replication by replication: both have seen the same world.
fn differences(field: &[Field]) -> Vec<PairedDifference> {
    let pairs = field
        .iter()
        .enumerate()
        .flat_map(|(place, later)| field[..place].iter().map(move |earlier| (later, earlier)));
    pairs
        .map(|((contender, runs), (baseline, theirs))| PairedDifference {
            controller: contender.name().to_owned(),
            baseline: baseline.name().to_owned(),
            hits_per_hour: paired(runs, theirs, |hour| hour.hits, 1.0),
            goodput_per_minute: paired(runs, theirs, |hour| hour.successes, 1.0 / 60.0),
        })
        .collect()
}

/// The mean difference of a rate an hour, in the unit that has so many `units` of it.
fn paired(ours: &[Run], theirs: &[Run], count: fn(&Hour) -> u64, units: f64) -> Estimate {
    let rate = |run: &Run| run.hours.iter().map(|hour| count(hour) as f64).sum::<f64>() / run.measured_hours;
    let apart: Vec<_> =
        ours.iter().zip(theirs).map(|(ours, theirs)| (rate(ours) - rate(theirs)) * units).collect();
    from_blocks(apart.iter().sum::<f64>() / apart.len() as f64, &apart)
}

/// The interval of a ratio of successes, from the ratio in each block; blocks in which the oracle had none say nothing.
fn ratio_interval(ratio: f64, ours: &Blocks, oracles: &Blocks) -> Option<[f64; 2]> {
    let pairs = ours.blocks.iter().zip(&oracles.blocks).filter(|(_, oracle)| oracle.successes > 0);
    let ratios: Vec<_> = pairs.map(|(own, oracle)| own.successes as f64 / oracle.successes as f64).collect();
    from_blocks(ratio, &ratios).ci95.map(|[low, high]| [low.max(0.0), high])
}

fn total(runs: &[Run]) -> Hour {
    sum(runs.iter().flat_map(|run| &run.hours))
}

fn sum<'a>(hours: impl IntoIterator<Item = &'a Hour>) -> Hour {
    hours.into_iter().fold(Hour::default(), |sum, hour| Hour {
        calls: sum.calls + hour.calls,
        successes: sum.successes + hour.successes,
        lost: sum.lost + hour.lost,
        attempts: sum.attempts + hour.attempts,
        hits: sum.hits + hour.hits,
        overloads: sum.overloads + hour.overloads,
        episodes: sum.episodes + hour.episodes,
    })
}

/// Blocks of equal length that are taken as independent of each other.
struct Blocks {
    blocks: Vec<Hour>,
    hours: f64,
}

impl Blocks {
    /// Replications; where they are few, days; where those are few too, hours.
    fn of(runs: &[Run]) -> Self {
        let measured = runs.first().map_or(1.0, |run| run.measured_hours);
        if runs.len() >= LEAST_BLOCKS {
            return Self { blocks: runs.iter().map(|run| sum(&run.hours)).collect(), hours: measured };
        }
        let days = Self::cut(runs, 24);
        if days.blocks.len() >= LEAST_BLOCKS { days } else { Self::cut(runs, 1) }
    }

    /// Whole blocks of that many hours; the remainder of a run is left out.
    fn cut(runs: &[Run], hours: usize) -> Self {
        let whole = |run: &Run| run.measured_hours.floor() as usize;
        let blocks = runs.iter().flat_map(|run| run.hours[..whole(run)].chunks_exact(hours).map(sum));
        Self { blocks: blocks.collect(), hours: hours as f64 }
    }

    fn rates(&self, count: fn(&Hour) -> u64) -> Vec<f64> {
        self.blocks.iter().map(|block| count(block) as f64 / self.hours).collect()
    }

    fn success_shares(&self) -> Vec<f64> {
        let with_calls = self.blocks.iter().filter(|block| block.calls > 0);
        with_calls.map(|block| block.successes as f64 / block.calls as f64).collect()
    }
}

fn per_minute(mean: f64, an_hour: &[f64]) -> Estimate {
    let blocks: Vec<_> = an_hour.iter().map(|rate| rate / 60.0).collect();
    let Estimate { mean, ci95 } = from_blocks(mean, &blocks);
    Estimate { mean, ci95: ci95.map(|[low, high]| [low.max(0.0), high]) }
}

fn merged(runs: &[Run]) -> Option<Histogram<u64>> {
    let (first, others) = runs.split_first()?;
    let mut all = first.waits.clone();
    for run in others {
        // All have the same bounds, so this cannot fail; were it to, the curve would miss a run.
        all.add(&run.waits).ok()?;
    }
    Some(all)
}

fn waits(runs: &[Run]) -> WaitSummary {
    let Some(all) = merged(runs) else { return WaitSummary::default() };
    let longest = runs.iter().map(|run| run.longest_wait).max().unwrap_or(Micros::ZERO);
    let quantile = |share| (all.value_at_quantile(share) as f64 / 1e6).min(longest.as_secs_f64());
    WaitSummary { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max: longest.as_secs_f64() }
}

fn curve(runs: &[Run]) -> Vec<WaitPoint> {
    let Some(all) = merged(runs) else { return Vec::new() };
    let mut points: Vec<WaitPoint> = Vec::new();
    let mut below = 0;
    for value in all.iter_recorded() {
        below += value.count_since_last_iteration();
        let share = below as f64 / all.len() as f64;
        if below == all.len() || points.last().is_none_or(|last| share >= last.share + CURVE_STEP) {
            points.push(WaitPoint { share, wait_s: value.value_iterated_to() as f64 / 1e6 });
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(successes: &[u64]) -> Blocks {
        let hour = |successes: &u64| Hour { successes: *successes, ..Hour::default() };
        Blocks { blocks: successes.iter().map(hour).collect(), hours: 1.0 }
    }

    /// Student's own numbers: the ratios 1 to 5 have the interval 3 ± 2.776 sqrt(2.5 / 5).
    #[test]
    fn a_ratio_is_as_sure_as_it_is_alike_in_all_blocks() {
        let ours = blocks(&[10, 40, 7, 90, 160, 250]);
        let oracles = blocks(&[10, 20, 0, 30, 40, 50]);
        let [low, high] = ratio_interval(3.0, &ours, &oracles).unwrap();
        assert!((low - 1.037).abs() < 1e-3 && (high - 4.963).abs() < 1e-3, "{low} to {high}");
        assert_eq!(ratio_interval(1.0, &oracles, &oracles), Some([1.0, 1.0]));
        assert_eq!(ratio_interval(1.0, &blocks(&[5]), &blocks(&[5])), None);
    }
}
