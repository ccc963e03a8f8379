//! The difference of two controllers in one scenario, whichever way round it was written.

use simulator::results::{ControllerSummary, Estimate, PairedDifference, ScenarioSummary};

use crate::meaning::subject;

/// The controllers that a user would run: what is compared with all others.
const OURS: [&str; 2] = ["predictive", "aimd"];

/// `ours` less `other`, replication by replication.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paired<'a> {
    pub ours: &'a ControllerSummary,
    pub other: &'a ControllerSummary,
    /// Hits an hour.
    pub hits: Estimate,
    /// Goodput a minute.
    pub goodput: Estimate,
}

impl<'a> Paired<'a> {
    /// The difference of two controllers; `None` where the scenario has none.
    pub(crate) fn of(
        scenario: &ScenarioSummary,
        ours: &'a ControllerSummary,
        other: &'a ControllerSummary,
    ) -> Option<Self> {
        let is = |difference: &&PairedDifference, controller: &str, baseline: &str| {
            difference.controller == controller && difference.baseline == baseline
        };
        let mut all = scenario.differences.iter();
        if let Some(found) = all.clone().find(|difference| is(difference, &ours.name, &other.name)) {
            return Some(Self { ours, other, hits: found.hits_per_hour, goodput: found.goodput_per_minute });
        }
        let found = all.find(|difference| is(difference, &other.name, &ours.name))?;
        let (hits, goodput) = (reversed(&found.hits_per_hour), reversed(&found.goodput_per_minute));
        Some(Self { ours, other, hits, goodput })
    }

    /// Ours against every other, one of ours after the other; two of ours are compared once.
    pub(crate) fn all(scenario: &'a ScenarioSummary) -> Vec<Self> {
        let named = |name: &str| scenario.controllers.iter().find(|controller| controller.name == name);
        let mut ours: Vec<_> = OURS.into_iter().filter_map(named).collect();
        if ours.is_empty() {
            ours.extend(subject(scenario));
        }
        let mut all = Vec::new();
        for (place, own) in ours.iter().enumerate() {
            let known = |other: &&ControllerSummary| {
                other.name != own.name && ours[..place].iter().all(|before| before.name != other.name)
            };
            let others = scenario.controllers.iter().filter(known);
            all.extend(others.filter_map(|other| Self::of(scenario, own, other)));
        }
        all
    }
}

/// Whether an interval leaves no doubt about a difference's sign; `None` without an interval.
pub(crate) fn is_clear(difference: &Estimate) -> Option<bool> {
    difference.ci95.map(|[low, high]| low > 0.0 || high < 0.0)
}

fn reversed(estimate: &Estimate) -> Estimate {
    // Not `-0.0`, which would read as less than nothing.
    let less = |value: f64| 0.0 - value;
    Estimate { mean: less(estimate.mean), ci95: estimate.ci95.map(|[low, high]| [less(high), less(low)]) }
}
