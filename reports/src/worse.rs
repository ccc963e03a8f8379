//! Where a limiter did worse than none at all.

use simulator::results::{ControllerSummary, Estimate, ScenarioSummary};

use crate::meaning::{ORACLE, unlimited};
use crate::paired::{Paired, is_clear};
use crate::text;

/// Less than this share of a mean is not worth a word, however sure it is.
const SLIGHT: f64 = 0.01;
/// The same for what no interval vouches for.
const UNSURE: f64 = 0.1;

/// A sentence that names every limiter that had more refusals or less goodput than none, as far as the runs can
/// tell; empty where there is none.
pub(crate) fn worse_than_none(scenario: &ScenarioSummary) -> String {
    let Some(none) = unlimited(scenario) else { return String::new() };
    let limiters = scenario.controllers.iter().filter(|one| one.name != none.name && one.name != ORACLE);
    let told: Vec<_> = limiters.filter_map(|limiter| worse(scenario, limiter, none)).collect();
    match told.as_slice() {
        [] => String::new(),
        told => format!(" Worse than no limiter: {}.", told.join("; ")),
    }
}

fn worse(
    scenario: &ScenarioSummary,
    limiter: &ControllerSummary,
    none: &ControllerSummary,
) -> Option<String> {
    let paired = Paired::of(scenario, limiter, none)?;
    let against = |what: &str, own: &Estimate, theirs: &Estimate| {
        format!("{} {what} against {}", text::rate(own.mean), text::rate(theirs.mean))
    };
    let more_hits = is_more(&paired.hits, none.hits_per_hour.mean, 1.0)
        .then(|| against("refusals an hour", &limiter.hits_per_hour, &none.hits_per_hour));
    let less_goodput = is_more(&paired.goodput, none.goodput_per_minute.mean, -1.0)
        .then(|| against("goodput a minute", &limiter.goodput_per_minute, &none.goodput_per_minute));
    let both: Vec<_> = more_hits.into_iter().chain(less_goodput).collect();
    (!both.is_empty()).then(|| format!("{}, {}", limiter.name, both.join(" and ")))
}

/// Whether a difference is on that side of zero, sure, and worth a word beside what it is a difference to.
fn is_more(difference: &Estimate, to: f64, side: f64) -> bool {
    let share = match is_clear(difference) {
        Some(false) => return false,
        Some(true) => SLIGHT,
        None => UNSURE,
    };
    difference.mean * side > share * to
}

#[cfg(test)]
mod tests {
    use simulator::results::{PairedDifference, WaitSummary};

    use super::*;

    fn scenario(hits: (f64, f64), goodput: (f64, f64), sure: bool) -> ScenarioSummary {
        let known = |mean: f64| Estimate { mean, ci95: None };
        let apart = |mean: f64| Estimate { mean, ci95: sure.then_some([mean - 0.01, mean + 0.01]) };
        let controller = |name: &str, hits: f64, goodput: f64| ControllerSummary {
            name: name.to_owned(),
            replications: 5,
            calls: 100,
            attempts: 100,
            hits: 1,
            overloads: 0,
            lost: 0,
            hits_per_hour: known(hits),
            episodes_per_hour: known(hits),
            success_rate: None,
            success_rate_ci95: None,
            goodput_per_minute: known(goodput),
            goodput_vs_oracle: None,
            goodput_vs_oracle_ci95: None,
            added_wait_s: WaitSummary::default(),
            utilisation: None,
            highest_limit_calls: None,
            highest_in_flight: 1,
        };
        ScenarioSummary {
            name: "s".to_owned(),
            hours: 24.0,
            warmup_hours: 0.0,
            controllers: vec![
                controller("none", hits.0, goodput.0),
                controller("inspect", hits.1, goodput.1),
            ],
            differences: vec![PairedDifference {
                controller: "inspect".to_owned(),
                baseline: "none".to_owned(),
                hits_per_hour: apart(hits.1 - hits.0),
                goodput_per_minute: apart(goodput.1 - goodput.0),
            }],
        }
    }

    #[test]
    fn what_got_worse_is_told_with_both_figures() {
        assert_eq!(
            worse_than_none(&scenario((7.0, 9.0), (4.0, 3.0), true)),
            " Worse than no limiter: inspect, 9.00 refusals an hour against 7.00 and 3.00 goodput a minute against 4.00."
        );
        assert_eq!(worse_than_none(&scenario((7.0, 0.5), (4.0, 4.1), true)), "");
    }

    #[test]
    fn what_may_be_chance_is_not_told() {
        assert_eq!(worse_than_none(&scenario((7.0, 7.5), (4.0, 3.99), false)), "");
        assert!(worse_than_none(&scenario((7.0, 9.5), (4.0, 4.0), false)).contains("9.50 refusals"));
    }
}
